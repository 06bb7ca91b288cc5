package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Who may use whom. {@link #MAP} is the rule and the documentation; jdeps says what is. */
final class PackageEdgesTest {

    /** A package and those it may use. A row uses rows above it only; memslot and host share nothing but the hva. */
    private static final List<Row> MAP = List.of(
            row("address"),
            row("rules"),
            row("memslot", "address", "rules"),
            row("host", "address", "rules"),
            row("cache", "address", "rules", "memslot", "host"),
            row("vm", "address", "rules", "memslot", "host", "cache"),
            row("pvclock", "address", "rules", "memslot", "cache", "vm"),
            row("xen", "address", "rules", "cache", "vm", "pvclock"),
            row("trace", "address", "rules", "memslot", "host", "cache", "vm", "pvclock", "xen"),
            row("explore", "rules"),
            row("stress", "address", "rules", "memslot", "host", "cache", "vm"),
            row("load", "address", "rules", "memslot", "host", "cache", "vm", "pvclock", "xen", "stress"),
            row("scenario", "address", "rules", "memslot", "host", "cache", "vm", "explore"),
            row("report", "address", "rules", "memslot", "host", "cache", "vm", "trace", "explore", "scenario"),
            row("kvm", "address", "memslot", "host", "cache", "vm", "pvclock", "xen"),
            row("cli", "address", "rules", "memslot", "host", "cache", "vm", "pvclock", "xen", "trace", "explore",
                    "stress", "load", "scenario", "report", "kvm"));

    private static final Pattern EDGE = Pattern.compile("^\\s+(\\S+)\\s+->\\s+(\\S+)\\s+(\\S.*?)\\s*$");
    private static final Pattern EXPORTS = Pattern.compile("exports " + BuiltClasses.ROOT + "\\.(\\w+);");
    private static final String PREFIX = BuiltClasses.ROOT + ".";
    private static final Set<String> COMMAND_LINE = Set.of(PREFIX + "cli", PREFIX + "kvm");

    @Test
    void packagesUseOnlyWhatTheMapAllows() {
        Map<String, Set<String>> edges = edges(BuiltClasses.directory());
        for (Row row : MAP) {
            Set<String> uses = new TreeSet<>(edges.getOrDefault(row.name, Set.of()));
            uses.removeAll(row.mayUse);
            assertThat(uses).as("packages that %s uses and the map does not allow", row.name).isEmpty();
        }
    }

    @Test
    void everyPackageIsOnTheMap() {
        assertThat(MAP.stream().map(Row::name)).containsAll(BuiltClasses.packages());
    }

    @Test
    void aRowUsesRowsAboveItOnly() {
        Set<String> above = new LinkedHashSet<>();
        for (Row row : MAP) {
            assertThat(above).as("rows above %s", row.name).containsAll(row.mayUse);
            assertThat(above.add(row.name)).as("%s has one row", row.name).isTrue();
        }
    }

    @Test
    void onlyTheCommandLineUsesMoreThanTheBaseModule() {
        Set<String> foreign = new TreeSet<>();
        for (String line : BuiltClasses.jdeps("package", BuiltClasses.directory())) {
            Matcher edge = EDGE.matcher(line);
            if (edge.matches() && !edge.group(2).startsWith(PREFIX) && !edge.group(3).equals("java.base")
                    && !COMMAND_LINE.contains(edge.group(1))) {
                foreign.add(edge.group(1) + " -> " + edge.group(2));
            }
        }
        // Classes of events and their reader, which nobody loads without jdk.jfr: see WithoutFlightRecorderTest.
        assertThat(foreign).containsExactlyInAnyOrder(PREFIX + "cache -> jdk.jfr", PREFIX + "memslot -> jdk.jfr",
                PREFIX + "trace -> jdk.jfr", PREFIX + "trace -> jdk.jfr.consumer");
    }

    @Test
    void aModuleExportsThePackagesOfItsRoot() throws IOException {
        Map<String, Set<String>> published = Map.of("main", Jars.LIBRARY, "pv", Jars.PV, "testkit", Jars.TESTKIT);
        for (String root : published.keySet()) {
            Set<String> exported = EXPORTS.matcher(SourceText.withoutComments(Files.readString(Jars.module(root))))
                    .results()
                    .map(match -> match.group(1))
                    .collect(Collectors.toCollection(TreeSet::new));
            assertThat(exported).as(root).isEqualTo(published.get(root));
        }
    }

    @Test
    void everyPackageIsInOneJar() {
        List<String> placed = Stream.of(Jars.LIBRARY, Jars.PV, Jars.TESTKIT, Jars.INTERNAL)
                .flatMap(Set::stream)
                .collect(Collectors.toList());
        assertThat(placed).doesNotHaveDuplicates().containsAll(BuiltClasses.packages());
    }

    /** What only some emulators need can be left out: the library does not use it. */
    @Test
    void aJarUsesThoseItAddsTo() {
        Set<String> seen = new TreeSet<>();
        for (Set<String> jar : List.of(Jars.LIBRARY, Jars.PV, Jars.TESTKIT)) {
            seen.addAll(jar);
            for (Row row : MAP) {
                if (jar.contains(row.name)) {
                    assertThat(seen).as("packages that %s may use", row.name).containsAll(row.mayUse);
                }
            }
        }
    }

    /** Canary: this package uses rules, and the reader of jdeps' output sees it. */
    @Test
    void anEdgeIsSeen() {
        assertThat(edges(BuiltClasses.directoryOf(PackageEdgesTest.class)).get("architecture")).contains("rules");
    }

    /** Package to the other packages of the product that it uses, as compiled in {@code classes}. */
    private static Map<String, Set<String>> edges(Path classes) {
        Map<String, Set<String>> edges = new TreeMap<>();
        for (String line : BuiltClasses.jdeps("package", classes)) {
            Matcher edge = EDGE.matcher(line);
            if (edge.matches() && edge.group(1).startsWith(PREFIX) && edge.group(2).startsWith(PREFIX)
                    && !edge.group(1).equals(edge.group(2))) {
                edges.computeIfAbsent(edge.group(1).substring(PREFIX.length()), name -> new TreeSet<>())
                        .add(edge.group(2).substring(PREFIX.length()));
            }
        }
        return edges;
    }

    private static Row row(String name, String... mayUse) {
        return new Row(name, new TreeSet<>(Arrays.asList(mayUse)));
    }

    private record Row(String name, Set<String> mayUse) {}
}
