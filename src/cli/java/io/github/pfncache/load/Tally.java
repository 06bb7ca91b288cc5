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
    private final LongAdder raw = new LongAdder();
    private final LongAdder activations = new LongAdder();
    private final LongAdder lost = new LongAdder();
    private final LongAdder torn = new LongAdder();
    private final LongAdder violations = new LongAdder();
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

    /** One of the accesses was made by a vCPU in guest mode. */
    void raw() {
        raw.increment();
    }

    /** A cache was pointed somewhere. */
    void activated() {
        activations.increment();
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

    long rawAccesses() {
        return raw.sum();
    }

    long activations() {
        return activations.sum();
    }

    long lost() {
        return lost.sum();
    }

    long torn() {
        return torn.sum();
    }

    long violations() {
        return violations.sum();
    }

    long count(Outcome outcome) {
        return outcomes.get(outcome).sum();
    }

    List<String> findings() {
        return List.copyOf(findings);
    }
}
