package io.github.pfncache.bench.ratio;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * The numbers of one run on one JDK, from the JSON file that the harness wrote. A benchmark stands there once for each
 * round; a number of the run is the median of those of its rounds, and a ratio the median of the ratios.
 */
final class Results {

    /** What the harness adds to each result: the name of the processor that was measured. */
    static final String PROCESSOR = "processor";

    private static final String ALLOCATION = "gc.alloc.rate.norm";

    private final String processor;
    private final String jdk;
    private final Map<Key, List<JsonObject>> byBenchmark;

    /** What tells two results of a round apart. */
    private record Key(String benchmark, Map<String, String> params) {}

    private Results(String processor, String jdk, Map<Key, List<JsonObject>> byBenchmark) {
        this.processor = processor;
        this.jdk = jdk;
        this.byBenchmark = byBenchmark;
    }

    /**
     * Reads what the harness wrote.
     *
     * @param json the file
     * @param thisProcessor whose results they are if they do not say it
     */
    static Results read(Path json, String thisProcessor) throws IOException {
        Map<Key, List<JsonObject>> found = new HashMap<>();
        String processor = thisProcessor;
        String jdk = "?";
        try (Reader reader = Files.newBufferedReader(json)) {
            for (JsonElement each : JsonParser.parseReader(reader).getAsJsonArray()) { // bounded by the file
                JsonObject result = each.getAsJsonObject();
                String[] name = result.get("benchmark").getAsString().split("\\.");
                String shortName = name[name.length - 2] + "." + name[name.length - 1];
                found.computeIfAbsent(new Key(shortName, params(result)), key -> new ArrayList<>()).add(result);
                jdk = result.get("jdkVersion").getAsString();
                processor = result.has(PROCESSOR) ? result.get(PROCESSOR).getAsString() : processor;
            }
        }
        return new Results(processor, jdk, found);
    }

    private static Map<String, String> params(JsonObject result) {
        Map<String, String> params = new TreeMap<>();
        JsonObject given = result.getAsJsonObject("params");
        if (given != null) {
            given.entrySet().forEach(entry -> params.put(entry.getKey(), entry.getValue().getAsString()));
        }
        return params;
    }

    /** Name of the processor that was measured. */
    String processor() {
        return processor;
    }

    /** Processor and JDK, in short. */
    String name() {
        return processor + ", JDK " + jdk.split("[.+-]")[0];
    }

    /** Version of the JDK that was measured, as it gives it. */
    String jdk() {
        return jdk;
    }

    /** A number; empty if the run did not measure it, or not all of it. */
    Optional<Double> number(Figure figure) {
        return median(numbers(figure));
    }

    /** A ratio of two numbers; empty if the run did not measure both. */
    Optional<Double> ratio(Figure figure, Figure base) {
        return median(ratios(figure, base));
    }

    /** The ratio in each round. */
    List<Double> ratios(Figure figure, Figure base) {
        List<Double> above = numbers(figure);
        List<Double> below = numbers(base);
        return IntStream.range(0, Math.min(above.size(), below.size()))
                .mapToObj(round -> above.get(round) / below.get(round))
                .toList();
    }

    private static Optional<Double> median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int half = sorted.size() / 2;
        return sorted.isEmpty() ? Optional.empty()
                : Optional.of((sorted.get(half) + sorted.get((sorted.size() - 1) / 2)) / 2);
    }

    /** The number in each round; none if the run did not measure all of it. */
    private List<Double> numbers(Figure figure) {
        List<Double> largest = List.of();
        for (String benchmark : figure.benchmarks()) { // bounded by the figure
            List<Double> each = numbers(benchmark, figure);
            if (each.isEmpty()) {
                return each;
            }
            List<Double> former = largest;
            largest = former.isEmpty() ? each : IntStream.range(0, Math.min(each.size(), former.size()))
                    .mapToObj(round -> Math.max(each.get(round), former.get(round)))
                    .toList();
        }
        return largest.stream().map(number -> number * figure.factor()).toList();
    }

    /** Of a benchmark, or of one method of a group, {@code "Class.group:method"}. */
    private List<Double> numbers(String benchmark, Figure figure) {
        String[] nameAndMethod = benchmark.split(":");
        return byBenchmark.getOrDefault(new Key(nameAndMethod[0], figure.params()), List.of()).stream()
                .map(result -> value(metric(result, nameAndMethod, figure), figure.kind()))
                .toList();
    }

    private static JsonObject metric(JsonObject result, String[] nameAndMethod, Figure figure) {
        JsonObject secondary = result.getAsJsonObject("secondaryMetrics");
        if (figure.kind() == Figure.Kind.BYTES) {
            return secondary.getAsJsonObject(ALLOCATION);
        }
        return nameAndMethod.length == 1
                ? result.getAsJsonObject("primaryMetric")
                : secondary.getAsJsonObject(nameAndMethod[1]);
    }

    /** Of a sampled benchmark the percentiles are those of its samples, of another one those of its iterations. */
    private static double value(JsonObject metric, Figure.Kind kind) {
        return switch (kind) {
            case NANOS, BYTES -> metric.getAsJsonObject("scorePercentiles").get("50.0").getAsDouble();
            case TAIL_NANOS -> metric.getAsJsonObject("scorePercentiles").get("99.9").getAsDouble();
        };
    }

    /**
     * How a benchmark's time goes with one of its parameters.
     *
     * @param figure the benchmark, with its other parameters
     * @param param the one that varies; its values are numbers
     * @return median nanoseconds by value
     */
    SortedMap<Double, Double> series(Figure figure, String param) {
        SortedMap<Double, Double> points = new TreeMap<>();
        for (Key key : byBenchmark.keySet()) { // bounded by the results
            String value = key.params().get(param);
            if (value != null && figure.benchmarks().contains(key.benchmark())) {
                number(figure.with(param, value)).ifPresent(nanos -> points.put(Double.valueOf(value), nanos));
            }
        }
        return points;
    }
}
