package io.github.pfncache.jcstress;

import io.github.pfncache.cache.CacheDomain;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.memslot.Memslots;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * A load that takes no lock and a store that announces itself, while the page is taken away. The controls are in {@link
 * AnnouncementControls}, and {@link PageStress.Unlocked} on a real frame.
 */
public final class FastPathStress {

    private FastPathStress() {}

    /** A cache of the page, usable. */
    abstract static class Cached extends PageStress.Host {
        final GfnPfnCache cache =
                new CacheDomain(new Memslots(), host, RetryPolicy.DEFAULT).newCache(8);

        Cached() {
            cache.activateHva(PageStress.HVA);
        }
    }

    /** A load never returns what was written into the frame after it was given away. */
    @JCStressTest
    @Outcome(id = {"0", "1"}, expect = Expect.ACCEPTABLE, desc = "the page before it was discarded, or after")
    @Outcome(expect = Expect.FORBIDDEN, desc = "another page's frame, or no page")
    @State
    public static class Load extends Cached {

        /** Reads the page. */
        @Actor
        public void load(I_Result r) {
            r.r1 = cache.loadByte(0, (byte) -1);
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
    public static class Store extends Cached {

        /** Writes to the page. */
        @Actor
        public void store() {
            cache.storeByte(0, (byte) 9);
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

    /** A page that moves takes with it what was stored. Result: the page. */
    @JCStressTest
    @Outcome(id = "9", expect = Expect.ACCEPTABLE, desc = "in the new frame")
    @Outcome(expect = Expect.FORBIDDEN, desc = "stored into the old frame, after the copy")
    @State
    public static class StoreMoved extends Cached {

        /** Writes to the page. */
        @Actor
        public void store() {
            cache.storeByte(0, (byte) 9);
        }

        /** Moves it. */
        @Actor
        public void migrate() {
            host.migrate(PageStress.HVA);
        }

        /** Looks at it. */
        @Arbiter
        public void atRest(I_Result r) {
            r.r1 = peek(PageStress.HVA);
        }
    }
}
