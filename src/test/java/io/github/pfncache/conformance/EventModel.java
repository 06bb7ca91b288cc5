package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheState;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.kvm.Operation;
import io.github.pfncache.kvm.KernelDifference;
import io.github.pfncache.kvm.Script;
import io.github.pfncache.kvm.XenOps;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.EventChannels;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.XenVm;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Events on their way to a guest, one after the other: what the kernel was seen to do, or what this library is to do
 * instead, {@linkplain KernelDifference difference} by difference. It stands beside the library's own delivery, on a
 * machine of its own, and uses caches, but nothing of what the Xen interfaces do with events, polls and timers.
 */
final class EventModel {

    private static final int SHARED_INFO_BYTES = 0xc40;
    private static final int PENDING = 0x800;
    private static final int FRAME_BITS = 52;

    private final XenMachine machine;
    private final Set<KernelDifference> ours;
    private final List<ModelCpu> cpus = new ArrayList<>();
    private final Map<Integer, Route> routes = new HashMap<>();
    private final Map<Integer, Route> bindings = new HashMap<>();

    private final Set<KernelDifference> noted = EnumSet.noneOf(KernelDifference.class);

    /** How often the guest's mappings were taken away: a memslot was deleted or moved. */
    private long zaps;

    private Shadow shared;

    /** Where an event goes. */
    record Route(int vcpu, int port) {}

    private static final Route OUTSIDE = new Route(-1, -1);

    enum Sent {
        RAISED,
        JOINED,
        PARKED,
        MASKED,
        COALESCED,
        INVALID,
        INACTIVE,
        FAULT
    }

    EventModel(XenMachine machine, Set<KernelDifference> ours) {
        this.machine = machine;
        this.ours = ours;
    }

    /** Whether it does as this library; to be asked only where that makes a difference. */
    boolean differs(KernelDifference difference) {
        return ours.contains(difference);
    }

    /** A difference made one. */
    void note(KernelDifference difference) {
        noted.add(difference);
    }

    Set<KernelDifference> noted() {
        return noted;
    }

    long zaps() {
        return zaps;
    }

    /** A cache, and when it was refreshed last as the kernel counts: any change of any memslot makes it stale. */
    final class Shadow {

        private final GfnPfnCache cache;
        private long generation;

        /** The kernel was told that the page goes, and it did not. */
        private boolean announced;

        Shadow(int length) {
            cache = machine.vm().newCache(length);
            shadows.add(this);
        }

        void place(CacheTarget target) {
            if (target == null) {
                cache.deactivate();
            } else {
                cache.activate(target);
            }
            refreshed();
        }

        private void refreshed() {
            generation = machine.vm().memslots().generation();
            announced = false;
        }

        boolean isActive() {
            return cache.state().active();
        }

        /** Whether it can be used as it is, by this library or by the kernel. */
        boolean isFresh(boolean asHere) {
            if (asHere) {
                try (GuestAccess access = cache.tryAccess()) {
                    return access.isUsable();
                }
            }
            CacheState state = cache.state();
            boolean current = state.target() instanceof CacheTarget.ByHva
                    || generation == machine.vm().memslots().generation();
            return state.active() && state.valid() && current && !announced;
        }

        /** Makes it usable; false if it cannot be. */
        boolean refresh() {
            if (!isFresh(false) || !isFresh(true)) {
                boolean usable = isFresh(true) || cache.refresh() == Outcome.OK;
                refreshed();
                return usable;
            }
            return true;
        }

        void announce(long hva, long end) {
            long at = cache.state().uhva();
            announced |= isActive() && at >= hva && at < end;
        }

        GuestAccess access() {
            return cache.access();
        }
    }

    ModelCpu newCpu(XenVm xenVm, Vcpu vcpu) {
        if (shared == null) {
            shared = new Shadow(SHARED_INFO_BYTES);
            machine.kvmclock().addUpdateListener(updated -> cpus.get(updated.id()).clockUpdated());
        }
        ModelCpu cpu = new ModelCpu(machine, xenVm, vcpu, this);
        cpus.add(cpu);
        return cpu;
    }

    /** Caches that may be told of pages. */
    private final List<Shadow> shadows = new ArrayList<>();

    Shadow shared() {
        return shared;
    }

    ModelCpu cpuOrNull(int id) {
        return id < 0 || id >= cpus.size() ? null : cpus.get(id);
    }

    boolean isNative() {
        return machine.xen().mode() == GuestMode.NATIVE;
    }

    int portLimit() {
        return machine.xen().mode().portLimit();
    }

    int bitsPerWord() {
        return isNative() ? Long.SIZE : Integer.SIZE;
    }

    // ------------------------------------------------------------------ operations

    /** Puts the model's operations in the place of the library's. */
    void addTo(Map<String, Operation> operations, XenOps ops) {
        operations.put("xsend", op -> {
            int priority = op.has(3) ? (int) ops.value(op, 3) : EventChannels.PRIORITY_2LEVEL;
            Sent sent = priority != EventChannels.PRIORITY_2LEVEL
                    ? Sent.INVALID
                    : send((int) ops.value(op, 2), (int) ops.value(op, 1));
            return sent == Sent.FAULT ? "EFAULT" : sent == Sent.INVALID || sent == Sent.INACTIVE ? "EINVAL" : "0";
        });
        follow(operations, "xset", (op, answer) -> setOfVm(ops, op, answer));
        Operation setOfVcpu = operations.get("vset");
        operations.put("vset", op -> switch (op.word(2)) {
            case "tmr" -> setTimer(ops, op);
            case "rscur" -> {
                ModelCpu cpu = cpus.get(op.integer(1));
                yield ops.value(op, 3) == 1 && cpu.losesRunnable() ? "0" : setOfVcpu(ops, op, setOfVcpu.run(op));
            }
            default -> setOfVcpu(ops, op, setOfVcpu.run(op));
        });
        for (String name : List.of("slot", "del")) {
            Operation change = operations.get(name);
            operations.put(name, op -> {
                Memslot before = machine.vm().memslots().table().byId(op.integer(1));
                String answer = change.run(op);
                Memslot after = machine.vm().memslots().table().byId(op.integer(1));
                zaps += before != null && (after == null || after.baseGfn() != before.baseGfn()) ? 1 : 0;
                return answer;
            });
        }
        Operation getOfVcpu = operations.get("vget");
        operations.put("vget", op -> op.word(2).equals("tmr")
                ? cpus.get(op.integer(1)).timerState()
                : getOfVcpu.run(op));
        follow(operations, "evb", (op, answer) -> {
            if (answer.equals("0")) {
                bindings.put((int) ops.value(op, 1), new Route((int) ops.value(op, 4), (int) ops.value(op, 3)));
            }
            return answer;
        });
        follow(operations, "evu", (op, answer) -> {
            if (answer.equals("0")) {
                bindings.put((int) ops.value(op, 1), new Route((int) ops.value(op, 4), (int) ops.value(op, 3)));
            }
            return answer;
        });
        follow(operations, "evd", (op, answer) -> {
            bindings.remove((int) ops.value(op, 1));
            return answer;
        });
        follow(operations, "evr", (op, answer) -> {
            bindings.clear();
            return answer;
        });
        follow(operations, "eve", (op, answer) -> {
            if (answer.equals("0")) {
                bindings.put((int) ops.value(op, 1), OUTSIDE);
            }
            return answer;
        });
        follow(operations, "free", (op, answer) -> {
            long hva = machine.arenas().address(op.word(1)); // pages that may be taken lazily are announced at once
            shadows.forEach(shadow -> shadow.announce(hva, hva + op.number(2) * Pages.PAGE_SIZE));
            return answer;
        });
        follow(operations, "gsi", (op, answer) -> {
            if (answer.equals("0")) {
                routes.put((int) ops.value(op, 1), new Route((int) ops.value(op, 3), (int) ops.value(op, 2)));
            }
            return answer;
        });
        operations.put("fire", op -> {
            Route route = routes.get((int) ops.value(op, 1));
            if (route != null) {
                signal(route);
            }
            machine.pass(30);
            return "ok";
        });
        operations.put("irqline", op -> {
            Route route = routes.get((int) ops.value(op, 1));
            Sent sent = route == null || op.has(2) && ops.value(op, 2) == 0 ? Sent.MASKED : signal(route);
            return sent == Sent.COALESCED ? "0"
                    : sent == Sent.RAISED || sent == Sent.JOINED || sent == Sent.PARKED ? "1" : "-1";
        });
    }

    @FunctionalInterface
    private interface After {
        String then(Script.Op op, String answer);
    }

    private static void follow(Map<String, Operation> operations, String name, After after) {
        Operation first = operations.get(name);
        operations.put(name, op -> after.then(op, first.run(op)));
    }

    private String setOfVm(XenOps ops, Script.Op op, String answer) {
        String name = op.word(1);
        if (name.equals("si") || name.equals("sih")) {
            long frame = ops.value(op, 2);
            boolean far = name.equals("si") && frame != -1 && frame >>> FRAME_BITS != 0;
            if (far && differs(KernelDifference.FRAME)) {
                note(KernelDifference.FRAME);
            } else if (far) {
                return placeAt(frame << 12);
            }
            CacheTarget now = machine.xen().sharedInfo();
            if (!answer.equals("EINVAL")) {
                shared.place(now);
                if (now != null) {
                    cpus.forEach(cpu -> cpu.occasion());
                }
            }
        } else if (name.equals("lm")) {
            shared.refresh(); // the wall clock is written
            cpus.forEach(ModelCpu::switchMode);
        }
        return answer;
    }

    private String setTimer(XenOps ops, Script.Op op) {
        if (op.has(4) && (int) ops.value(op, 4) != EventChannels.PRIORITY_2LEVEL && (int) ops.value(op, 3) != 0) {
            return "EINVAL";
        }
        cpus.get(op.integer(1)).setTimer((int) ops.value(op, 3), op.has(5) ? ops.value(op, 5) : 0);
        return "0";
    }

    private String placeAt(long gpa) {
        Outcome outcome = machine.xen().setSharedInfo(new CacheTarget.ByGpa(gpa));
        shared.place(machine.xen().sharedInfo());
        return outcome == Outcome.OK ? "0" : "EFAULT";
    }

    private String setOfVcpu(XenOps ops, Script.Op op, String answer) {
        ModelCpu cpu = cpus.get(op.integer(1));
        switch (op.word(2)) {
            case "vi", "vih" -> {
                if (!answer.equals("EINVAL")) {
                    cpu.place(machine.xen().vcpu(op.integer(1)).vcpuInfo());
                }
            }
            case "rs" -> cpu.placeRunstate();
            case "rscur", "rsadj" -> cpu.refreshRunstate();
            default -> { }
        }
        return answer;
    }

    // ------------------------------------------------------------------ delivery

    private Sent signal(Route route) {
        ModelCpu target = cpuOrNull(route.vcpu);
        if (target == null || route.port < 0 || route.port >= portLimit()) {
            return Sent.INVALID;
        }
        Sent sent = deliver(target, route.port);
        if ((sent == Sent.FAULT || sent == Sent.INACTIVE) && differs(KernelDifference.LOST_PAGE)) {
            note(KernelDifference.LOST_PAGE);
            target.keep(route.port);
        }
        return sent;
    }

    Sent send(int vcpu, int port) {
        ModelCpu target = cpuOrNull(vcpu);
        return target == null || port <= 0 || port >= portLimit() ? Sent.INVALID : deliver(target, port);
    }

    /** The guest sends: true if that is done, false if its host has to do it. */
    boolean sendOfGuest(int port) {
        Route route = port <= 0 || port >= portLimit() ? null : bindings.get(port);
        if (route == null) {
            return false;
        }
        if (route == OUTSIDE) {
            machine.xen().events().send(port);
            return true;
        }
        Sent sent = send(route.vcpu, route.port);
        return sent != Sent.INVALID && sent != Sent.INACTIVE && sent != Sent.FAULT;
    }

    boolean isBound(int port) {
        return bindings.containsKey(port);
    }

    Sent deliver(ModelCpu target, int port) {
        if (!shared.isActive()) {
            return Sent.INACTIVE;
        }
        if (!shared.refresh()) {
            return Sent.FAULT;
        }
        Sent sent;
        try (GuestAccess access = shared.access()) {
            if (access.testAndSetBit(PENDING, port)) {
                return Sent.COALESCED;
            }
            sent = access.testBit(isNative() ? 0xa00 : 0x880, port) ? Sent.MASKED : null;
        }
        sent = sent == null ? target.raise(port / bitsPerWord()) : sent;
        for (ModelCpu cpu : cpus) { // bounded by the vCPUs
            cpu.hear(cpu == target, sent, port);
        }
        return sent;
    }

    boolean isPending(int port) {
        try (GuestAccess access = shared.access()) {
            return access.isUsable() && port < portLimit() && access.testBit(PENDING, port);
        }
    }

    void fireTimers() {
        cpus.forEach(ModelCpu::fireTimer);
    }

    XenMachine machine() {
        return machine;
    }
}
