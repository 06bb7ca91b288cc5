package io.github.pfncache.scenario;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.DirtyBitmap;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;

/**
 * A small VM for scenarios: one slot of four pages at {@link #GPA}, backed at {@link #HVA}; page n starts with the
 * number {@code n + 1}. Cheap to make, because a scenario makes one for every schedule.
 */
public final class Guest {

    /** First byte of the slot. */
    public static final long GPA = 0x10000;

    /** What backs it. */
    public static final long HVA = 0x7f0000000000L;

    public static final int PAGES = 4;

    /** Number of the slot. */
    public static final int SLOT = 1;

    public final HostMemory host = HostMemory.builder().chunkBytes(0x4000, 0x10000).build();
    public final Vm vm;

    private Guest(int attempts) {
        RetryPolicy retry = new RetryPolicy(attempts, Duration.ofSeconds(1));
        vm = Vm.builder().host(host).vcpus(0).retry(retry).build();
    }

    /** Anonymous memory, every page touched, no dirty log. */
    public static Guest touched() {
        return touched(8);
    }

    /** The same, with so many attempts for every call on a cache. */
    public static Guest touched(int attempts) {
        Guest guest = new Guest(attempts);
        guest.host.mapAnonymous(HVA, PAGES, Protection.READ_WRITE);
        for (int page = 0; page < PAGES; page++) {
            guest.poke(page, page + 1);
        }
        guest.vm.memslots().set(SLOT, 0, GPA, PAGES * 4096L, HVA);
        return guest;
    }

    /** The same, with the dirty log on. */
    public static Guest logging() {
        Guest guest = touched();
        guest.vm.memslots().setFlags(SLOT, Memslot.FLAG_LOG_DIRTY_PAGES);
        return guest;
    }

    public static long gpa(int page) {
        return GPA + page * 4096L;
    }

    public static long hva(int page) {
        return HVA + page * 4096L;
    }

    /** A cache of 8 bytes at the start of a page. */
    public GfnPfnCache cacheOf(int page) {
        GfnPfnCache cache = vm.newCache(8);
        Expect.that(cache.activate(gpa(page))).isEqualTo(Outcome.OK);
        return cache;
    }

    /** What the host's own process finds at the start of a page. */
    public long peek(int page) {
        byte[] bytes = new byte[8];
        host.peek(hva(page), bytes);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    /** The host's own process writes the start of a page. */
    public void poke(int page, long value) {
        host.poke(hva(page), ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    }

    /** The same, with two numbers. */
    public void poke(int page, long first, long second) {
        host.poke(hva(page), ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putLong(first).putLong(second)
                .array());
    }

    /** Reads through a cache; the value, or null if the access was refused. */
    public static Long read(GfnPfnCache cache) {
        try (GuestAccess access = cache.access()) {
            Interleaving.reached("about to read");
            return access.isUsable() ? access.getLong(0) : null;
        }
    }

    /** Writes through a cache; whether it could. */
    public static boolean write(GfnPfnCache cache, long value) {
        try (GuestAccess access = cache.access()) {
            Interleaving.reached("about to write");
            if (access.isUsable()) {
                access.putLong(0, value);
            }
            return access.isUsable();
        }
    }

    /** The pages in the dirty log, which is empty afterwards. */
    public long[] harvest() {
        DirtyBitmap.Harvest harvest = vm.memslots().harvestDirty(SLOT).harvest();
        return harvest.pages();
    }

    /** At the end of a schedule the cache reads one of these values, null if nothing, and the machine is sound. */
    void endsWith(ScenarioRun stage, GfnPfnCache cache, Object... values) {
        stage.afterwards(() -> {
            Expect.that(read(cache)).as("value at rest").isIn(values);
            atRest();
        });
    }

    /** Nothing is under way: every invariant holds. */
    public void atRest() {
        VmAudit.atRest(vm);
        host.audit();
    }
}
