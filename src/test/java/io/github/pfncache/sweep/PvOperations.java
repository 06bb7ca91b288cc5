package io.github.pfncache.sweep;

import static io.github.pfncache.sweep.CacheOperations.done;
import static io.github.pfncache.sweep.SweepMachine.ARGUMENTS;
import static io.github.pfncache.sweep.SweepMachine.COPIES;
import static io.github.pfncache.sweep.SweepMachine.SHARED_INFO;
import static io.github.pfncache.sweep.SweepMachine.TIMER_PORT;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.pvclock.GuestTsc;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.PvclockField;
import io.github.pfncache.pvclock.PvclockReader;
import io.github.pfncache.pvclock.Registration;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.pvclock.TscSource;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.EventChannels;
import io.github.pfncache.xen.EventRoute;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.Hypercall;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.RunstateTimes;
import io.github.pfncache.xen.TimerState;
import io.github.pfncache.xen.XenConfig;
import io.github.pfncache.xen.XenVm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What is done with the paravirtual interfaces. */
final class PvOperations {

    private static final long PAST = 1;
    private static final long STOLEN = 1000;
    private static final int PORT = 66;

    private static final long SET_TIMER_OP = 15;
    private static final long VCPU_OP = 24;
    private static final long SET_SINGLE_SHOT = 8;
    private static final long STOP_SINGLE_SHOT = 9;
    private static final long SCHED_OP = 29;
    private static final long POLL = 3;
    private static final long EVENT_CHANNEL_OP = 32;
    private static final long SEND = 4;

    private static final Duration SHORT = Duration.ofMillis(2);

    private PvOperations() {}

    static List<Operation> all() {
        List<Operation> all = new ArrayList<>();
        all.addAll(clocks());
        all.addAll(places());
        all.addAll(events());
        all.addAll(timers());
        all.addAll(runstates());
        all.addAll(hypercalls());
        all.addAll(settings());
        return all;
    }

    private static Operation msr(String name, int index, long value) {
        return new Operation(name, m -> m.vm.vcpu(0).run(() -> m.vm.vcpu(0).guestWriteMsr(index, value)) + " "
                + m.vm.vcpu(0).readMsr(index));
    }

    private static List<Operation> clocks() {
        return List.of(
                msr("guest writes MSR_SYSTEM_TIME", Kvmclock.MSR_SYSTEM_TIME, COPIES | Kvmclock.ENABLE),
                msr("guest writes MSR_SYSTEM_TIME, old", Kvmclock.MSR_SYSTEM_TIME_OLD, COPIES | Kvmclock.ENABLE),
                msr("guest writes MSR_SYSTEM_TIME, off", Kvmclock.MSR_SYSTEM_TIME, 0),
                msr("guest writes MSR_WALL_CLOCK", Kvmclock.MSR_WALL_CLOCK, SweepMachine.WALL_CLOCK),
                msr("guest writes MSR_WALL_CLOCK, old", Kvmclock.MSR_WALL_CLOCK_OLD, SweepMachine.WALL_CLOCK),
                new Operation("host writes MSR_SYSTEM_TIME", m ->
                        m.vm.vcpu(1).writeMsr(Kvmclock.MSR_SYSTEM_TIME, COPIES | Kvmclock.ENABLE)),
                new Operation("registration", PvOperations::register),
                msr("guest writes MSR_STEAL_TIME", StealTime.MSR_STEAL_TIME, SweepMachine.STEAL | StealTime.ENABLE),
                msr("guest writes MSR_STEAL_TIME, off", StealTime.MSR_STEAL_TIME, 0),
                new Operation("clock.setTsc", m -> {
                    GuestTsc before = new GuestTsc(Adopter.TSC_HZ, 0); // not what is found: it may be cut short below
                    m.clock.setTsc(m.vm.vcpu(1), GuestTsc.reading(2 * Adopter.TSC_HZ, 77, 5, Adopter.TSC_HZ));
                    long read = m.clock.readTsc(m.vm.vcpu(1));
                    m.clock.setTsc(m.vm.vcpu(1), before);
                    return read + " " + m.clock.tscOf(m.vm.vcpu(1)) + " "
                            + m.clock.setClock(m.vm.vcpu(1), m.clock.timeFor(m.vm.vcpu(1)));
                }),
                new Operation("clock.setClock", m -> {
                    m.clock.setClock(77_000_000_000L);
                    return m.vm.vcpu(0).run(m.adopter) + " " + m.vm.vcpu(1).run(m.adopter) + " " + m.clock.getClock();
                }),
                new Operation("clock.guestStopped", m -> m.clock.guestStopped(m.vm.vcpu(0)) + " "
                        + m.vm.vcpu(0).run(m.adopter)),
                new Operation("clock.requestUpdate", m -> {
                    m.clock.requestUpdate(m.vm.vcpu(0));
                    m.clock.requestUpdateOfAll();
                    return m.vm.vcpu(0).run(m.adopter) + " " + m.clock.timeFor(m.vm.vcpu(0));
                }),
                new Operation("steal.addSteal", m -> {
                    m.steal.addSteal(m.vm.vcpu(0), STOLEN);
                    return m.vm.vcpu(0).run(m.adopter);
                }),
                new Operation("steal.preempted", m -> m.steal.preempted(m.vm.vcpu(0))),
                new Operation("reader.read", m -> new PvclockReader(m.adopter, 3).read().status() + " "
                        + new PvclockReader(m.adopter).read().version()),
                new Operation("field.write", m -> {
                    try (GuestAccess access = m.cache.access()) {
                        if (access.isUsable()) {
                            PvclockField.at(32, 64).write(access, m.clock.timeFor(m.vm.vcpu(1)));
                        }
                        return access.outcome();
                    }
                }),
                new Operation("attach", m -> {
                    Vm fresh = Vm.builder().host(m.host).clock(m.adopter).build();
                    Kvmclock clock = Kvmclock.attach(fresh, TscSource.of(m.adopter, Adopter.TSC_HZ));
                    Kvmclock.attach(Vm.builder().host(m.host).clock(m.adopter).build());
                    clock.addUpdateListener(m.adopter);
                    StealTime.attach(fresh);
                    XenVm xen = XenVm.attach(fresh, clock, m.adopter);
                    return fresh.vcpu(0).run(m.adopter) + " " + xen.mode() + " " + clock.tsc().frequencyHz();
                }));
    }

    /** An interface of the adopter's own. */
    private static String register(SweepMachine m) {
        Registration own = new Registration(m.vm, Long.BYTES);
        m.atRest.add(() -> own.set(0, null));
        CacheTarget place = new CacheTarget.ByGpa(COPIES + 0x300);
        String set = own.set(1, place) + " " + own.point(2, place) + " " + own.bringIn();
        String written = own.update(m.adopter::read, (access, tsc) -> access.putLong(0, tsc)) + " "
                + Registration.retrying(m.vm, () -> own.exclusively(() ->
                        own.tryUpdate(access -> access.putByte(0, (byte) 1))), own::bringIn);
        return set + " " + own.isPlaced() + " " + written + " " + own.target() + " " + own.set(own.register(), null);
    }

    private static List<Operation> places() {
        return List.of(
                new Operation("xen.setSharedInfo", m -> m.xen.setSharedInfo(new CacheTarget.ByGpa(COPIES))),
                new Operation("xen.setSharedInfo, the same", m ->
                        m.xen.setSharedInfo(new CacheTarget.ByHva(m.hvaOf(SHARED_INFO)))),
                new Operation("xen.clearSharedInfo", m -> m.xen.clearSharedInfo()),
                new Operation("xen.setMode", m -> m.xen.setMode(GuestMode.COMPAT)),
                new Operation("xen.setRunstateUpdateFlag", m -> done(() -> m.xen.setRunstateUpdateFlag(true))),
                new Operation("xen, looks", m -> m.xen.sharedInfo() + " " + m.xen.runstateUpdateFlag() + " "
                        + m.xen.vcpu(0).vcpuInfo() + " " + m.xen.vcpu(0).timeInfo() + " " + m.xen.vcpu(0).timer() + " "
                        + m.xen.vcpu(1).vcpu() + " " + m.xen.vcpu(0).runstate().target() + " "
                        + m.xen.vcpu(0).runstate().times() + " " + m.xen.events().route(m.cpu(0), 5).port() + " "
                        + PvclockField.ALONE.windowLength()),
                new Operation("cpu.setVcpuInfo", m -> m.cpu(0).setVcpuInfo(new CacheTarget.ByGpa(COPIES + 64))),
                new Operation("cpu.clearVcpuInfo", m -> m.cpu(0).clearVcpuInfo()),
                new Operation("cpu.setTimeInfo", m -> m.cpu(0).setTimeInfo(new CacheTarget.ByGpa(COPIES + 128))),
                new Operation("cpu.clearTimeInfo", m -> m.cpu(0).clearTimeInfo()));
    }

    private static List<Operation> events() {
        return List.of(
                new Operation("events.deliver", m -> m.xen.events().deliver(m.cpu(0), PORT, CallContext.MAY_SLEEP)),
                new Operation("events.deliver, atomic", m -> done(() -> {
                    m.xen.events().deliver(m.cpu(0), PORT, CallContext.ATOMIC);
                    m.vm.vcpu(0).run(m.adopter);
                })),
                new Operation("events.deliverDeferred", m -> done(() -> m.xen.events().deliverDeferred())),
                new Operation("events.send, loopback", m -> m.xen.events().send(SweepMachine.LOOPBACK)),
                new Operation("events.send, external", m -> m.xen.events().send(SweepMachine.EXTERNAL)),
                new Operation("events.bind", m -> {
                    unbind(m);
                    return m.xen.events().bindExternal(8, m.adopter) + " "
                            + m.xen.events().bindLoopback(10, m.cpu(0), 9) + " " + unbind(m) + " "
                            + m.xen.events().isBound(8);
                }),
                new Operation("events.reset", m -> done(() -> m.xen.events().reset())),
                new Operation("route.signal", m -> {
                    try (EventRoute route = m.xen.events().route(m.cpu(1), PORT + 1)) {
                        return route.signal(CallContext.MAY_SLEEP);
                    }
                }),
                new Operation("cpu.hasInterrupt", m -> m.cpu(0).hasInterrupt(CallContext.MAY_SLEEP)),
                new Operation("cpu.setUpcallVector", m -> done(() -> m.cpu(1).setUpcallVector(SweepMachine.VECTOR))),
                new Operation("cpu.setInterruptControllerEnabled", m -> {
                    m.cpu(0).setInterruptControllerEnabled(false);
                    String delivery = String.valueOf(m.xen.events().deliver(m.cpu(0), PORT, CallContext.MAY_SLEEP));
                    m.cpu(0).setInterruptControllerEnabled(true);
                    return delivery;
                }));
    }

    private static List<Operation> timers() {
        return List.of(
                new Operation("cpu.setTimer", m -> done(() -> m.cpu(0).setTimer(
                        new TimerState(TIMER_PORT, EventChannels.PRIORITY_2LEVEL, PAST)))),
                new Operation("cpu.setSingleShotTimer", m -> m.cpu(0).setSingleShotTimer(PAST)),
                new Operation("cpu.setSingleShotTimerFrom", m -> m.cpu(0).setSingleShotTimerFrom(ARGUMENTS + 0x40)),
                new Operation("cpu.setTimerOp", m -> m.cpu(0).setTimerOp(PAST)),
                new Operation("cpu.stopSingleShotTimer", m -> done(() -> m.cpu(0).stopSingleShotTimer())),
                new Operation("xen.runTimers", m -> {
                    m.cpu(0).setSingleShotTimer(m.clock.getClock() + 1);
                    m.adopter.advance(0);
                    m.xen.runTimers();
                    return "done";
                }),
                new Operation("xen.awaitTimers", m -> m.xen.awaitTimers(SHORT)),
                new Operation("cpu.poll", m -> m.cpu(0).poll(ARGUMENTS, true, SHORT)),
                new Operation("cpu.startPoll", m -> {
                    String poll = m.cpu(0).startPoll(ARGUMENTS, true) + " " + m.cpu(0).awaitPoll(SHORT);
                    m.cpu(0).stopPoll();
                    return poll;
                }),
                new Operation("xen.runTimers, atomic", m -> {
                    m.cpu(0).setSingleShotTimer(m.clock.getClock() + 1);
                    m.adopter.advance(1);
                    m.xen.runTimers(CallContext.ATOMIC);
                    return "done";
                }),
                new Operation("cpu.wake", m -> done(() -> m.cpu(0).wake())));
    }

    /** Also what an attempt that ended in its middle has left. */
    private static boolean unbind(SweepMachine m) {
        return m.xen.events().unbind(8) & m.xen.events().unbind(10);
    }

    private static List<Operation> runstates() {
        return List.of(
                new Operation("runstate.register", m ->
                        m.cpu(1).runstate().register(new CacheTarget.ByGpa(COPIES + 0x200))),
                new Operation("runstate.clear", m -> m.cpu(0).runstate().clear()),
                new Operation("runstate.set", m -> m.cpu(0).runstate().set(RunState.BLOCKED) + " "
                        + m.cpu(0).runstate().set(RunState.RUNNING)),
                new Operation("runstate.preempted", m -> m.cpu(0).runstate().preempted() + " "
                        + m.vm.vcpu(0).run(m.adopter)),
                new Operation("runstate.addStolen", m -> done(() -> m.cpu(0).runstate().addStolen(STOLEN))),
                new Operation("runstate.setTimes", m -> m.cpu(0).runstate().setTimes(
                        new RunstateTimes(RunState.RUNNING, 10, 1, 2, 3, 4))),
                new Operation("runstate.adjust", m -> m.cpu(0).runstate().adjust(RunState.RUNNING, 10, 1, 2, 3, 4)));
    }

    private static List<Operation> hypercalls() {
        return List.of(
                call("hypercall, event_channel_op send", EVENT_CHANNEL_OP, SEND, ARGUMENTS + 0x80),
                call("hypercall, vcpu_op set_singleshot_timer", VCPU_OP, SET_SINGLE_SHOT, 0, ARGUMENTS + 0x40),
                call("hypercall, vcpu_op stop_singleshot_timer", VCPU_OP, STOP_SINGLE_SHOT, 0),
                call("hypercall, set_timer_op", SET_TIMER_OP, PAST),
                call("hypercall, sched_op poll", SCHED_OP, POLL, ARGUMENTS),
                call("hypercall, another", 1),
                new Operation("cpu.writeHypercallPage", m ->
                        m.cpu(0).writeHypercallPage(GuestMode.NATIVE, COPIES, new byte[] {15, 1, (byte) 0xd9})),
                new Operation("vcpu.enterAgain", m -> m.vm.vcpu(0).run(() -> m.vm.vcpu(0).enterAgain())));
    }

    private static Operation call(String name, long number, long... first) {
        List<Long> arguments = new ArrayList<>(Collections.nCopies(6, 0L));
        for (int i = 0; i < first.length; i++) { // bounded by the call
            arguments.set(i, first[i]);
        }
        Hypercall call = new Hypercall(GuestMode.NATIVE, true, number, arguments);
        return new Operation(name, m -> {
            String result = String.valueOf(m.cpu(0).hypercall(call));
            m.cpu(0).stopPoll();
            return result;
        });
    }

    private static List<Operation> settings() {
        return List.of(
                new Operation("xen.configure", m -> {
                    m.xen.configure(new XenConfig(XenConfig.INTERCEPT_HYPERCALLS | XenConfig.TSC_UNSTABLE,
                            XenConfig.DEFAULT_MSR));
                    m.xen.setVersion(0x4_0011);
                    m.xen.setUpcallVector(SweepMachine.VECTOR);
                    return m.xen.config() + " " + m.xen.version() + " " + m.xen.upcallVector();
                }),
                new Operation("xen.setSharedInfoFrame", m -> m.xen.setSharedInfoFrame(Pages.gpaToGfn(COPIES))),
                new Operation("cpu.setGuestId", m -> {
                    m.cpu(1).setGuestId(1);
                    return m.cpu(1).guestId() + " " + m.cpu(1).upcallVector();
                }),
                new Operation("cpu.hasWork", m -> m.cpu(0).hasWork() + " " + m.cpu(0).pendingVector()),
                new Operation("events.deliverOnce", m ->
                        m.xen.events().deliverOnce(0, PORT, EventChannels.PRIORITY_2LEVEL)),
                new Operation("events, by numbers", m -> {
                    EventChannels events = m.xen.events();
                    unbind(m);
                    String bound = events.bindLoopback(8, 1, 9, EventChannels.PRIORITY_2LEVEL) + " "
                            + events.bindIpi(10, 1, EventChannels.PRIORITY_2LEVEL) + " "
                            + events.rebind(8, 0, 9, false);
                    unbind(m);
                    try (EventRoute route = events.route(1, PORT, EventChannels.PRIORITY_2LEVEL)) {
                        return bound + " " + route.signal(CallContext.MAY_SLEEP);
                    }
                }));
    }
}
