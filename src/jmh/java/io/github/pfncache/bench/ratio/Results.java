package io.github.pfncache.bench.ratio;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/** The numbers of one run on one JDK, from the JSON file that the harness wrote. */
final class Results {

    private static final String ALLOCATION = "gc.alloc.rate.norm";
    private static final double NANOS_PER_SECOND = 1e9;

    private final String jdk;
    private final Map<Key, JsonObject> byBenchmark;

    /** What tells two results of a run apart. */
    private record Key(String benchmark, Map<String, String> params) {}

    private Results(String jdk, Map<Key, JsonObject> byBenchmark) {
        this.jdk = jdk;
        this.byBenchmark = byBenchmark;
    }

    static Results read(Path json) throws IOException {
        Map<Key, JsonObject> found = new HashMap<>();
        String jdk = "?";
        try (Reader reader = Files.newBufferedReader(json)) {
            for (JsonElement each : JsonParser.parseReader(reader).getAsJsonArray()) { // bounded by the file
                JsonObject result = each.getAsJsonObject();
                String[] name = result.get("benchmark").getAsString().split("\\.");
                String shortName = name[name.length - 2] + "." + name[name.length - 1];
                found.put(new Key(shortName, params(result)), result);
                jdk = result.get("jdkVersion").getAsString();
            }
        }
        return new Results(jdk, found);
    }

    private static Map<String, String> params(JsonObject result) {
        Map<String, String> params = new TreeMap<>();
        JsonObject given = result.getAsJsonObject("params");
        if (given != null) {
            given.entrySet().forEach(entry -> params.put(entry.getKey(), entry.getValue().getAsString()));
        }
        return params;
    }

    /** Version of the JDK that was measured, as it gives it. */
    String jdk() {
        return jdk;
    }

    /** Its feature release: 17, 25. */
    String release() {
        return jdk.split("[.+-]")[0];
    }

    /** A number; empty if the run did not measure it, or not all of it. */
    Optional<Double> number(Figure figure) {
        double largest = Double.NEGATIVE_INFINITY;
        for (String benchmark : figure.benchmarks()) { // bounded by the figure
            JsonObject metric = metric(benchmark, figure);
            if (metric == null) {
                return Optional.empty();
            }
            largest = Math.max(largest, value(metric, figure.kind()));
        }
        return Optional.of(largest * figure.factor());
    }

    /** A metric of a benchmark, or of one method of a group, {@code "Class.group:method"}; null if not measured. */
    private JsonObject metric(String benchmark, Figure figure) {
        String[] nameAndMethod = benchmark.split(":");
        JsonObject result = byBenchmark.get(new Key(nameAndMethod[0], figure.params()));
        if (result == null) {
            return null;
        }
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
            case NANOS -> metric.getAsJsonObject("scorePercentiles").get("50.0").getAsDouble();
            case TAIL_NANOS -> metric.getAsJsonObject("scorePercentiles").get("99.9").getAsDouble();
            case PER_SECOND -> NANOS_PER_SECOND / metric.get("score").getAsDouble();
            case BYTES -> metric.get("score").getAsDouble();
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
