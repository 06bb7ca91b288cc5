package io.github.pfncache.cache;

import io.github.pfncache.rules.TrackedRwLock;

/** The answer of a call that locks, as a number: a hold of the read side, or the outcome of a refusal. */
final class Hold {

    private static final Outcome[] OUTCOMES = Outcome.values();

    private Hold() {}

    /** What stands for an outcome where a hold would be. */
    static int codeOf(Outcome outcome) {
        return TrackedRwLock.NOT_TAKEN - outcome.ordinal();
    }

    /** Whether this is a hold, and not a refusal or {@link TrackedRwLock#NOT_TAKEN}. */
    static boolean isHold(int hold) {
        return hold > TrackedRwLock.NOT_TAKEN;
    }

    /** The outcome of a refusal; OK for a hold. */
    static Outcome outcomeOf(int hold) {
        return isHold(hold) ? Outcome.OK : OUTCOMES[TrackedRwLock.NOT_TAKEN - hold];
    }
}
