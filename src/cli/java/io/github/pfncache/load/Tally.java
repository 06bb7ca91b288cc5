package io.github.pfncache.load;

import io.github.pfncache.cache.Outcome;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.LongAdder;

/** What the threads did, and what they found wrong. Thread-safe. */
final class Tally {

    private static final int SHOWN = 20;

    private final LongAdder accesses = new LongAdder();
    /** Accesses that were made by a vCPU in guest mode. */
    final LongAdder raw = new LongAdder();
    /** Caches that were pointed somewhere. */
    final LongAdder activations = new LongAdder();
    final LongAdder lost = new LongAdder();
    final LongAdder torn = new LongAdder();
    final LongAdder violations = new LongAdder();
    private final Queue<String> findings = new ConcurrentLinkedQueue<>();

    /** Fixed keys. */
    private final Map<Outcome, LongAdder> outcomes = new EnumMap<>(Outcome.class);

    Tally() {
        for (Outcome outcome : Outcome.values()) { // bounded by the outcomes
            outcomes.put(outcome, new LongAdder());
        }
    }

    /** One access through a cache came out like this. */
    boolean accessed(Outcome outcome) {
        accesses.increment();
        outcomes.get(outcome).increment();
        return outcome == Outcome.OK;
    }

    void lost(String what) {
        lost.increment();
        found("LOST: " + what);
    }

    void torn(String what) {
        torn.increment();
        found("TORN: " + what);
    }

    void violated(String what) {
        violations.increment();
        found(what);
    }

    private void found(String what) {
        if (findings.size() < SHOWN) {
            findings.add(what);
        }
    }

    long accesses() {
        return accesses.sum();
    }

    long count(Outcome outcome) {
        return outcomes.get(outcome).sum();
    }

    List<String> findings() {
        return List.copyOf(findings);
    }
}
