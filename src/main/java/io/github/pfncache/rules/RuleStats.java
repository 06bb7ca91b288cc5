package io.github.pfncache.rules;

import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counts of how often each rule was checked and found broken in this process. A rule that a test run never checked
 * proves nothing, and a report should say so. Thread-safe.
 *
 * @since 0.1.0
 */
public final class RuleStats {

    private static final ConcurrentMap<Rule, Counts> COUNTS = new ConcurrentHashMap<>();

    private RuleStats() {}

    /**
     * The counts of one rule at one time.
     *
     * @param rule the rule
     * @param checks how often it was checked
     * @param violations how often it was broken
     */
    public record Line(Rule rule, long checks, long violations) {}

    private record Counts(LongAdder checks, LongAdder violations) {}

    static void count(Rule rule, boolean holds) {
        Counts counts = COUNTS.get(rule);
        if (counts == null) {
            counts = COUNTS.computeIfAbsent(rule, r -> new Counts(new LongAdder(), new LongAdder()));
        }
        counts.checks.increment();
        if (!holds) {
            counts.violations.increment();
        }
    }

    /**
     * The counts of one rule up to now.
     *
     * @param rule any rule
     * @return its counts; zeros if it was never checked
     */
    public static Line of(Rule rule) {
        Counts counts = COUNTS.get(rule);
        return counts == null ? new Line(rule, 0, 0) : new Line(rule, counts.checks.sum(), counts.violations.sum());
    }

    /**
     * All rules that were checked at least once.
     *
     * @return a snapshot, ordered by enum and name
     */
    public static List<Line> snapshot() {
        return COUNTS.keySet().stream()
                .map(RuleStats::of)
                .sorted(Comparator.comparing((Line line) -> line.rule().getClass().getName())
                        .thenComparing(line -> line.rule().name()))
                .toList();
    }
}
