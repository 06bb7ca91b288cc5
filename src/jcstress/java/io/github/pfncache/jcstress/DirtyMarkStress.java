package io.github.pfncache.jcstress;

import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * A page that is marked already is written and marked again, while its mark is harvested and its data read. Either the
 * reader of the harvest sees the new data, or the next harvest has the page again.
 *
 * <p>Results: what the harvest's reader saw of the data; whether the first harvest and the second had the page.
 */
public final class DirtyMarkStress {

    private DirtyMarkStress() {}

    /** The bitmap of the library. */
    @JCStressTest
    @Outcome(id = "0, 1, 1", expect = Expect.ACCEPTABLE, desc = "old data, and the page is dirty again")
    @Outcome(id = "1, 1, 1", expect = Expect.ACCEPTABLE, desc = "new data, reported once more than needed")
    @Outcome(id = "1, 1, 0", expect = Expect.ACCEPTABLE, desc = "new data, reported once")
    @Outcome(expect = Expect.FORBIDDEN, desc = "a write is lost to the log")
    @State
    public static class Fenced {
        private final Memslots memslots = new Memslots();
        private final Memslot slot;
        private int data;

        /** A page that is marked. */
        public Fenced() {
            memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 0x1000, 0x7f00_0000_0000L);
            slot = memslots.table().byId(1);
            slot.markDirty(0);
        }

        /** The guest. */
        @Actor
        public void write() {
            data = 1;
            slot.markDirty(0);
        }

        /** The migration. */
        @Actor
        public void copy(III_Result r) {
            r.r2 = (int) memslots.harvestDirty(1).harvest().count();
            r.r1 = data;
        }

        /** Its next round. */
        @Arbiter
        public void nextRound(III_Result r) {
            r.r3 = (int) memslots.harvestDirty(1).harvest().count();
        }
    }

    /** Negative control: no fence between the data and the look at the bit. x86 lets the look overtake the store. */
    @JCStressTest
    @Outcome(id = "0, 1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the lost write that the fence prevents")
    @Outcome(expect = Expect.ACCEPTABLE, desc = "nothing lost this time")
    @State
    public static class Unfenced {
        private final AtomicLong word = new AtomicLong(1);
        private int data;

        /** The guest, without a fence. */
        @Actor
        public void write() {
            data = 1;
            if ((word.getOpaque() & 1) == 0) {
                word.set(1);
            }
        }

        /** The migration. */
        @Actor
        public void copy(III_Result r) {
            r.r2 = (int) word.getAndSet(0);
            r.r1 = data;
        }

        /** Its next round. */
        @Arbiter
        public void nextRound(III_Result r) {
            r.r3 = (int) word.getAndSet(0);
        }
    }
}
