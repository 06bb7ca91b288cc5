package io.github.pfncache.jcstress;

import io.github.pfncache.interleaving.OpenLock;
import io.github.pfncache.rules.TrackedRwLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A reader that announces itself and a writer. What they guard is plain, so whatever order there is
 * comes from the lock.
 */
public final class AnnouncedReaderStress {

    private AnnouncedReaderStress() {}

    /** What the writer writes in two parts is read whole. Results: the parts. */
    @JCStressTest
    @Outcome(id = {"0, 0", "1, 1"}, expect = Expect.ACCEPTABLE, desc = "before the writer or after it")
    @Outcome(expect = Expect.FORBIDDEN, desc = "half written")
    @State
    public static class Pair {
        private final TrackedRwLock lock = new OpenLock().lock;
        private int first;
        private int second;

        /** Reads in the order in which they are written: a writer that comes between shows in the second. */
        @Actor
        public void read(II_Result r) {
            int hold = lock.readLock();
            r.r1 = first;
            r.r2 = second;
            lock.readUnlock(hold);
        }

        /** Writes both. */
        @Actor
        public void write() {
            lock.writeLock();
            first = 1;
            second = 1;
            lock.writeUnlock();
        }
    }

    /** As {@link Pair}, with a reader and a writer that do not wait. Results: the parts, -1 if there was a writer. */
    @JCStressTest
    @Outcome(id = {"0, 0", "1, 1"}, expect = Expect.ACCEPTABLE, desc = "before the writer or after it")
    @Outcome(id = "-1, -1", expect = Expect.ACCEPTABLE, desc = "the writer is there")
    @Outcome(expect = Expect.FORBIDDEN, desc = "half written")
    @State
    public static class PairTried {
        private final TrackedRwLock lock = new OpenLock().lock;
        private int first;
        private int second;

        /** Reads if it may. */
        @Actor
        public void read(II_Result r) {
            int hold = lock.tryReadLock();
            r.r1 = -1;
            r.r2 = -1;
            if (hold != TrackedRwLock.NOT_TAKEN) {
                r.r1 = first;
                r.r2 = second;
                lock.readUnlock(hold);
            }
        }

        /** Writes if it may. */
        @Actor
        public void write() {
            if (lock.tryWriteLock()) {
                first = 1;
                second = 1;
                lock.writeUnlock();
            }
        }
    }

    /**
     * What was done under a brief hold is there for the writer, and the other way round. The controls are in {@link
     * AnnouncementControls}. Results: whether each saw what the other did; -1 for a store that was refused.
     */
    @JCStressTest
    @Outcome(id = {"0, 1", "1, 0"}, expect = Expect.ACCEPTABLE, desc = "one saw what the other did")
    @Outcome(id = "-1, 0", expect = Expect.ACCEPTABLE, desc = "refused")
    @Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "a reader was missed, or what it did")
    @Outcome(expect = Expect.FORBIDDEN, desc = "each before the other")
    @State
    public static class Store {
        private final OpenLock open = new OpenLock();
        private final TrackedRwLock lock = open.lock;
        private int data;
        private int withdrawn;

        /** As a store does: a reader of the lock writes what the lock does not guard. */
        @Actor
        public void store(II_Result r) {
            r.r1 = -1;
            int hold = open.tryReadBriefly();
            if (hold != TrackedRwLock.NOT_TAKEN) {
                r.r1 = withdrawn;
                data = 1;
                TrackedRwLock.leaveBriefly(lock, hold);
            }
        }

        /** As an invalidation does. */
        @Actor
        public void withdraw(II_Result r) {
            lock.writeLock();
            r.r2 = data;
            withdrawn = 1;
            lock.writeUnlock();
        }
    }
}
