package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Which class of a package names which. Classes that all reach each other are a ring: to understand one of them is to
 * understand all. Nested classes count as the class that they are in.
 */
final class LayersTest {

    private static final Pattern EDGE = Pattern.compile("^\\s+(\\S+)\\s+->\\s+(\\S+)\\s+\\S.*$");
    private static final Pattern LAYERS = Pattern.compile("<b>Layers</b>(.*?)<p>", Pattern.DOTALL);
    private static final Pattern NAME = Pattern.compile("\\{@code\\s[\\s*]*(\\w+)}");

    @ParameterizedTest
    @CsvSource({"host, 5", "cache, 3"})
    void noRingIsLarge(String name, int limit) {
        Set<String> largest = Set.of();
        Map<String, Set<String>> graph = graph(name);
        for (String type : graph.keySet()) {
            Set<String> ring = ring(graph, type);
            largest = ring.size() > largest.size() ? ring : largest;
        }
        System.out.printf("largest ring of %s: %d of %d classes %s%n", name, largest.size(), graph.size(), largest);
        assertThat(largest).hasSizeLessThanOrEqualTo(limit);
    }

    @Test
    void classesNameTheirOwnLayerAndThoseAboveIt() throws IOException {
        Map<String, Set<String>> graph = graph("host");
        Set<String> known = new LinkedHashSet<>();
        for (List<String> layer : layers("host")) {
            assertThat(known).as("one layer for each class").doesNotContainAnyElementsOf(layer);
            known.addAll(layer);
            for (String type : layer) {
                assertThat(graph).as("a class of the package").containsKey(type);
                assertThat(known).as("what %s may name", type).containsAll(graph.get(type));
            }
        }
        assertThat(known).as("every class is in a layer").containsAll(graph.keySet());
    }

    /** As the description of the package has them: separated by semicolons. */
    private static List<List<String>> layers(String name) throws IOException {
        String text = Files.readString(
                BuiltClasses.inCheckout("src/main/java/io/github/pfncache/" + name + "/package-info.java"));
        Matcher found = LAYERS.matcher(text);
        assertThat(found.find()).isTrue();
        List<List<String>> layers = new ArrayList<>();
        for (String layer : found.group(1).split(";")) {
            layers.add(NAME.matcher(layer).results().map(match -> match.group(1)).toList());
        }
        return layers;
    }

    private static Set<String> ring(Map<String, Set<String>> graph, String type) {
        Set<String> ring = new TreeSet<>();
        for (String other : reachable(graph, type)) {
            if (other.equals(type) || reachable(graph, other).contains(type)) {
                ring.add(other);
            }
        }
        return ring;
    }

    private static Set<String> reachable(Map<String, Set<String>> graph, String type) {
        Set<String> reached = new LinkedHashSet<>();
        List<String> open = new ArrayList<>(List.of(type));
        while (!open.isEmpty()) { // each class once
            String next = open.remove(open.size() - 1);
            if (reached.add(next)) {
                open.addAll(graph.get(next));
            }
        }
        return reached;
    }

    /** Each class of a package, and the others of the package that it names. */
    private static Map<String, Set<String>> graph(String name) {
        String prefix = BuiltClasses.ROOT + "." + name + ".";
        Map<String, Set<String>> graph = new TreeMap<>();
        for (String line : BuiltClasses.jdeps("class", BuiltClasses.directory())) {
            Matcher edge = EDGE.matcher(line);
            if (edge.matches() && edge.group(1).startsWith(prefix) && !edge.group(1).endsWith("package-info")) {
                String from = outermost(edge.group(1), prefix);
                Set<String> names = graph.computeIfAbsent(from, type -> new TreeSet<>());
                if (edge.group(2).startsWith(prefix) && !outermost(edge.group(2), prefix).equals(from)) {
                    names.add(outermost(edge.group(2), prefix));
                }
            }
        }
        return graph;
    }

    private static String outermost(String type, String prefix) {
        return type.substring(prefix.length()).replaceFirst("\\$.*", "");
    }
}
