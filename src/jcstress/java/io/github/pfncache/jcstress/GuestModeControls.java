package io.github.pfncache.jcstress;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * Negative controls of {@link GuestModeStress}: guest mode in small, with one step of its argument left out. Each shows
 * what the step prevents.
 *
 * <p>Results: whether the vCPU made its raw store, and what of it the taker saw when it gave the page away; -1 if the
 * taker would have waited. A store that was made and is not seen lands in a page that was given away.
 */
public final class GuestModeControls {

    private GuestModeControls() {}

    /** The mode, the request, what is wanted, and the page; each is accessed as the control says. */
    abstract static class Small {
        static final VarHandle INSIDE;
        static final VarHandle REQUEST;
        static final VarHandle MARKED;
        static final VarHandle WANTED;

        static {
            try {
                MethodHandles.Lookup lookup = MethodHandles.lookup();
                INSIDE = lookup.findVarHandle(Small.class, "inside", int.class);
                REQUEST = lookup.findVarHandle(Small.class, "request", int.class);
                MARKED = lookup.findVarHandle(Small.class, "marked", int.class);
                WANTED = lookup.findVarHandle(Small.class, "wanted", int.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        int inside;
        int request;
        int wanted;
        int marked = 1;
        int data;
    }

    /** Who enters looks at the request without a fence: the look overtakes the entry. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the stale hold that the fence prevents")
    @Outcome(expect = Expect.ACCEPTABLE, desc = "dropped, seen or waited for")
    @State
    public static class EnterWithoutFence extends Small {

        /** Enters, looks, and writes. */
        @Actor
        public void vcpu(II_Result r) {
            INSIDE.setOpaque(this, 1);
            if ((int) REQUEST.getOpaque(this) == 0) {
                r.r1 = 1;
                data = 1;
            }
            INSIDE.setRelease(this, 0);
        }

        /** Requests, and looks at the mode. */
        @Actor
        public void take(II_Result r) {
            REQUEST.setVolatile(this, 1);
            r.r2 = (int) INSIDE.getVolatile(this) == 0 ? data : -1;
        }
    }

    /** The kick is acknowledged before the last raw store. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the late store that the order prevents")
    @Outcome(expect = Expect.ACCEPTABLE, desc = "seen or waited for")
    @State
    public static class AcknowledgedEarly extends Small {

        /** A vCPU that is inside. */
        public AcknowledgedEarly() {
            inside = 1;
        }

        /** Acknowledges, then writes. */
        @Actor
        public void vcpu(II_Result r) {
            INSIDE.setRelease(this, 0);
            data = 1;
            r.r1 = 1;
        }

        /** Requests, and looks at the mode. */
        @Actor
        public void take(II_Result r) {
            REQUEST.setVolatile(this, 1);
            r.r2 = (int) INSIDE.getVolatile(this) == 0 ? data : -1;
        }
    }

    /** The request is there before what is wanted: it is acknowledged, and the page was not dropped. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the lost drop that the order prevents")
    @Outcome(expect = Expect.ACCEPTABLE, desc = "dropped, seen or waited for")
    @State
    public static class RequestBeforeList extends Small {

        /** Polls: what is requested is acknowledged, what is wanted is dropped; then writes to what is left. */
        @Actor
        public void vcpu(II_Result r) {
            if ((int) REQUEST.getAcquire(this) == 1) {
                boolean dropped = (int) WANTED.getAcquire(this) == 1;
                INSIDE.setRelease(this, 2); // acknowledged
                if (!dropped) {
                    data = 1;
                    r.r1 = 1;
                }
            }
        }

        /** Requests too early, and looks whether that is acknowledged. */
        @Actor
        public void take(II_Result r) {
            REQUEST.setVolatile(this, 1);
            WANTED.setVolatile(this, 1);
            r.r2 = (int) INSIDE.getVolatile(this) == 2 ? data : -1;
        }
    }

    /** A hold looks at the mark without a fence after it has become writable: the look overtakes that. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the write in no log that the fence prevents")
    @Outcome(expect = Expect.ACCEPTABLE, desc = "marked, seen or waited for")
    @State
    public static class MarkWithoutFence extends Small {

        /** Becomes writable, marks unless that is marked, and writes. */
        @Actor
        public void vcpu(II_Result r) {
            INSIDE.setOpaque(this, 1);
            if ((int) MARKED.getOpaque(this) == 1) { // and so does not mark
                r.r1 = 1;
                data = 1;
            }
        }

        /** Takes the mark, and looks who holds the page for writing. */
        @Actor
        public void harvest(II_Result r) {
            MARKED.getAndSet(this, 0);
            r.r2 = (int) INSIDE.getVolatile(this) == 0 ? data : -1;
        }
    }
}
