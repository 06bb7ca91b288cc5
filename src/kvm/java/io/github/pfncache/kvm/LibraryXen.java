package io.github.pfncache.kvm;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.Delivery;
import io.github.pfncache.xen.EventRoute;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.RunstateTimes;
import io.github.pfncache.xen.TimerState;
import io.github.pfncache.xen.UpcallListener;
import io.github.pfncache.xen.XenConfig;
import io.github.pfncache.xen.XenVcpu;
import io.github.pfncache.xen.XenVm;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The Xen interfaces of this library's virtual machine. Not thread-safe. */
final class LibraryXen implements XenCalls {

    private static final int STATES = RunState.values().length;
    private static final int INTERDOMAIN = 2;
    private static final int IPI = 5;
    private static final int PAUSE = 30;

    private final LibraryMachine machine;
    private final XenVm xen;
    private final List<XenCpu> cpus;

    /** By interrupt line. */
    private final Map<Integer, EventRoute> routes = new HashMap<>();

    /** What guests sent to eventfds, in the order in which these were made. */
    private final List<int[]> eventfds = new ArrayList<>();

    LibraryXen(LibraryMachine machine) {
        this.machine = machine;
        List<XenCpu> all = new ArrayList<>();
        xen = XenVm.attach(machine.vm(), machine.kvmclock(), new UpcallListener() {
            @Override
            public void kick(Vcpu vcpu) {} // guests look at each step

            @Override
            public void interrupt(Vcpu vcpu, int vector) {
                all.get(vcpu.id()).request(vector);
            }
        });
        xen.configure(new XenConfig(0, 0));
        xen.setMode(GuestMode.COMPAT);
        for (Vcpu each : machine.vm().vcpus()) { // bounded by the script
            all.add(machine.newXenCpu(xen, each));
        }
        cpus = all;
        cpus.forEach(cpu -> cpu.xen().setInterruptControllerEnabled(machine.hasController()));
    }

    XenVm vm() {
        return xen;
    }

    /** What a call of the host answers; one with a value that makes no sense is refused. */
    private static String accepted(Supplier<String> call) {
        try {
            return call.get();
        } catch (IllegalArgumentException refused) {
            return "EINVAL";
        }
    }

    private static String done(Runnable call) {
        call.run();
        return "0";
    }

    private static String errno(Outcome outcome) {
        return switch (outcome) {
            case OK -> "0";
            case INVALID, INACTIVE -> "EINVAL";
            case FAULT -> "EFAULT";
            case BUSY -> "EBUSY";
        };
    }

    @Override
    public String configure(int flags, int msr) {
        return accepted(() -> done(() -> xen.configure(new XenConfig(flags, msr))));
    }

    // ---- attributes

    @Override
    public String set(int vcpu, int type, ByteBuffer value) {
        return accepted(() -> vcpu == OF_VM ? setOfVm(type, value) : setOfVcpu(xen.vcpu(vcpu), type, value));
    }

    private String setOfVm(int type, ByteBuffer value) {
        long hva = value.getLong(0);
        return switch (type) {
            case LONG_MODE -> errno(xen.setMode(value.get(0) != 0 ? GuestMode.NATIVE : GuestMode.COMPAT));
            case SHARED_INFO -> errno(xen.setSharedInfoFrame(value.getLong(0)));
            case SHARED_INFO_HVA ->
                errno(hva == 0 ? xen.clearSharedInfo() : xen.setSharedInfo(new CacheTarget.ByHva(hva)));
            case VM_VECTOR -> done(() -> xen.setUpcallVector(Byte.toUnsignedInt(value.get(0))));
            case EVTCHN -> bind(value);
            case VERSION -> done(() -> xen.setVersion(value.getInt(0)));
            case RUNSTATE_FLAG -> done(() -> xen.setRunstateUpdateFlag(value.get(0) != 0));
            default -> "ENOENT";
        };
    }

    private String setOfVcpu(XenVcpu vcpu, int type, ByteBuffer value) {
        long number = value.getLong(0);
        CacheTarget place = type == VCPU_INFO_HVA ? new CacheTarget.ByHva(number) : new CacheTarget.ByGpa(number);
        return switch (type) {
            case VCPU_INFO -> errno(number == -1 ? vcpu.clearVcpuInfo() : vcpu.setVcpuInfo(place));
            case VCPU_INFO_HVA -> errno(number == 0 ? vcpu.clearVcpuInfo() : vcpu.setVcpuInfo(place));
            case TIME_INFO -> errno(number == -1 ? vcpu.clearTimeInfo() : vcpu.setTimeInfo(place));
            case RUNSTATE -> errno(number == -1 ? vcpu.runstate().clear() : vcpu.runstate().register(place));
            case RUNSTATE_CURRENT ->
                state(number) == null ? "EINVAL" : done(() -> vcpu.runstate().set(state(number)));
            case RUNSTATE_DATA -> state(number) != null && vcpu.runstate().setTimes(new RunstateTimes(state(number),
                    value.getLong(8), value.getLong(16), value.getLong(24), value.getLong(32), value.getLong(40)))
                    ? "0" : "EINVAL";
            case RUNSTATE_ADJUST -> (number == -1 || state(number) != null) && vcpu.runstate().adjust(state(number),
                    value.getLong(8), value.getLong(16), value.getLong(24), value.getLong(32), value.getLong(40))
                    ? "0" : "EINVAL";
            case VCPU_ID -> done(() -> vcpu.setGuestId(value.getInt(0)));
            case TIMER ->
                done(() -> vcpu.setTimer(new TimerState(value.getInt(0), value.getInt(4), value.getLong(8))));
            case VCPU_VECTOR -> done(() -> vcpu.setUpcallVector(Byte.toUnsignedInt(value.get(0))));
            default -> "ENOENT";
        };
    }

    private static RunState state(long number) {
        return number < 0 || number >= STATES ? null : RunState.values()[(int) number];
    }

    @Override
    public String get(int vcpu, int type, ByteBuffer value) {
        return vcpu == OF_VM ? getOfVm(type, value) : getOfVcpu(xen.vcpu(vcpu), type, value);
    }

    private String getOfVm(int type, ByteBuffer value) {
        switch (type) {
            case LONG_MODE -> value.put(0, (byte) (xen.mode() == GuestMode.NATIVE ? 1 : 0));
            case SHARED_INFO -> value.putLong(0, gpa(xen.sharedInfo()) >> 12);
            case SHARED_INFO_HVA -> value.putLong(0, hva(xen.sharedInfo()));
            case VM_VECTOR -> value.put(0, (byte) xen.upcallVector());
            case VERSION -> value.putInt(0, xen.version());
            case RUNSTATE_FLAG -> value.put(0, (byte) (xen.runstateUpdateFlag() ? 1 : 0));
            default -> {
                return "ENOENT";
            }
        }
        return "0";
    }

    private String getOfVcpu(XenVcpu vcpu, int type, ByteBuffer value) {
        RunstateTimes times = vcpu.runstate().times();
        switch (type) {
            case VCPU_INFO -> value.putLong(0, gpa(vcpu.vcpuInfo()));
            case VCPU_INFO_HVA -> value.putLong(0, hva(vcpu.vcpuInfo()));
            case TIME_INFO -> value.putLong(0, gpa(vcpu.timeInfo()));
            case RUNSTATE -> value.putLong(0, gpa(vcpu.runstate().target()));
            case RUNSTATE_CURRENT -> value.putLong(0, times.state().ordinal());
            case RUNSTATE_DATA -> value.putLong(times.state().ordinal()).putLong(times.entryNanos())
                    .putLong(times.running()).putLong(times.runnable()).putLong(times.blocked())
                    .putLong(times.offline());
            case VCPU_ID -> value.putInt(0, vcpu.guestId());
            case TIMER -> value.putInt(0, vcpu.timer().port()).putInt(4, vcpu.timer().priority())
                    .putLong(8, vcpu.timer().expiresNanos());
            case VCPU_VECTOR -> value.put(0, (byte) vcpu.upcallVector());
            default -> {
                return type == RUNSTATE_ADJUST ? "EINVAL" : "ENOENT";
            }
        }
        return type == RUNSTATE && vcpu.runstate().target() == null ? "ENOENT" : "0";
    }

    private static long gpa(CacheTarget target) {
        return target instanceof CacheTarget.ByGpa byGpa ? byGpa.gpa() : -1;
    }

    private static long hva(CacheTarget target) {
        return target instanceof CacheTarget.ByHva byHva ? byHva.hva() : 0;
    }

    // ---- events

    /** The words of a binding: port, type, flags, and the target's port, vCPU and priority, or an eventfd. */
    private String bind(ByteBuffer value) {
        int port = value.getInt(0);
        boolean ipi = value.getInt(4) == IPI;
        int target = value.getInt(12);
        int vcpu = value.getInt(16);
        switch (value.getInt(8)) {
            case RESET -> {
                xen.events().reset();
                return "0";
            }
            case DEASSIGN -> {
                return xen.events().unbind(port) ? "0" : "ENOENT";
            }
            case UPDATE -> {
                return xen.events().rebind(port, vcpu, target, ipi) ? "0" : "ENOENT";
            }
            default -> {
                boolean known = port > 0 && port < xen.mode().portLimit()
                        && (value.getInt(4) == INTERDOMAIN || ipi && target == port);
                boolean outside = !ipi && target == 0;
                if (!known || outside && (vcpu < 0 || vcpu >= eventfds.size())) {
                    return known ? "EBADF" : "EINVAL";
                }
                boolean bound = outside ? xen.events().bindExternal(port, () -> eventfds.get(vcpu)[0]++)
                        : ipi ? xen.events().bindIpi(port, vcpu, value.getInt(20))
                        : xen.events().bindLoopback(port, vcpu, target, value.getInt(20));
                return bound ? "0" : "EEXIST";
            }
        }
    }

    @Override
    public String send(int port, int vcpu, int priority) {
        Delivery done = xen.events().deliverOnce(vcpu, port, priority);
        return switch (done) {
            case INVALID, INACTIVE -> "EINVAL";
            case FAULT -> "EFAULT";
            case DEFERRED -> "EBUSY";
            default -> "0";
        };
    }

    @Override
    public String route(int gsi, int port, int vcpu, int priority) {
        return accepted(() -> done(() -> routes.put(gsi, xen.events().route(vcpu, port, priority))));
    }

    @Override
    public String openLine(int gsi) {
        return "0";
    }

    /** The event of a device: in interrupt-like context, and what is left to do by a worker after that. */
    @Override
    public String fire(int gsi) {
        EventRoute route = routes.get(gsi);
        if (route != null) {
            route.signal(CallContext.ATOMIC);
            xen.events().deliverDeferred();
        }
        machine.pass(PAUSE);
        return "ok";
    }

    @Override
    public String setLine(int gsi, int level) {
        EventRoute route = routes.get(gsi);
        return route == null || level == 0 ? "-1" : switch (route.signal(CallContext.MAY_SLEEP)) {
            case RAISED, JOINED, PARKED -> "1";
            case COALESCED -> "0";
            default -> "-1";
        };
    }

    @Override
    public int newEventfd() {
        eventfds.add(new int[1]);
        return eventfds.size() - 1;
    }

    @Override
    public String readEventfd(int index) {
        if (index >= eventfds.size()) {
            throw new Script.Unreadable("no eventfd " + index);
        }
        int[] count = eventfds.get(index);
        String read = count[0] == 0 ? "empty" : Integer.toString(count[0]);
        count[0] = 0;
        return read;
    }

    @Override
    public long clock() {
        return machine.kvmclock().getClock();
    }

    @Override
    public String setClock(long nanos) {
        return done(() -> machine.kvmclock().setClock(nanos));
    }

    @Override
    public void later(int millis, Supplier<String> what) {
        machine.later(millis, what);
    }

    @Override
    public List<String> join() {
        return machine.join();
    }

    @Override
    public XenCpu guest(int vcpu) {
        return cpus.get(vcpu);
    }
}
