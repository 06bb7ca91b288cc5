package io.github.pfncache.sweep;

import static io.github.pfncache.sweep.SweepMachine.AREA;
import static io.github.pfncache.sweep.SweepMachine.CACHED;
import static io.github.pfncache.sweep.SweepMachine.COPIES;
import static io.github.pfncache.sweep.SweepMachine.FILE;
import static io.github.pfncache.sweep.SweepMachine.LOW;
import static io.github.pfncache.sweep.SweepMachine.TLB;
import static io.github.pfncache.sweep.SweepMachine.WINDOW;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.AtomicOp;
import io.github.pfncache.cache.CacheDomain;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.GuestMemory;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.GuestView;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.cache.TypedAccess;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslots;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** What is done with guest memory. */
final class CacheOperations {

    private static final long PATTERN = 0x1122334455667788L;

    private CacheOperations() {}

    /** Loads and stores of one step: what a guest's code is made of. */
    static List<Operation> oneShots() {
        return List.of(
                new Operation("cache.storeByte", m -> m.cache.storeByte(0, (byte) PATTERN)),
                new Operation("cache.storeShort", m -> m.cache.storeShort(2, (short) PATTERN)),
                new Operation("cache.storeInt", m -> m.cache.storeInt(4, (int) PATTERN)),
                new Operation("cache.storeLong", m -> m.cache.storeLong(8, PATTERN)),
                new Operation("cache.loadByte", m -> m.cache.loadByte(0, (byte) 9)),
                new Operation("cache.loadShort", m -> m.cache.loadShort(2, (short) 9)),
                new Operation("cache.loadInt", m -> m.cache.loadInt(4, 9)),
                new Operation("cache.loadLong", m -> m.cache.loadLong(8, 9)),
                new Operation("cache.storeShortRelease", m -> m.cache.storeShortRelease(2, (short) PATTERN)),
                new Operation("cache.storeIntRelease", m -> m.cache.storeIntRelease(4, (int) PATTERN)),
                new Operation("cache.storeLongRelease", m -> m.cache.storeLongRelease(8, PATTERN)),
                new Operation("cache.loadAcquire", m -> m.cache.loadShortAcquire(2, (short) 9) + " "
                        + m.cache.loadIntAcquire(4, 9) + " " + m.cache.loadLongAcquire(8, 9)),
                new Operation("cache.tryLoad", m -> m.cache.tryLoad(8, 4)),
                new Operation("cache by hva, storeLong", m -> m.byHva.storeLong(8, PATTERN)),
                new Operation("tlb.storeByte", m -> done(() -> m.tlb.storeByte(TLB + 0x10, (byte) PATTERN))),
                new Operation("tlb.storeShort", m -> done(() -> m.tlb.storeShort(TLB + 0x12, (short) PATTERN))),
                new Operation("tlb.storeInt", m -> done(() -> m.tlb.storeInt(TLB + 0x14, (int) PATTERN))),
                new Operation("tlb.storeLong", m -> done(() -> m.tlb.storeLong(TLB + 0x18, PATTERN))),
                new Operation("tlb.loadByte", m -> m.tlb.loadByte(TLB + 0x10)),
                new Operation("tlb.loadShort", m -> m.tlb.loadShort(TLB + 0x12)),
                new Operation("tlb.loadInt", m -> m.tlb.loadInt(TLB + 0x14)),
                new Operation("tlb.loadLong", m -> m.tlb.loadLong(TLB + 0x18)));
    }

    static List<Operation> all() {
        List<Operation> all = new ArrayList<>(oneShots());
        all.addAll(accesses());
        all.addAll(areas());
        all.addAll(lifeCycles());
        all.addAll(others());
        all.addAll(TlbOperations.all());
        return all;
    }

    private static List<Operation> accesses() {
        return List.of(
                new Operation("cache.access", m -> with(m.cache.access(), CacheOperations::everything)),
                new Operation("cache.access until", m -> with(m.cache.access(System.nanoTime() + 10_000_000),
                        CacheOperations::everything)),
                new Operation("cache.tryAccess", m -> with(m.cache.tryAccess(), CacheOperations::everything)),
                new Operation("cache.readLock", m -> with(m.cache.readLock(), access -> access.check())),
                new Operation("cache.atomicLong", m -> m.cache.atomicLong(AtomicOp.OR, 16, 1)),
                new Operation("cache.atomicInt", m -> m.cache.atomicInt(AtomicOp.OR, 24, 1)),
                new Operation("cache.compareAndExchangeInt", m -> m.cache.compareAndExchangeInt(28, 0, 2)),
                new Operation("cache.compareAndExchangeLong", m -> m.cache.compareAndExchangeLong(32, 0, 2)),
                new Operation("cache by hva, access", m -> with(m.byHva.access(), CacheOperations::everything)));
    }

    private static Object everything(GuestAccess access) {
        if (!access.isUsable()) {
            return access.outcome();
        }
        return access.length() + " " + access.check() + " " + typed(access, 40) + " " + plain(access, 16);
    }

    private static Object plain(TypedAccess access, int at) {
        access.putByte(at, (byte) 1);
        access.putInt(at + 13, 3); // of an area, over the boundary
        access.putLong(at + 4, 4);
        access.put(at + 1, new byte[] {5, 6});
        access.put(at + 3, new byte[] {7, 8}, 1, 1);
        byte[] bytes = new byte[3];
        access.get(at + 1, bytes);
        access.get(at, bytes, 2, 1);
        return access.isUsable() + " " + access.outcome() + access.length() + " " + access.getByte(at)
                + access.getInt(at + 13) + access.getLong(at + 4) + bytes[1] + bytes[2];
    }

    /** What is ordered or atomic, from a place that lies at a multiple of 8; what is done twice is as if done once. */
    private static Object typed(TypedAccess access, int at) {
        access.testAndSetBit(at, 3);
        access.testAndClearBit(at, 5);
        access.putShort(at + 2, (short) 1);
        access.putShortRelease(at + 2, (short) 2);
        access.putIntRelease(at + 4, 3);
        access.putLongRelease(at + 8, 4);
        access.atomicInt(AtomicOp.OR, at + 4, 4);
        access.atomicLong(AtomicOp.AND, at + 8, 6);
        access.compareAndSetInt(at + 4, 3, 9);
        access.compareAndSetLong(at + 8, 3, 9);
        return access.testBit(at, 3) + " " + access.getShortAcquire(at + 2) + access.getIntAcquire(at + 4)
                + access.getLongAcquire(at + 8) + access.getShort(at + 2);
    }

    private static Object with(GuestAccess access, Function<GuestAccess, Object> body) {
        try (access) {
            return body.apply(access);
        }
    }

    private static List<Operation> areas() {
        return List.of(
                new Operation("area.access", m -> with(m.area.access())),
                new Operation("area.access until", m -> with(m.area.access(System.nanoTime() + 10_000_000))),
                new Operation("area.tryAccess", m -> with(m.area.tryAccess())),
                new Operation("area.activate", m -> m.area.activate(AREA - 8, WINDOW) + " " + m.area.length()),
                new Operation("area.activateHva",
                        m -> m.area.activateHva(m.hvaOf(AREA), GuestArea.MAX_LENGTH / 8) + " " + m.area.target()),
                new Operation("area.deactivate", m -> m.area.deactivate()));
    }

    private static Object with(AreaAccess access) {
        try (access) {
            if (!access.isUsable()) {
                return access.outcome();
            }
            String found = access.length() + " " + typed(access, 48) + " " + plain(access, 16);
            TypedAccess open = access;
            open.close(); // and once more
            return found;
        }
    }

    private static List<Operation> lifeCycles() {
        return List.of(
                new Operation("cache.activate, another page", m -> m.cache.activate(CACHED + Pages.PAGE_SIZE)),
                new Operation("cache.activate, another slot", m -> m.cache.activate(FILE)),
                new Operation("cache.activate, the same page", m -> m.cache.activate(CACHED + 8)),
                new Operation("cache.activate a target", m -> m.cache.activate(new CacheTarget.ByGpa(LOW + 0x800))),
                new Operation("cache.activateHva", m -> m.cache.activateHva(m.hvaOf(TLB))),
                new Operation("cache.deactivate", m -> m.cache.deactivate()),
                new Operation("cache.refresh", m -> m.cache.refresh() + " " + m.cache.length()),
                new Operation("cache.check", m -> m.cache.check() + " " + m.cache.state().active()),
                new Operation("a cache's whole life", m -> {
                    GfnPfnCache fresh = m.vm.newCache(8);
                    m.atRest.add(fresh::deactivate);
                    String outcome = fresh.activate(COPIES) + " " + fresh.storeLong(0, PATTERN);
                    return outcome + " " + fresh.deactivate();
                }));
    }

    private static List<Operation> others() {
        return List.of(
                new Operation("memory.read", m -> m.vm.guestMemory().read(COPIES - 100, new byte[200])),
                new Operation("memory.write", m -> m.vm.guestMemory().write(COPIES - 4, new byte[] {1, 2, 3, 4, 5, 6})),
                new Operation("view", m -> {
                    try (GuestView view = m.vm.view(COPIES - 8, 64)) {
                        m.atRest.add(view::close);
                        return view.storeByte(0, (byte) 1) + " " + view.storeShort(7, (short) 2) + " "
                                + view.storeInt(12, 3) + " " + view.storeLong(16, 4) + " " + view.loadByte(0, (byte) 9)
                                + view.loadShort(7, (short) 9) + view.loadInt(12, 9) + view.loadLong(16, 9)
                                + view.length() + view.gpa() + view.pageAt(20).length();
                    }
                }),
                new Operation("memory, parts", m -> m.vm.guestMemory().write(COPIES, new byte[9], 1, 8) + " "
                        + m.vm.guestMemory().read(COPIES, new byte[9], 1, 8)),
                new Operation("memory, buffers", m -> m.vm.guestMemory().write(COPIES - 4, ByteBuffer.allocate(8)) + " "
                        + m.vm.guestMemory().read(COPIES - 4, ByteBuffer.allocate(8))),
                new Operation("memory.writeAsHost", m -> m.vm.guestMemory().writeAsHost(COPIES, new byte[] {3}, 0, 1)),
                new Operation("memory.fill", m -> m.vm.guestMemory().fill(COPIES - 4, 8, (byte) 3)),
                new Operation("memory, pieces", m -> {
                    List<GuestMemory.Piece> pieces =
                            List.of(new GuestMemory.Piece(COPIES - 4, 8), new GuestMemory.Piece(COPIES + 16, 4));
                    return m.vm.guestMemory().scatter(pieces, new byte[12], 0, 12) + " "
                            + m.vm.guestMemory().gather(pieces, new byte[12], 0, 12);
                }),
                new Operation("memory.copy", m -> m.vm.guestMemory().copy(COPIES, COPIES - 16, 8)),
                new Operation("memory.write, file", m -> m.vm.guestMemory().write(FILE + 0xffc, new byte[] {1, 2, 3})),
                new Operation("older.update", m -> m.older.update(m.adopter)),
                new Operation("older.activate", m -> m.older.activate(COPIES)),
                new Operation("older.deactivate", m -> done(() -> m.older.deactivate())),
                new Operation("guest mode", m -> {
                    try (GuestMode mode = m.vm.caches().newGuestMode(m.adopter)) {
                        mode.enter();
                        String held;
                        try {
                            HeldPage page = mode.hold(COPIES, true);
                            held = page.isHeld() ? page.gpa() + " " + page.isWritable() : page.outcome().name();
                            if (page.isHeld()) {
                                page.bytes().putLong(0, PATTERN);
                                page.atomicInt(AtomicOp.OR, 8, 1);
                                page.atomicLong(AtomicOp.OR, 16, 1);
                                page.compareAndSetInt(24, 1, 2);
                                page.compareAndSetLong(32, 1, 2);
                                mode.poll();
                                mode.release(page);
                            }
                        } finally {
                            mode.leave();
                        }
                        return held + " " + mode.isInside() + " " + mode.handOver() + " " + mode.releaseAll() + " "
                                + mode.drops();
                    }
                }),
                new Operation("guest mode, taken away", m -> {
                    try (GuestMode mode = m.vm.caches().newGuestMode(m.adopter)) {
                        mode.enter();
                        boolean held;
                        try {
                            held = mode.hold(COPIES, true).isHeld() && mode.hold(COPIES, false).isHeld();
                        } finally {
                            mode.leave();
                        }
                        HostResult moved = m.host.migrate(m.hvaOf(COPIES));
                        mode.enter();
                        mode.leave();
                        return held + " " + moved + " " + mode.drops() + " " + mode.poll();
                    }
                }),
                new Operation("caches", m -> {
                    CacheDomain caches = m.vm.caches();
                    caches.newArea().deactivate();
                    caches.newView(LOW, 64).close();
                    caches.newTlb(8, m.adopter).deactivate();
                    m.vm.newTlb(8, m.adopter).deactivate();
                    caches.newGfnToHvaCache(8).deactivate();
                    caches.newCache(8).deactivate();
                    caches.stats();
                    return m.cache.stats().failures() + " " + caches.activeCaches().isEmpty();
                }),
                new Operation("caches of memslots of one's own", m -> {
                    CacheDomain own = new CacheDomain(new Memslots(), m.host, RetryPolicy.DEFAULT, false);
                    CacheDomain other = new CacheDomain(new Memslots(), m.host, RetryPolicy.DEFAULT);
                    own.audit(true);
                    String read = own.newCache(8).activate(LOW) + " " + other.guestMemory().read(LOW, new byte[8]);
                    own.close();
                    other.close();
                    return read;
                }));
    }

    /** What answers nothing. */
    static String done(Runnable body) {
        body.run();
        return "done";
    }
}
