package io.github.pfncache.sweep;

import static io.github.pfncache.sweep.CacheOperations.done;
import static io.github.pfncache.sweep.SweepMachine.CACHED;
import static io.github.pfncache.sweep.SweepMachine.COPIES;
import static io.github.pfncache.sweep.SweepMachine.LOW;
import static io.github.pfncache.sweep.SweepMachine.SPARE_SLOT;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.memslot.DirtyBitmap;
import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.memslot.WriteWatch;
import io.github.pfncache.vm.DirtyLogFollower;
import io.github.pfncache.vm.RamSnapshot;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;

/** What is done with a VM, its memory map and its vCPUs. */
final class VmOperations {

    private static final int NEW_SLOT = 9;
    private static final long NEW_GPA = 0x70_0000;

    private VmOperations() {}

    static List<Operation> all() {
        List<Operation> all = new ArrayList<>();
        all.addAll(slots());
        all.addAll(ram());
        all.addAll(logs());
        all.addAll(vcpus());
        return all;
    }

    private static List<Operation> slots() {
        return List.of(
                new Operation("memslots.replace", m -> m.vm.memslots().replace(SPARE_SLOT, m.scratch(0))),
                new Operation("memslots.set", m -> m.vm.memslots().set(NEW_SLOT, 0, NEW_GPA, 0x1000, m.scratch(0))),
                new Operation("memslots.delete", m -> m.vm.memslots().delete(SPARE_SLOT)),
                new Operation("memslots.move", m -> m.vm.memslots().move(SPARE_SLOT, NEW_GPA)),
                new Operation("memslots.setFlags", m -> m.vm.memslots().setFlags(SPARE_SLOT,
                        Memslot.FLAG_LOG_DIRTY_PAGES)),
                new Operation("memslots.setFlags, in use", m -> // off already, if it was cut short in between
                        m.vm.memslots().setFlags(0, 0) != Memslots.Change.BUSY
                        && m.vm.memslots().setFlags(0, Memslot.FLAG_LOG_DIRTY_PAGES) == Memslots.Change.DONE),
                new Operation("memslots, section", m -> {
                    int token = m.vm.memslots().enterRead();
                    try {
                        m.vm.memslots().table().byId(0).markDirty(Pages.gpaToGfn(COPIES));
                        return m.vm.memslots().delete(SPARE_SLOT);
                    } finally {
                        m.vm.memslots().exitRead(token);
                    }
                }),
                new Operation("memslots of one's own", m -> {
                    Memslots own = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(10));
                    own.attach(m.adopter, m.adopter);
                    return own.set(0, 0, LOW, 0x2000, m.lowHva) + " " + own.setFlags(0, Memslot.FLAG_LOG_DIRTY_PAGES)
                            + " " + own.move(0, 0) + " " + own.delete(0) + " " + own.generation()
                            + (own.number() > 0) + (own.deadlineFromNow() > System.nanoTime() - 1);
                }));
    }

    private static List<Operation> ram() {
        return List.of(
                new Operation("ram.add", m -> m.vm.ram().add(NEW_SLOT, 0, NEW_GPA, 2)),
                new Operation("ram.add, array", m -> m.vm.ram().add(NEW_SLOT, 0, NEW_GPA, new byte[Pages.PAGE_SIZE])),
                new Operation("ram.add, buffer", m -> m.vm.ram().add(NEW_SLOT, 0, NEW_GPA,
                        ByteBuffer.allocate(Pages.PAGE_SIZE))),
                new Operation("ram.add, file", m -> m.vm.ram().add(NEW_SLOT, 0, NEW_GPA, m.host.createFile(1))),
                new Operation("vm.describe", m -> m.vm.describe().lines().count()),
                new Operation("ram.addAll", m -> {
                    try (Vm copy = Vm.builder().build()) {
                        return copy.ram().addAll(m.snapshot) + " " + copy.memslots().table().size();
                    }
                }),
                new Operation("ram.load", m -> {
                    ByteArrayOutputStream saved = new ByteArrayOutputStream();
                    try (Vm copy = Vm.builder().build()) {
                        m.snapshot.save(saved);
                        return copy.ram().load(new ByteArrayInputStream(saved.toByteArray())) + " "
                                + m.snapshot.pagesWithContent().count() + " "
                                + m.snapshot.pagesChangedSince(m.snapshot).count();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }),
                new Operation("ram.remove", m -> m.vm.ram().remove(SPARE_SLOT)),
                new Operation("ram.snapshot", m -> {
                    try (RamSnapshot made = m.vm.ram().snapshot()) {
                        return made.slots().size() + " " + made.read(COPIES, new byte[8]);
                    }
                }),
                new Operation("ram.snapshot, of a slot", m -> {
                    try (RamSnapshot made = m.vm.ram().snapshot(slot -> slot.id() == 0)) {
                        return made.slots().size();
                    }
                }),
                new Operation("ram.rewind", m -> {
                    m.vm.guestMemory().write(COPIES, new byte[] {9});
                    return m.vm.ram().rewind(m.snapshot);
                }),
                new Operation("snapshot.read", m -> m.snapshot.read(COPIES - 4, new byte[8])));
    }

    private static List<Operation> logs() {
        return List.of(
                new Operation("memslots.harvestDirty", m -> {
                    m.vm.guestMemory().write(COPIES, new byte[] {9});
                    DirtyBitmap.Harvest harvest = m.vm.memslots().harvestDirty(0).harvest();
                    harvest.putBack();
                    return harvest.count();
                }),
                new Operation("memslots.peekDirty", m -> {
                    m.vm.guestMemory().write(COPIES, new byte[] {9});
                    return m.vm.memslots().peekDirty(0).harvest().count();
                }),
                new Operation("memslots.harvestDirty, a part", m -> {
                    m.vm.guestMemory().write(COPIES, new byte[] {9});
                    DirtyBitmap.Harvest seen = m.vm.memslots().peekDirty(0).harvest();
                    BitSet pages = new BitSet();
                    pages.set((int) seen.pages()[0]);
                    DirtyBitmap.Harvest harvest = m.vm.memslots().harvestDirty(0, pages).harvest();
                    harvest.putBack();
                    return harvest.count();
                }),
                new Operation("watch", m -> {
                    try (WriteWatch watch = m.vm.memslots().newWriteWatch()) {
                        StringBuilder seen = new StringBuilder();
                        seen.append(watch.watch(Pages.gpaToGfn(SweepMachine.ARRAY)));
                        m.vm.guestMemory().write(SweepMachine.ARRAY, new byte[] {1});
                        seen.append(watch.isDue());
                        watch.take(gfn -> {
                            m.adopter.run();
                            seen.append(gfn);
                        });
                        return seen.append(watch.isDue()).toString();
                    }
                }),
                new Operation("memslots.harvestDirtyOutsideRings", m -> {
                    DirtyBitmap.Harvest harvest = m.neighbour.memslots().harvestDirtyOutsideRings(0).harvest();
                    harvest.putBack();
                    return harvest.pages();
                }),
                new Operation("vm.followDirtyLog", m -> {
                    try (DirtyLogFollower fresh = m.vm.followDirtyLog()) {
                        return fresh.deliver(m.adopter).complete();
                    }
                }),
                new Operation("reader.harvest", m -> {
                    try (DirtyReader reader = m.vm.memslots().newDirtyReader()) {
                        Memslot slot = reader.follow(m.vm.memslots().table().byId(1));
                        m.vm.guestMemory().write(SweepMachine.ARRAY, new byte[] {1});
                        StringBuilder seen = new StringBuilder();
                        reader.peek((which, pages) -> {
                            m.adopter.run();
                            seen.append(reader.harvest(which, new BitSet()).count());
                        });
                        reader.harvest((which, pages) -> {
                            m.adopter.run();
                            seen.append(which.id()).append(Arrays.toString(pages));
                        });
                        return slot.id() + " " + seen + " " + reader.isUnsettled();
                    }
                }),
                new Operation("follower.deliver", m -> {
                    m.neighbour.guestMemory().write(LOW + 8, new byte[] {1});
                    return m.follower.deliver(gfn -> {
                        m.adopter.test(gfn);
                        return false;
                    }).complete();
                }),
                new Operation("ring", m -> {
                    DirtyRing ring = m.neighbour.vcpu(1).dirtyRing();
                    ring.entries(); // of a run that was cut short
                    ring.reset();
                    Vcpu.Exit exit = m.neighbour.vcpu(1).run(() -> {
                        m.adopter.run();
                        m.neighbour.guestMemory().write(LOW + 0x1008, new byte[] {1});
                    });
                    return exit + " " + ring.exitNeeded() + " " + ring.entries().isEmpty() + " " + ring.reset()
                            + " " + m.neighbour.guestMemory().write(LOW + 0x1008, new byte[] {1});
                }),
                new Operation("ring of one's own", m -> {
                    DirtyRing ring = m.neighbour.memslots().newDirtyRing(128);
                    ring.bind();
                    try {
                        return ring.softLimit();
                    } finally {
                        ring.unbind();
                    }
                }));
    }

    private static List<Operation> vcpus() {
        return List.of(
                new Operation("vcpu.run", m -> m.vm.vcpu(0).run(m.adopter)),
                new Operation("vcpu.run, the other", m -> m.vm.vcpu(1).run(m.adopter)),
                new Operation("vcpu.run, a guest that stores", m -> m.vm.vcpu(0).run(() -> {
                    m.adopter.run();
                    m.cache.storeLong(48, 3);
                    m.adopter.run();
                })),
                new Operation("vcpu.setImmediateExit", m -> {
                    m.vm.vcpu(0).setImmediateExit(true);
                    return m.vm.vcpu(0).run(m.adopter);
                }),
                new Operation("vcpu.writeMsr", m -> m.vm.vcpu(0).writeMsr(SweepMachine.MSR, 5)),
                new Operation("vcpu.readMsr", m -> m.vm.vcpu(0).readMsr(SweepMachine.MSR)),
                new Operation("vcpu.guestWriteMsr", m -> {
                    boolean[] accepted = new boolean[1];
                    m.vm.vcpu(0).run(() -> accepted[0] = m.vm.vcpu(0).guestWriteMsr(SweepMachine.MSR, 6));
                    return accepted[0];
                }),
                new Operation("a VM's whole life", m -> {
                    Vm fresh = Vm.builder().host(m.host).clock(m.adopter).retry(RetryPolicy.DEFAULT).dirtyRing(0)
                            .slotChangeTimeout(Duration.ofMillis(10)).vcpus(1).readerBias(false).build();
                    try (fresh) {
                        fresh.addEntryHook(m.adopter);
                        fresh.handleMsr(1, m.adopter);
                        fresh.addInterface(Map.of(2, m.adopter, 3, m.adopter), m.adopter);
                        fresh.memslots().set(0, 0, LOW, 0x1000, m.hvaOf(CACHED));
                        GfnPfnCache cache = fresh.newCache(8);
                        String outcome = cache.activate(LOW) + " " + cache.storeLong(0, 5) + " " + cache.deactivate();
                        fresh.vcpu(0).run(m.adopter);
                        fresh.memslots().delete(0);
                        return outcome + " " + fresh.newArea().length() + fresh.isClosed() + fresh.stillOpen();
                    }
                }),
                new Operation("vcpu, guest mode", m -> {
                    Vcpu vcpu = m.vm.vcpu(0);
                    try (GuestMode mode = m.vm.newGuestMode(m.adopter)) {
                        vcpu.setGuestMode(mode);
                        return vcpu.run(() -> {
                            mode.hold(COPIES, false);
                            mode.poll();
                            vcpu.outsideGuest(() -> m.vm.guestMemory().write(COPIES, new byte[] {3}));
                        });
                    } finally {
                        vcpu.setGuestMode(null);
                    }
                }),
                new Operation("vm, looks", m -> m.vm.vcpus().size() + " " + m.vm.vcpu(1).id() + " "
                        + (m.vm.vcpu(1).vm() == m.vm) + (m.vm.host() == m.host) + (m.vm.clock() == m.adopter)),
                new Operation("audit", m -> done(() -> VmAudit.whileBusy(m.vm))),
                new Operation("audit at rest", m -> done(() -> VmAudit.atRest(m.neighbour))));
    }
}
