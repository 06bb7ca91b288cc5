package io.github.pfncache.jcstress;

import io.github.pfncache.memslot.Memslots;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * A reader counts itself in and reads the table; a writer publishes a table and looks at the counts. Store then load on
 * both sides: one of the two sees the other.
 *
 * <p>Results: 0 no slot found, 1 its memory, 2 its memory after it was given up.
 */
public final class SlotReaderStress {

    private SlotReaderStress() {}

    /** The read sections of the library. */
    @JCStressTest
    @Outcome(id = {"0", "1"}, expect = Expect.ACCEPTABLE, desc = "before the deletion or after it")
    @Outcome(expect = Expect.FORBIDDEN, desc = "a reader was missed")
    @State
    public static class Sections {
        private final Memslots memslots = new Memslots();
        private boolean backed = true;

        /** One slot. */
        public Sections() {
            memslots.set(1, 0, 0, 0x1000, 0x7f00_0000_0000L);
        }

        /** A vCPU. */
        @Actor
        public void read(I_Result r) {
            int token = memslots.enterRead();
            if (memslots.table().find(0) != null) {
                r.r1 = backed ? 1 : 2;
            }
            memslots.exitRead(token);
        }

        /** The VMM: the memory is written without a lock, because nobody uses it any more. */
        @Actor
        public void delete() {
            if (memslots.set(1, 0, 0, 0, 0) == Memslots.Change.DONE) {
                backed = false;
            }
        }
    }

    /** Negative control: the same two stores and loads without order. On x86 a load overtakes the store before it. */
    @JCStressTest
    @Outcome(id = "2", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the missed reader that the order prevents")
    @Outcome(id = {"0", "1"}, expect = Expect.ACCEPTABLE, desc = "before the deletion or after it")
    @State
    public static class Unordered {
        private int inside;
        private boolean listed = true;
        private boolean backed = true;

        /** A vCPU. */
        @Actor
        public void read(I_Result r) {
            inside = 1;
            if (listed) {
                r.r1 = backed ? 1 : 2;
            }
            inside = 0;
        }

        /** The VMM. */
        @Actor
        public void delete() {
            listed = false;
            if (inside == 0) {
                backed = false;
            }
        }
    }
}
