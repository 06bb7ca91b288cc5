package io.github.pfncache.sweep;

import static io.github.pfncache.sweep.CacheOperations.done;
import static io.github.pfncache.sweep.SweepMachine.COPIES;
import static io.github.pfncache.sweep.SweepMachine.DEVICE;
import static io.github.pfncache.sweep.SweepMachine.ROM;
import static io.github.pfncache.sweep.SweepMachine.TLB;

import io.github.pfncache.cache.AtomicOp;
import io.github.pfncache.cache.GuestTlb;
import java.util.List;

/** What a processor does with its TLB beside plain loads and stores, which are among the one-shots. */
final class TlbOperations {

    private static final long PATTERN = 0x1122334455667788L;

    private TlbOperations() {}

    static List<Operation> all() {
        return List.of(
                new Operation("tlb.compareAndSet", m -> m.tlb.compareAndSetInt(TLB + 0x20, 0, 0)
                        && m.tlb.compareAndSetLong(TLB + 0x28, 0, 0)),
                new Operation("tlb.atomic", m -> m.tlb.atomicInt(AtomicOp.OR, TLB + 0x30, 5) & 1
                        | m.tlb.atomicLong(AtomicOp.OR, TLB + 0x38, 5) & 1),
                new Operation("tlb.acquire, release", m -> {
                    m.tlb.storeShortRelease(TLB + 0x40, (short) 1);
                    m.tlb.storeIntRelease(TLB + 0x44, 2);
                    m.tlb.storeLongRelease(TLB + 0x48, 3);
                    return m.tlb.loadShortAcquire(TLB + 0x40) + m.tlb.loadIntAcquire(TLB + 0x44)
                            + m.tlb.loadLongAcquire(TLB + 0x48);
                }),
                new Operation("tlb.fetch", m -> m.tlb.fetchInt(TLB + 0x50) + m.tlb.fetchShort(TLB + 0x54)),
                new Operation("tlb.try", m -> m.tlb.tryLoad(TLB + 0x58, 4) + " " + m.tlb.loaded() + " "
                        + m.tlb.tryStore(TLB + 0x5c, 4, 7)),
                new Operation("tlb.enter, leave", m -> {
                    m.tlb.enter();
                    try {
                        m.tlb.storeInt(TLB + 0x60, 8);
                        m.tlb.poll();
                        return m.tlb.guestMode().isCurrentThreadInside();
                    } finally {
                        m.tlb.leave();
                    }
                }),
                new Operation("tlb.handOver", m -> m.tlb.handOver() + " " + m.tlb.loadInt(TLB)),
                new Operation("tlb.deactivate", m -> m.tlb.deactivate() + " " + m.tlb.entries()),
                new Operation("tlb, another page", m -> m.tlb.loadLong(COPIES)),
                new Operation("tlb, over a boundary", m -> done(() -> m.tlb.storeLong(TLB + 0xffc, PATTERN))),
                new Operation("tlb, read-only memory", m -> m.tlb.loadInt(ROM)),
                new Operation("tlb, device", m -> {
                    m.tlb.storeInt(DEVICE, 1);
                    return m.tlb.loadShort(DEVICE + 8);
                }),
                new Operation("a TLB's whole life", m -> {
                    try (GuestTlb fresh = m.vm.newTlb(m.adopter)) {
                        fresh.countAccesses(true);
                        fresh.storeLong(COPIES, PATTERN);
                        return fresh.loadLong(COPIES) + " " + fresh.misses() + " " + fresh.accesses();
                    }
                }));
    }
}
