package io.github.pfncache.jcstress;

import io.github.pfncache.cache.CacheDomain;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * A page goes to the free list and its frame to another address, which writes there, while somebody looks the page up
 * or accesses it through a cache. Whoever has the page sees what was in it or zeros, never the other address's bytes.
 */
public final class PageStress {

    static final long HVA = 0x7f00_0000_0000L;
    static final long OTHER_HVA = 0x7e00_0000_0000L;
    private static final int BEFORE = 1;
    private static final int FOREIGN = 7;

    private PageStress() {}

    /** A host with room for one frame more than the pages mapped, so that a frame given up is the next given out. */
    abstract static class Host {
        final HostMemory host =
                HostMemory.builder().checked(false).chunkBytes(8192, 8192).maxBytes(8192).build();

        Host() {
            host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
            host.mapAnonymous(OTHER_HVA, 1, Protection.READ_WRITE);
            host.poke(HVA, new byte[] {BEFORE});
        }

        final void recycle() {
            host.discard(HVA, 1);
            host.poke(OTHER_HVA, new byte[] {FOREIGN});
        }

        final int peek(long hva) {
            byte[] found = new byte[1];
            host.peek(hva, found);
            return found[0];
        }
    }

    /** Reference first, then the page-table entry again: without a lock, against the frame being freed. */
    @JCStressTest
    @Outcome(id = {"0", "1"}, expect = Expect.ACCEPTABLE, desc = "the page before it was discarded, or after")
    @Outcome(expect = Expect.FORBIDDEN, desc = "another page's frame")
    @State
    public static class LookUp extends Host {

        /** Looks the page up. */
        @Actor
        public void resolve(I_Result r) {
            HostPage page = host.hvaToPage(HVA);
            HostMapping mapping = host.map(page);
            r.r1 = (int) mapping.get(0, 1);
            host.unmap(mapping);
            host.release(page);
        }

        /** Takes it away. */
        @Actor
        public void discard() {
            recycle();
        }
    }

    /** Through a cache, which holds no reference: the invalidation waits for the access. */
    @JCStressTest
    @Outcome(id = {"0", "1"}, expect = Expect.ACCEPTABLE, desc = "the page before it was discarded, or after")
    @Outcome(expect = Expect.FORBIDDEN, desc = "another page's frame")
    @State
    public static class Access extends Host {
        private final CacheDomain domain = new CacheDomain(new Memslots(), host, RetryPolicy.DEFAULT);
        private final GfnPfnCache cache = domain.newCache(8);

        /** A cache that is valid. */
        public Access() {
            cache.activateHva(HVA);
        }

        /** Accesses the page. */
        @Actor
        public void read(I_Result r) {
            try (GuestAccess access = cache.access()) {
                r.r1 = access.getByte(0);
            }
        }

        /** Takes it away. */
        @Actor
        public void discard() {
            recycle();
        }
    }

    /** Negative control: a mapping used without a lock or a reference. */
    @JCStressTest
    @Outcome(id = "7", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the foreign bytes that the lock prevents")
    @Outcome(id = {"0", "1"}, expect = Expect.ACCEPTABLE, desc = "in time")
    @State
    public static class Unlocked extends Host {
        private final HostMapping mapping;

        /** A mapping whose page is given back at once. */
        public Unlocked() {
            HostPage page = host.hvaToPage(HVA);
            mapping = host.map(page);
            host.release(page);
        }

        /** Uses it all the same. */
        @Actor
        public void read(I_Result r) {
            r.r1 = (int) mapping.get(0, 1);
        }

        /** Takes the page away. */
        @Actor
        public void discard() {
            recycle();
        }
    }
}
