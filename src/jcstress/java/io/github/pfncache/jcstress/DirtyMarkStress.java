package io.github.pfncache.jcstress;

import io.github.pfncache.cache.CacheDomain;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
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

    /**
     * The same through a cache: the writer has announced a brief hold, marks, and then writes, and the harvest waits
     * for it. The data is read through a mapping, without any order of its own.
     */
    @JCStressTest
    @Outcome(id = "0, 1, 1", expect = Expect.ACCEPTABLE, desc = "old data, and the page is dirty again")
    @Outcome(id = "1, 1, 1", expect = Expect.ACCEPTABLE, desc = "new data, reported once more than needed")
    @Outcome(id = "1, 1, 0", expect = Expect.ACCEPTABLE, desc = "new data, reported once")
    @Outcome(expect = Expect.FORBIDDEN, desc = "a write is lost to the log")
    @State
    public static class Announced {
        private static final long HVA = 0x7f00_0000_0000L;

        private final HostMemory host =
                HostMemory.builder().checked(false).chunkBytes(8192, 8192).maxBytes(8192).build();
        private final Memslots memslots = new Memslots();
        private final GfnPfnCache cache =
                new CacheDomain(memslots, host, RetryPolicy.DEFAULT).newCache(8);
        private final HostMapping page;

        /** A page that is marked. */
        public Announced() {
            host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
            memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 0x1000, HVA);
            cache.activate(0);
            cache.storeByte(0, (byte) 0);
            page = host.map(host.hvaToPage(HVA));
        }

        /** The guest. */
        @Actor
        public void write() {
            cache.storeByte(0, (byte) 1);
        }

        /** The migration. */
        @Actor
        public void copy(III_Result r) {
            r.r2 = (int) memslots.harvestDirty(1).harvest().count();
            r.r1 = (int) page.get(0, 1);
        }

        /** Its next round. */
        @Arbiter
        public void nextRound(III_Result r) {
            r.r3 = (int) memslots.harvestDirty(1).harvest().count();
        }
    }

    /** Negative control: the writer is announced and marks before it writes, and the harvest does not wait for it. */
    @JCStressTest
    @Outcome(id = "0, 1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the lost write that the wait prevents")
    @Outcome(expect = Expect.ACCEPTABLE, desc = "nothing lost this time")
    @State
    public static class Unawaited {
        private final AtomicLong word = new AtomicLong(1);
        private final AtomicLong slot = new AtomicLong();
        private int data;

        /** The guest, announced. */
        @Actor
        public void write() {
            slot.compareAndSet(0, 1);
            if ((word.getOpaque() & 1) == 0) {
                word.set(1);
            }
            data = 1;
            slot.setRelease(0);
        }

        /** The migration, which does not look. */
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
