package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Polls, timers, runstates and clocks, each a race of two or three short calls, for an explorer that may switch before
 * each of their accesses.
 */
public final class SteppedScenarios {

    /** A port that a 32-bit guest does not have. */
    private static final int NATIVE_PORT = 2000;

    private SteppedScenarios() {}

    // ---- polls

    /** A poll that the event ends for sure, or if the sender could see it. */
    private static void pollAgainstSend(
            ScenarioRun stage, XenWorld world, boolean forSure, int sent, int... ports) {
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, ports);
        PollOutcome[] outcome = new PollOutcome[1];
        boolean[] seen = new boolean[1];
        stage.thread("poll", () -> outcome[0] = world.cpu.startPoll(argument, false));
        stage.thread("send", () -> {
            seen[0] = world.xen.polling().isSet(0);
            world.sendAtomic(sent);
        });
        stage.afterwards(() -> {
            PollOutcome end = outcome[0] == PollOutcome.BUSY ? world.cpu.awaitPoll(Duration.ZERO) : outcome[0];
            assertThat(end == PollOutcome.WOKEN || !seen[0] && !forSure).as("woken, or could not be").isTrue();
            assertThat(world.cpu.poller().foundUntold()).as("wake-ups that were lost").isZero();
            world.cpu.stopPoll();
            world.audit();
        });
    }

    /** A masked port that is polled. */
    public static void pollAgainstMaskedEvent(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.guest.mask(SHARED_INFO, 15);
        pollAgainstSend(stage, world, true, 15, 15);
    }

    /** A masked port that is not polled, and a poll of none. */
    public static void pollOfNoneAgainstMaskedEvent(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.guest.mask(SHARED_INFO, 20);
        pollAgainstSend(stage, world, false, 20);
    }

    /** A port that is not polled, and its event is parked: that wakes any poll. */
    public static void pollAgainstParkedEvent(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        pollAgainstSend(stage, world, true, 200, 15);
    }

    /** A poll of a port that the new mode does not have ends, whichever of the two was first. */
    public static void pollAgainstMode(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, NATIVE_PORT);
        Hypercall call = new Hypercall(GuestMode.NATIVE, false, 29, List.of(3L, argument, 0L, 0L, 0L, 0L));
        HypercallResult[] result = new HypercallResult[1];
        stage.thread("poll", () -> result[0] = world.cpu.hypercall(call));
        stage.thread("mode", () -> world.xen.setMode(GuestMode.COMPAT));
        stage.afterwards(() -> {
            assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("%s", result[0]).isEqualTo(PollOutcome.WOKEN);
            assertThat(world.xen.polling().isSet(0)).as("poll bit").isFalse();
            world.audit();
        });
    }

    /** A poll takes its argument and its limit by one mode: what it finds is as before the change or as after it. */
    public static void pollByItsModeAgainstMode(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        // To a 32-bit guest the same argument polls no ports, for a nanosecond.
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, NATIVE_PORT);
        PollOutcome[] outcome = new PollOutcome[1];
        stage.thread("poll", () -> outcome[0] = world.cpu.startPoll(argument, false));
        stage.thread("mode", () -> world.xen.setMode(GuestMode.COMPAT));
        stage.afterwards(() -> {
            assertThat(outcome[0]).isIn(PollOutcome.BUSY, PollOutcome.WOKEN);
            world.cpu.stopPoll();
            world.audit();
        });
    }

    /** A poll is stopped by another thread while its own looks, and polls anew: what was stopped has ended. */
    public static void stopAgainstPoll(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15);
        world.cpu.startPoll(argument, false);
        PollOutcome[] outcome = new PollOutcome[1];
        stage.thread("await", () -> outcome[0] = world.cpu.awaitPoll(Duration.ZERO));
        stage.thread("stop", world.cpu::stopPoll);
        stage.afterwards(() -> {
            assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("%s", outcome[0]).isEqualTo(PollOutcome.WOKEN);
            assertThat(world.xen.polling().isSet(0)).as("poll bit").isFalse();
            assertThat(world.cpu.startPoll(argument, false)).as("another").isEqualTo(PollOutcome.BUSY);
            assertThat(world.sendAtomic(15)).isEqualTo(Delivery.RAISED);
            assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("its event").isEqualTo(PollOutcome.WOKEN);
            world.audit();
        });
    }

    /** A poll is stopped by another thread while it begins: it is over, or goes on if the stop was first. */
    public static void stopAgainstStart(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15);
        stage.thread("start", () ->
                assertThat(world.cpu.startPoll(argument, false)).as("poll").isEqualTo(PollOutcome.BUSY));
        stage.thread("stop", world.cpu::stopPoll);
        stage.afterwards(() -> {
            if (!world.xen.polling().isSet(0)) {
                assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("stopped").isEqualTo(PollOutcome.WOKEN);
            }
            world.cpu.stopPoll();
            world.audit();
        });
    }

    // ---- timers

    /** Two threads fire a timer, and the guest handles its event meanwhile. */
    public static void fireAgainstFireAndGuest(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.time.advance(5);
        List<Integer> handled = new ArrayList<>();
        stage.thread("fire", world.xen::runTimers);
        stage.thread("guest", () ->
                handled.addAll(world.guest.handleUpcallAtOnePage(VCPU_INFO, SHARED_INFO, TIMER_PORT)));
        stage.thread("fire as well", world.xen::runTimers);
        stage.afterwards(() -> world.requireHandledOnce(handled, TIMER_PORT));
    }

    /** A timer is armed anew while it fires. */
    public static void armAgainstFire(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.time.advance(5);
        long again = world.clock.getClock() + 1;
        stage.thread("fire", world.xen::runTimers);
        stage.thread("arm", () -> world.cpu.setSingleShotTimer(again));
        stage.afterwards(() -> {
            world.runAndHandle();
            assertThat(world.cpu.timer().expiresNanos()).as("armed").isEqualTo(again);
            world.pass(1);
            world.requireHandledOnce(new ArrayList<>(), TIMER_PORT);
        });
    }

    /** A timer is armed while it gets another port. */
    public static void armAgainstRestore(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        long soon = world.clock.getClock() + 5;
        stage.thread("arm", () -> world.cpu.setSingleShotTimer(soon));
        stage.thread("restore", () ->
                world.cpu.setTimer(new TimerState(TIMER_PORT + 1, EventChannels.PRIORITY_2LEVEL, soon)));
        stage.afterwards(() -> {
            assertThat(world.cpu.timer())
                    .isEqualTo(new TimerState(TIMER_PORT + 1, EventChannels.PRIORITY_2LEVEL, soon));
            world.pass(5);
            world.requireHandledOnce(new ArrayList<>(), TIMER_PORT + 1);
        });
    }

    /** A timer that the entry leaves to a thread that cannot fire it: the vCPU enters once more. */
    public static void atomicFireAgainstEntry(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.makeUnwritable(SHARED_INFO);
        world.makeWritable(SHARED_INFO);
        world.time.advance(5);
        world.xen.runTimers(CallContext.ATOMIC);
        world.kicks.set(0); // which this entry uses up
        stage.thread("entry", world.cpu::deliverPending);
        stage.thread("fire", () -> world.xen.runTimers(CallContext.ATOMIC));
        stage.afterwards(() -> {
            boolean fired = world.guest.isUpcallPending(VCPU_INFO);
            assertThat(fired || world.kicks.get() > 0).as("fired, or told").isTrue();
            world.requireHandledOnce(new ArrayList<>(), TIMER_PORT);
        });
    }

    // ---- runstate

    /** A change that finds no memory forgets nothing of one that was put off since. */
    public static void changeWithoutMemoryAgainstPreemption(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        RunstateArea runstate = world.cpu.runstate();
        world.makeUnwritable(XenWorld.RUNSTATE);
        world.time.advance(100);
        stage.thread("change", () -> runstate.set(RunState.BLOCKED));
        stage.thread("preempt", () -> {
            world.makeWritable(XenWorld.RUNSTATE);
            runstate.preempted();
        });
        stage.afterwards(() -> {
            world.vm.vcpu(0).enterAgain();
            assertThat(world.guest.runstate(XenWorld.RUNSTATE).state())
                    .as("state").isEqualTo(runstate.times().state().ordinal());
            world.audit();
        });
    }

    /** An adjustment by nothing is possible whatever changes meanwhile. */
    public static void adjustmentAgainstLaterChange(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        boolean[] done = new boolean[1];
        stage.thread("adjust", () -> done[0] = world.cpu.runstate().adjust(null, 0, 0, 0, 0, 0));
        stage.thread("later", () -> {
            world.time.advance(5);
            world.cpu.runstate().set(RunState.BLOCKED);
        });
        stage.afterwards(() -> assertThat(done[0]).as("adjusted").isTrue());
    }

    /** Time is stolen while the state changes. */
    public static void changeAgainstStolenTime(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        RunstateArea runstate = world.cpu.runstate();
        long before = runstate.times().runnable();
        world.time.advance(100);
        stage.thread("change", () -> runstate.set(RunState.RUNNING));
        stage.thread("steal", () -> runstate.addStolen(5));
        stage.afterwards(() -> {
            assertThat(runstate.times().entryNanos()).as("entered").isEqualTo(world.clock.getClock());
            world.time.advance(100);
            runstate.set(RunState.BLOCKED);
            assertThat(runstate.times().runnable() - before).as("stolen").isEqualTo(5);
            world.audit();
        });
    }

    /** Two adjust the times. */
    public static void adjustmentAgainstChange(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        RunstateArea runstate = world.cpu.runstate();
        long before = runstate.times().blocked();
        stage.thread("adjust", () -> runstate.adjust(null, 0, -7, 0, 7, 0));
        stage.thread("preempt", runstate::preempted);
        stage.afterwards(() -> {
            runstate.writeIfBehind();
            XenGuest.Runstate read = world.guest.runstate(XenWorld.RUNSTATE);
            assertThat(read.blocked() - before).as("adjusted").isEqualTo(7);
            assertThat(read.state()).as("state").isEqualTo(RunState.RUNNABLE.ordinal());
            world.audit();
        });
    }

    /** The state changes while the mode does, at a place where the one mode's area fits a page and the other's not. */
    public static void changeAgainstMode(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        long place = XenWorld.RUNSTATE + 15 - 46;
        world.xen.setMode(GuestMode.COMPAT);
        world.cpu.runstate().register(world.target(place));
        stage.thread("change", () -> world.cpu.runstate().set(RunState.BLOCKED));
        stage.thread("mode", () -> world.xen.setMode(GuestMode.NATIVE));
        stage.afterwards(() -> {
            world.cpu.runstate().set(RunState.RUNNABLE);
            XenGuest.Runstate read = world.guest.runstate(place);
            assertThat(read.state()).as("state").isEqualTo(RunState.RUNNABLE.ordinal());
            assertThat(read.entry()).isEqualTo(world.cpu.runstate().times().entryNanos());
            world.audit();
        });
    }

    // ---- ports

    /** Of two who bind a port one has it. */
    public static void bindAgainstBind(ScenarioRun stage) {
        EventChannels events = XenWorld.registered(By.GPA).xen.events();
        boolean[] done = new boolean[2];
        stage.thread("bind", () -> done[0] = events.bindExternal(7, () -> {}));
        stage.thread("another", () -> done[1] = events.bindIpi(7, 0, EventChannels.PRIORITY_2LEVEL));
        stage.afterwards(() -> assertThat(done).as("who bound it").containsExactlyInAnyOrder(true, false));
    }

    /** Of two who unbind a port one has taken it. */
    public static void unbindAgainstUnbind(ScenarioRun stage) {
        EventChannels events = XenWorld.registered(By.GPA).xen.events();
        events.bindIpi(7, 0, EventChannels.PRIORITY_2LEVEL);
        boolean[] done = new boolean[2];
        stage.thread("unbind", () -> done[0] = events.unbind(7));
        stage.thread("another", () -> done[1] = events.unbind(7));
        stage.afterwards(() -> assertThat(done).as("who unbound it").containsExactlyInAnyOrder(true, false));
    }

    /** A port that leads to another vCPU from now on is not bound again by that. */
    public static void rebindAgainstUnbind(ScenarioRun stage) {
        EventChannels events = XenWorld.registered(By.GPA).xen.events();
        events.bindIpi(7, 0, EventChannels.PRIORITY_2LEVEL);
        stage.thread("rebind", () -> events.rebind(7, 1, 7, true));
        stage.thread("unbind", () -> events.unbind(7));
        stage.afterwards(() -> assertThat(events.isBound(7)).as("bound").isFalse());
    }

    // ---- clocks

    private static final long OTHER_PAGE = XenWorld.GPA + 2 * 4096;

    private static void requireWallClockAtOtherPage(XenWorld world) {
        world.vm.vcpu(0).enterAgain();
        assertThat(world.guest.intAt(OTHER_PAGE + 0xc00)).as("version at the new place").isNotZero();
        world.audit();
    }

    /** A wall clock that finds no memory at the old place is due at the new one. */
    public static void placeElsewhereAgainstWallClockWithoutMemory(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.makeUnwritable(SHARED_INFO);
        stage.thread("mode", () -> world.xen.setMode(GuestMode.NATIVE));
        stage.thread("place", () -> world.xen.setSharedInfo(world.target(OTHER_PAGE)));
        stage.afterwards(() -> requireWallClockAtOtherPage(world));
    }

    /** The wall clock is written at the new place, and not only at the old one, while a vCPU enters. */
    public static void placeElsewhereAgainstEntry(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("place", () -> world.xen.setSharedInfo(world.target(OTHER_PAGE)));
        stage.thread("entry", () -> world.vm.vcpu(0).enterAgain());
        stage.afterwards(() -> requireWallClockAtOtherPage(world));
    }

    /** Two vCPUs write the register of the wall clock: each gets one. */
    public static void wallClockAgainstWallClock(ScenarioRun stage) {
        XenWorld world = new XenWorld(By.GPA, 2);
        world.vm.vcpu(0).writeMsr(Kvmclock.MSR_WALL_CLOCK, XenWorld.GPA + 64); // leaves an area to be used again
        stage.thread("one", () -> world.vm.vcpu(0).writeMsr(Kvmclock.MSR_WALL_CLOCK, OTHER_PAGE + 64));
        stage.thread("two", () -> world.vm.vcpu(1).writeMsr(Kvmclock.MSR_WALL_CLOCK, OTHER_PAGE - 64));
        stage.afterwards(() -> {
            assertThat(world.guest.intAt(OTHER_PAGE + 64)).as("version of the one").isEqualTo(2);
            assertThat(world.guest.intAt(OTHER_PAGE - 64)).as("version of the other").isEqualTo(2);
            world.audit();
        });
    }

    /** The shared page is placed while the mode changes: the wall clock is where the new mode looks. */
    public static void placeAgainstMode(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("place", () -> world.xen.setSharedInfo(world.target(SHARED_INFO)));
        stage.thread("mode", () -> world.xen.setMode(GuestMode.COMPAT));
        stage.afterwards(() -> {
            world.guest.compat = true;
            assertThat(world.guest.intAt(SHARED_INFO + 0x900)).as("version of the clock at 0x900").isNotZero();
            assertThat(world.guest.wallClock(SHARED_INFO)).as("wall clock").isEqualTo(XenWorld.BOOT_REALTIME);
            world.audit();
        });
    }

    /** The mode is stated while it changes: the wall clock is where the mode looks that was the last. */
    public static void modeAgainstModeStatedAgain(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.host.poke(XenWorld.HVA + 0x900, new byte[0x340]);
        stage.thread("stated", () -> world.xen.setMode(GuestMode.NATIVE));
        stage.thread("changed", () -> world.xen.setMode(GuestMode.COMPAT));
        stage.afterwards(() -> {
            world.guest.compat = world.xen.mode() == GuestMode.COMPAT;
            long clock = SHARED_INFO + (world.guest.compat ? 0x900 : 0xc00);
            assertThat(world.guest.intAt(clock)).as("version of the wall clock").isNotZero();
            assertThat(world.guest.wallClock(SHARED_INFO)).as("wall clock").isEqualTo(XenWorld.BOOT_REALTIME);
            world.audit();
        });
    }

    /** The guest reads, by its protocol, the wall clock while it is written. */
    public static void readAgainstWallClock(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        long shift = ((1L << 32) + 1) * XenWorld.SECOND + 7; // in all of its parts
        world.clock.setClock(world.clock.getClock() - shift);
        long clock = SHARED_INFO + 0xc00;
        long[] read = new long[1];
        boolean[] whole = new boolean[1];
        stage.thread("write", () -> world.xen.setSharedInfo(world.target(SHARED_INFO)));
        stage.thread("read", () -> {
            int version = world.guest.intAt(clock);
            long seconds = world.guest.intAt(clock + 4) & 0xffff_ffffL | (long) world.guest.intAt(clock + 12) << 32;
            read[0] = seconds * XenWorld.SECOND + world.guest.intAt(clock + 8);
            whole[0] = version % 2 == 0 && version == world.guest.intAt(clock);
        });
        stage.afterwards(() -> {
            assertThat(whole[0] ? read[0] : XenWorld.BOOT_REALTIME)
                    .as("a reading that looks whole")
                    .isIn(XenWorld.BOOT_REALTIME, XenWorld.BOOT_REALTIME + shift);
            world.audit();
        });
    }

    /** A machine without memory: what is written is lost, and the listeners hear of it. */
    private static final class Clocks {

        private final HostClock.Manual time = new HostClock.Manual(XenWorld.BOOT_REALTIME);
        private final Vm vm = Vm.builder().clock(time).vcpus(2).build();
        private final Kvmclock clock = Kvmclock.attach(vm);
        private final int[] updates = new int[2];

        Clocks() {
            clock.addUpdateListener(vcpu -> updates[vcpu.id()]++);
            enter();
        }

        void enter() {
            vm.vcpus().forEach(vcpu -> vcpu.run(() -> {}));
        }

        void register() {
            vm.vcpu(1).writeMsr(Kvmclock.MSR_SYSTEM_TIME, 0x1000 | Kvmclock.ENABLE);
        }

        /** The second vCPU is updated once more later. */
        void requireUpdatedAfter(int before) {
            time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
            enter();
            assertThat(updates[1]).as("updates").isGreaterThan(before);
        }
    }

    /** A clock is registered while the delayed update of earlier ones fires: it has one of its own. */
    public static void registrationAgainstDelayedUpdate(ScenarioRun stage) {
        Clocks clocks = new Clocks();
        clocks.time.advance(Kvmclock.DELAYED_UPDATE_NANOS - 1);
        clocks.register();
        int[] served = new int[1];
        stage.thread("registration", () -> clocks.vm.vcpu(1).run(() -> served[0] = clocks.updates[1]));
        stage.thread("time comes", () -> {
            clocks.time.advance(1);
            clocks.vm.vcpu(0).run(() -> {});
        });
        stage.afterwards(() -> clocks.requireUpdatedAfter(served[0]));
    }

    /** A clock is registered while updates are requested of all. */
    public static void registrationAgainstRequest(ScenarioRun stage) {
        Clocks clocks = new Clocks();
        clocks.time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
        clocks.enter();
        stage.thread("registration", clocks::register);
        stage.thread("request", clocks.clock::requestUpdateOfAll);
        stage.afterwards(() -> {
            clocks.enter();
            clocks.requireUpdatedAfter(clocks.updates[1]);
        });
    }

    /** A clock is registered by the host while the entry serves an earlier registration. */
    public static void registrationAgainstEntry(ScenarioRun stage) {
        XenWorld world = new XenWorld(By.GPA);
        Vcpu vcpu = world.vm.vcpu(0);
        vcpu.run(() -> {});
        world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
        vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, XenWorld.TIME_INFO | Kvmclock.ENABLE);
        stage.thread("entry", () -> vcpu.run(() -> {}));
        stage.thread("registration", () ->
                vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, XenWorld.TIME_INFO + 64 | Kvmclock.ENABLE));
        stage.afterwards(() -> {
            vcpu.run(() -> {});
            int version = world.guest.intAt(XenWorld.TIME_INFO + 64);
            assertThat(version).as("version of the clock").isNotZero();
            world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
            vcpu.run(() -> {});
            assertThat(world.guest.intAt(XenWorld.TIME_INFO + 64)).as("version later").isGreaterThan(version);
            world.audit();
        });
    }

    /** The clock is set while a vCPU enters: in the end the guest's time counts from the new one. */
    public static void settingAgainstEntry(ScenarioRun stage) {
        XenWorld world = new XenWorld(By.GPA);
        Vcpu vcpu = world.vm.vcpu(0);
        vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, XenWorld.TIME_INFO | Kvmclock.ENABLE);
        vcpu.run(() -> {});
        stage.thread("entry", () -> vcpu.run(() -> {}));
        stage.thread("setting", () -> {
            world.clock.setClock(1L << 40);
            world.clock.setClock(1L << 50);
        });
        stage.afterwards(() -> {
            vcpu.run(() -> {});
            long time = world.guest.longAt(XenWorld.TIME_INFO + 16);
            assertThat(time).as("the guest's time").isGreaterThanOrEqualTo(1L << 50);
            world.audit();
        });
    }
}
