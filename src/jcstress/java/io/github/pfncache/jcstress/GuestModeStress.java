package io.github.pfncache.jcstress;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheDomain;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A vCPU that holds a page raw, while the page is taken away and its frame used again, or the dirty log is harvested.
 * {@link GuestModeControls} has each argument with a step left out.
 */
public final class GuestModeStress {

    private static final long GPA = 0x10_0000;

    private GuestModeStress() {}

    /** A guest whose one page is that of the host, and a vCPU that keeps what it holds until it is told to drop it. */
    abstract static class Guest extends PageStress.Host {
        final Memslots memslots = new Memslots();
        final GuestMode mode =
                new CacheDomain(memslots, host, RetryPolicy.DEFAULT).newGuestMode(gpa -> this.page = null);
        HeldPage page;

        Guest(int flags) {
            memslots.set(1, flags, GPA, Pages.PAGE_SIZE, PageStress.HVA);
        }

        final void write(int value) {
            if (page == null) {
                page = mode.hold(GPA, true);
            }
            page.bytes().put(0, (byte) value);
        }

        /** Held, and the vCPU is outside and without a thread. */
        final void holdAndGo() {
            mode.enter();
            page = mode.hold(GPA, true);
            mode.leave();
            mode.handOver();
        }
    }

    /** A raw store never lands in a frame that was given away. Results: the other page, and this one. */
    @JCStressTest
    @Outcome(id = "7, 0", expect = Expect.ACCEPTABLE, desc = "stored, then discarded")
    @Outcome(id = "7, 9", expect = Expect.ACCEPTABLE, desc = "discarded, then stored into the new frame")
    @Outcome(expect = Expect.FORBIDDEN, desc = "stored into another page's frame, or lost")
    @State
    public static class HeldStore extends Guest {

        /** A page that is not held yet. */
        public HeldStore() {
            super(0);
        }

        /** Holds the page, and writes to it before and after a safepoint. */
        @Actor
        public void vcpu() {
            mode.enter();
            write(9);
            mode.poll();
            write(9);
            mode.leave();
        }

        /** Takes it away. */
        @Actor
        public void discard() {
            recycle();
        }

        /** Looks at both pages. */
        @Arbiter
        public void atRest(II_Result r) {
            r.r1 = peek(PageStress.OTHER_HVA);
            r.r2 = peek(PageStress.HVA);
        }
    }

    /** Who enters drops what was taken away while the vCPU was outside. Results: the other page, and this one. */
    @JCStressTest
    @Outcome(id = "7, 0", expect = Expect.ACCEPTABLE, desc = "stored, then discarded")
    @Outcome(id = "7, 9", expect = Expect.ACCEPTABLE, desc = "discarded, then stored into the new frame")
    @Outcome(expect = Expect.FORBIDDEN, desc = "stored into another page's frame, or lost")
    @State
    public static class EnterAgainstRequest extends Guest {

        /** A page that is held outside. */
        public EnterAgainstRequest() {
            super(0);
            holdAndGo();
        }

        /** Enters, and writes to what it holds. */
        @Actor
        public void vcpu() {
            mode.enter();
            write(9);
            mode.leave();
        }

        /** Takes it away. */
        @Actor
        public void discard() {
            recycle();
        }

        /** Looks at both pages. */
        @Arbiter
        public void atRest(II_Result r) {
            r.r1 = peek(PageStress.OTHER_HVA);
            r.r2 = peek(PageStress.HVA);
        }
    }

    /** Each poll finds a list that is complete. Results: the other page, and this one. */
    @JCStressTest
    @Outcome(id = "7, 0", expect = Expect.ACCEPTABLE, desc = "stored, then discarded")
    @Outcome(id = "7, 9", expect = Expect.ACCEPTABLE, desc = "discarded, then stored into the new frame")
    @Outcome(expect = Expect.FORBIDDEN, desc = "stored into another page's frame, or lost")
    @State
    public static class PollAgainstRequest extends Guest {

        /** A page that is held outside. */
        public PollAgainstRequest() {
            super(0);
            holdAndGo();
        }

        /** Polls, and writes to what it holds, again and again. */
        @Actor
        public void vcpu() {
            mode.enter();
            for (int i = 0; i < 8; i++) { // eight
                mode.poll();
                write(9);
            }
            mode.leave();
        }

        /** Takes it away. */
        @Actor
        public void discard() {
            recycle();
        }

        /** Looks at both pages. */
        @Arbiter
        public void atRest(II_Result r) {
            r.r1 = peek(PageStress.OTHER_HVA);
            r.r2 = peek(PageStress.HVA);
        }
    }

    /** What is copied after a harvest, and after the next one, is what was written. Results: the copy, and the page. */
    @JCStressTest
    @Outcome(id = "9, 9", expect = Expect.ACCEPTABLE, desc = "complete")
    @Outcome(expect = Expect.FORBIDDEN, desc = "written, and in no harvest")
    @State
    public static class HarvestAgainstHeldStore extends Guest {
        private int copy = 1;

        /** A page that logs. */
        public HarvestAgainstHeldStore() {
            super(Memslot.FLAG_LOG_DIRTY_PAGES);
        }

        private void follow() {
            if (memslots.harvestDirty(1).harvest().count() != 0) {
                copy = peek(PageStress.HVA);
            }
        }

        /** Writes before and after a safepoint. */
        @Actor
        public void vcpu() {
            mode.enter();
            write(8);
            mode.poll();
            write(9);
            mode.leave();
        }

        /** Copies what is dirty. */
        @Actor
        public void harvest() {
            follow();
        }

        /** The last round. */
        @Arbiter
        public void atRest(II_Result r) {
            follow();
            r.r1 = copy;
            r.r2 = peek(PageStress.HVA);
        }
    }
}
