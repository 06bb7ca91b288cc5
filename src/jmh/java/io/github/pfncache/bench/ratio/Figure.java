package io.github.pfncache.bench.ratio;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Where a number of a row comes from.
 *
 * @param benchmarks class and method, {@code "LoadBenchmark.plain"}; of a group, class, group and method,
 *     {@code "InvalidatedLoadBenchmark.moving:load"}; of several it is the largest number
 * @param params values of its parameters; empty if it has none
 * @param kind which of its numbers
 * @param factor what that is multiplied by
 */
record Figure(List<String> benchmarks, Map<String, String> params, Kind kind, double factor) {

    /** Numbers that a benchmark has. */
    enum Kind {
        /** Median of the time of an operation. */
        NANOS("ns"),
        /** The time of an operation that one in a thousand exceeds; of sampled benchmarks. */
        TAIL_NANOS("ns"),
        /** Bytes allocated by an operation. */
        BYTES("B/op");

        private final String unit;

        Kind(String unit) {
            this.unit = unit;
        }

        String unit() {
            return unit;
        }
    }

    static Figure nanos(String benchmark) {
        return new Figure(List.of(benchmark), Map.of(), Kind.NANOS, 1);
    }

    static Figure tailNanos(String benchmark) {
        return new Figure(List.of(benchmark), Map.of(), Kind.TAIL_NANOS, 1);
    }

    /** The most that any of them allocates. */
    static Figure mostBytes(String... benchmarks) {
        return new Figure(List.of(benchmarks), Map.of(), Kind.BYTES, 1);
    }

    /** The same with a parameter more. */
    Figure with(String name, Object value) {
        Map<String, String> more = new TreeMap<>(params);
        more.put(name, value.toString());
        return new Figure(benchmarks, Collections.unmodifiableMap(more), kind, factor);
    }

    /** The same, multiplied: two threads do twice the work of one. */
    Figure times(double by) {
        return new Figure(benchmarks, params, kind, factor * by);
    }

    /** What the same benchmarks allocate. */
    Figure allocation() {
        List<String> whole = benchmarks.stream().map(name -> name.split(":")[0]).toList();
        return new Figure(whole, params, Kind.BYTES, 1);
    }

    /** The classes that measure it: what to run for this figure alone, as a regular expression. */
    String benchmarkClasses() {
        return benchmarks.stream()
                .map(name -> name.substring(0, name.indexOf('.')))
                .distinct()
                .collect(Collectors.joining("|"));
    }
}
