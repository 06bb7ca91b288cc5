package io.github.pfncache.jcstress;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * Negative controls of {@link AnnouncedReaderStress} and {@link FastPathStress}: the announcement in small, with one
 * step of its argument left out. Each shows what the step prevents.
 *
 * <p>Results of the stores: whether it was allowed, and what of it the withdrawal saw on its return; -1 if it did not
 * get there. One that is allowed and not seen lands in a page that was given away.
 */
public final class AnnouncementControls {

    private AnnouncementControls() {}

    /** One word to announce a reader in, and the flag; each is accessed as the control says. */
    abstract static class Small {
        static final VarHandle SLOT;
        static final VarHandle OPEN;

        static {
            try {
                MethodHandles.Lookup lookup = MethodHandles.lookup();
                SLOT = lookup.findVarHandle(Small.class, "slot", int.class);
                OPEN = lookup.findVarHandle(Small.class, "open", boolean.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        int slot;
        boolean open = true;
        int data;

        final int withdraw() {
            OPEN.setVolatile(this, false);
            return (int) SLOT.getVolatile(this) == 0 ? data : -1; // looks once, and gives up rather than wait
        }
    }

    /** No fence between the announcement and the look at the flag. On x86 the look overtakes the announcement. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the missed store that the fence prevents")
    @Outcome(expect = Expect.ACCEPTABLE, desc = "refused, seen or waited for")
    @State
    public static class NoFence extends Small {

        /** Announces itself without a locked instruction. */
        @Actor
        public void store(II_Result r) {
            SLOT.setOpaque(this, 1);
            if ((boolean) OPEN.getVolatile(this)) {
                r.r1 = 1;
                data = 1;
            }
            SLOT.setRelease(this, 0);
        }

        /** Takes the page away. */
        @Actor
        public void invalidate(II_Result r) {
            r.r2 = withdraw();
        }
    }

    /** The announcement ends before the data is written. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the late store that the order prevents")
    @Outcome(expect = Expect.ACCEPTABLE, desc = "refused, seen or waited for")
    @State
    public static class FreedEarly extends Small {

        /** Leaves, then writes. */
        @Actor
        public void store(II_Result r) {
            SLOT.compareAndSet(this, 0, 1);
            boolean allowed = (boolean) OPEN.getVolatile(this);
            SLOT.setRelease(this, 0);
            if (allowed) {
                r.r1 = 1;
                data = 1;
            }
        }

        /** Takes the page away. */
        @Actor
        public void invalidate(II_Result r) {
            r.r2 = withdraw();
        }
    }

    /** The withdrawal does not look whether anybody is announced. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the late store that the wait prevents")
    @Outcome(expect = Expect.ACCEPTABLE, desc = "refused or seen")
    @State
    public static class NoWait extends Small {

        /** Does what it should. */
        @Actor
        public void store(II_Result r) {
            SLOT.compareAndSet(this, 0, 1);
            if ((boolean) OPEN.getVolatile(this)) {
                r.r1 = 1;
                data = 1;
            }
            SLOT.setRelease(this, 0);
        }

        /** Takes the page away at once. */
        @Actor
        public void invalidate(II_Result r) {
            OPEN.setVolatile(this, false);
            r.r2 = data;
        }
    }

    /** A load that looks at the window before the data only. Results: what was read, -1 if it was refused. */
    @JCStressTest
    @Outcome(id = "7", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the foreign bytes that the second look prevents")
    @Outcome(id = {"-1", "0"}, expect = Expect.ACCEPTABLE, desc = "in time, or refused")
    @State
    public static class CheckedBefore {
        private final Frame frame = new Frame();
        private volatile Frame window = frame;

        /** What the window leads to. */
        private static final class Frame {
            private int data;
        }

        /** Looks, then reads. */
        @Actor
        public void load(I_Result r) {
            Frame open = window;
            r.r1 = open == null ? -1 : open.data;
        }

        /** Takes the page away and gives it to somebody else. */
        @Actor
        public void recycle() {
            window = null;
            frame.data = 7;
        }
    }
}
