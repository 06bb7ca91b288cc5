package io.github.pfncache.xen;

import java.util.Arrays;
import java.util.Objects;

/**
 * How long a vCPU was in each state, up to when it entered the present one. Immutable.
 *
 * <p>The four times add up to the entry time, always, modulo 2<sup>64</sup>: {@link #isConsistent}. ABI: {@code struct
 * vcpu_runstate_info}.
 *
 * @param state the present state
 * @param entryNanos when it was entered, by the guest's clock
 * @param running nanoseconds in {@link RunState#RUNNING}
 * @param runnable nanoseconds in {@link RunState#RUNNABLE}
 * @param blocked nanoseconds in {@link RunState#BLOCKED}
 * @param offline nanoseconds in {@link RunState#OFFLINE}
 * @since 0.1.0
 */
public record RunstateTimes(
        RunState state, long entryNanos, long running, long runnable, long blocked, long offline) {

    /**
     * The times. Any numbers: {@link #isConsistent} says whether they make sense.
     *
     * @param state the present state
     * @param entryNanos when it was entered, by the guest's clock
     * @param running nanoseconds in {@link RunState#RUNNING}
     * @param runnable nanoseconds in {@link RunState#RUNNABLE}
     * @param blocked nanoseconds in {@link RunState#BLOCKED}
     * @param offline nanoseconds in {@link RunState#OFFLINE}
     * @throws NullPointerException if there is no state
     */
    public RunstateTimes {
        Objects.requireNonNull(state, "state");
    }

    /** Nothing has happened yet: what passes before the first change of state is time offline. */
    static final RunstateTimes INITIAL = new RunstateTimes(RunState.RUNNING, 0, 0, 0, 0, 0);

    /**
     * Time in one state.
     *
     * @param which the state
     * @return nanoseconds, without what has passed since the present state was entered
     */
    public long in(RunState which) {
        return times()[which.ordinal()];
    }

    /**
     * Whether the four times add up to the entry time.
     *
     * @return true iff they do
     */
    public boolean isConsistent() {
        return Arrays.stream(times()).sum() == entryNanos;
    }

    private long[] times() {
        return new long[] {running, runnable, blocked, offline};
    }

    private static RunstateTimes of(RunState state, long entryNanos, long[] times) {
        return new RunstateTimes(state, entryNanos, times[0], times[1], times[2], times[3]);
    }

    /**
     * What it is after a change of state.
     *
     * @param next the state entered now; the present one again brings the times up to date
     * @param now the guest's clock; a clock that was set back lets no time pass
     * @param spent the state in which the time was that has passed
     * @param stolen of the time that has passed, how much something else ran; at most what has passed
     */
    RunstateTimes entering(RunState next, long now, RunState spent, long stolen) {
        long passed = passedAt(now);
        long[] times = times();
        times[spent.ordinal()] += passed - stolen;
        times[RunState.RUNNABLE.ordinal()] += stolen;
        return of(next, entryNanos + passed, times);
    }

    /** How long the present state has lasted; nothing by a clock that was set back, also beyond what is a time. */
    long passedAt(long now) {
        return now <= entryNanos ? 0 : now - entryNanos;
    }

    /** This plus the changes of another. */
    RunstateTimes plus(long entryDelta, long[] deltas) {
        long[] times = times();
        Arrays.setAll(times, i -> times[i] + deltas[i]);
        return of(state, entryNanos + entryDelta, times);
    }

    /**
     * Whether this could be true at some time: it adds up, and was entered before. As the ABI has it, by unsigned
     * times.
     */
    boolean isPossibleAt(long now) {
        return isConsistent() && Long.compareUnsigned(entryNanos, now) <= 0;
    }
}
