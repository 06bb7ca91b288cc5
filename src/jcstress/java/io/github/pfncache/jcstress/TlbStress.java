package io.github.pfncache.jcstress;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheDomain;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.memslot.Memslots;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A miss, which tags an entry of a TLB, and a hit that goes by the tag, while the page is taken away. */
public final class TlbStress {

    private static final long GPA = 0x10_0000;

    private TlbStress() {}

    /** A guest whose one page is that of the host, and a vCPU that has not begun. */
    abstract static class Guest extends PageStress.Host implements GuestTlb.Unbacked {
        final GuestTlb tlb;

        Guest() {
            Memslots memslots = new Memslots();
            tlb = new CacheDomain(memslots, host, RetryPolicy.DEFAULT).newTlb(GuestTlb.MIN_ENTRIES, this);
            memslots.set(1, 0, GPA, Pages.PAGE_SIZE, PageStress.HVA);
        }

        @Override
        public final long load(long gpa, int width, io.github.pfncache.cache.Outcome why) {
            return -1;
        }

        @Override
        public final void store(long gpa, int width, long value, io.github.pfncache.cache.Outcome why) {
            throw new AssertionError(why);
        }
    }

    /** No load returns what was written into the frame after it was given away, nor what the page was before that. */
    @JCStressTest
    @Outcome(id = {"0, 0", "1, 0", "1, 1"}, expect = Expect.ACCEPTABLE, desc = "the page, discarded at some time")
    @Outcome(expect = Expect.FORBIDDEN, desc = "another page's frame, or no page, or a page that has gone")
    @State
    public static class Loads extends Guest {

        /** Reads the page, twice. */
        @Actor
        public void load(II_Result r) {
            r.r1 = tlb.loadByte(GPA);
            r.r2 = tlb.loadByte(GPA);
        }

        /** Takes it away. */
        @Actor
        public void discard() {
            recycle();
        }
    }

    /** A store never lands in a frame that was given away. Results: the other page, and this one. */
    @JCStressTest
    @Outcome(id = "7, 0", expect = Expect.ACCEPTABLE, desc = "stored, then discarded")
    @Outcome(id = "7, 9", expect = Expect.ACCEPTABLE, desc = "discarded, then stored into the new frame")
    @Outcome(expect = Expect.FORBIDDEN, desc = "stored into another page's frame")
    @State
    public static class Store extends Guest {

        /** Reads the page, and writes to it. */
        @Actor
        public void store() {
            tlb.loadByte(GPA);
            tlb.storeByte(GPA, (byte) 9);
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
}
