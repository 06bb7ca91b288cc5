package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.GPA;
import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.TIME_INFO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.pvclock.Kvmclock;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** First and last values of what a guest and an emulator pass, and what each of two modes and two resets does. */
final class XenExtremesTest {

    private static final byte[] TRAP = {0x0f, 0x01, (byte) 0xc1};

    // ---- the shared page

    @Test
    void aFrameWithoutAnAddressIsNotAnotherFrame() {
        XenWorld world = XenWorld.registered(By.GPA);
        byte[] before = world.bytes();
        long own = Pages.gpaToGfn(GPA);
        for (long gfn : new long[] {1L << 52, 1L << 52 | own, 1L << 63 | own, Long.MIN_VALUE, Long.MAX_VALUE, -2}) {
            assertThat(world.xen.setSharedInfoFrame(gfn)).as("frame %x", gfn).isEqualTo(Outcome.INVALID);
            assertThat(world.xen.sharedInfo()).isEqualTo(world.target(SHARED_INFO));
        }
        assertThat(world.bytes()).isEqualTo(before);
        assertThat(world.xen.setSharedInfoFrame((1L << 52) - 1)).as("the last frame").isEqualTo(Outcome.FAULT);
        assertThat(world.xen.setSharedInfoFrame(own)).isEqualTo(Outcome.OK);
        assertThat(world.xen.setSharedInfoFrame(-1)).as("no frame").isEqualTo(Outcome.OK);
        assertThat(world.xen.sharedInfo()).isNull();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void allClocksAreWrittenOnceThePageIsPlacedOrTheModeStated(By by) {
        XenWorld world = XenWorld.registered(by);
        world.run();
        int version = world.guest.intAt(TIME_INFO);
        world.run();
        assertThat(world.guest.intAt(TIME_INFO)).as("nothing was asked for").isEqualTo(version);
        world.xen.setSharedInfo(world.target(SHARED_INFO));
        world.run();
        assertThat(world.guest.intAt(TIME_INFO)).as("placed").isEqualTo(version + 2);
        world.xen.setMode(GuestMode.NATIVE);
        world.run();
        assertThat(world.guest.intAt(TIME_INFO)).as("stated").isEqualTo(version + 4);
        world.audit();
    }

    @Test
    void allVcpusAreUpdatedOnceMoreAWhileAfterAFirstEntry() {
        XenWorld world = new XenWorld(By.GPA, 2);
        int[] updates = new int[2];
        world.clock.addUpdateListener(vcpu -> updates[vcpu.id()]++);
        world.vm.vcpus().forEach(vcpu -> vcpu.run(() -> {}));
        world.vm.vcpus().forEach(vcpu -> vcpu.run(() -> {})); // the second's first entry was asked for of both
        int[] before = updates.clone();
        world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
        world.vm.vcpus().forEach(vcpu -> vcpu.run(() -> {}));
        assertThat(updates).containsExactly(before[0] + 1, before[1] + 1);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aClockWhoseRegistrationFoundNoMemoryIsNotWrittenByTheNextEntry(By by) {
        XenWorld world = XenWorld.registered(by);
        world.run();
        long place = XenWorld.TIME_INFO + 0x800;
        world.makeUnwritable(place);
        assertThat(world.cpu.setTimeInfo(world.target(place))).isEqualTo(Outcome.FAULT);
        world.makeWritable(place);
        world.run();
        assertThat(world.guest.intAt(place)).as("version").isZero();
        world.clock.requestUpdateOfAll();
        world.run();
        assertThat(world.guest.intAt(place)).as("version").isEqualTo(2);
        world.audit();
    }

    // ---- ports

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void aPortThatIsNoneIsNotKeptForASharedPage(GuestMode mode) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.clearSharedInfo();
        world.xen.setMode(mode);
        int limit = mode == GuestMode.COMPAT ? 1024 : 4096;
        EventChannels events = world.xen.events();
        for (int port : new int[] {limit, 4096, -1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            for (CallContext context : CallContext.values()) {
                assertThat(events.deliver(world.cpu, port, context)).as("%d", port).isEqualTo(Delivery.INVALID);
                try (EventRoute route = events.route(0, port, EventChannels.PRIORITY_2LEVEL)) {
                    assertThat(route.signal(context)).as("%d", port).isEqualTo(Delivery.INVALID);
                }
            }
            assertThat(events.deliverOnce(0, port, EventChannels.PRIORITY_2LEVEL)).isEqualTo(Delivery.INVALID);
        }
        for (int vcpu : new int[] {1, -1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            assertThat(events.deliverOnce(vcpu, 1, EventChannels.PRIORITY_2LEVEL)).isEqualTo(Delivery.INVALID);
        }
        assertThat(events.deliverOnce(0, 0, EventChannels.PRIORITY_2LEVEL)).isEqualTo(Delivery.INVALID);
        assertThat(events.deliverOnce(0, 1, 0)).isEqualTo(Delivery.INVALID);
        assertThat(events.deliverOnce(0, limit - 1, EventChannels.PRIORITY_2LEVEL)).as("the sender keeps it")
                .isEqualTo(Delivery.INACTIVE);
        assertThat(world.cpu.hasWork()).as("kept").isFalse();
        assertThat(world.send(limit - 1)).isEqualTo(Delivery.DEFERRED);
        assertThat(world.cpu.hasWork()).as("kept").isTrue();
    }

    @Test
    void anEventByNumbersThatFindsNoMemoryIsTheSenders() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.makeUnwritable(SHARED_INFO);
        assertThat(world.xen.events().deliverOnce(0, 15, EventChannels.PRIORITY_2LEVEL)).isEqualTo(Delivery.FAULT);
        assertThat(world.cpu.hasWork()).as("kept").isFalse();
        world.makeWritable(SHARED_INFO);
        assertThat(world.runAndHandle()).isEmpty();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void thePortBelowTheLimitIsTheLastThatIsBound(GuestMode mode) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setMode(mode);
        EventChannels events = world.xen.events();
        int limit = mode == GuestMode.COMPAT ? 1024 : 4096;
        for (int port : new int[] {limit, 0, -1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            List<Runnable> calls = List.of(
                    () -> events.bindExternal(port, () -> {}),
                    () -> events.bindIpi(port, 0, EventChannels.PRIORITY_2LEVEL),
                    () -> events.bindLoopback(port, world.cpu, 1),
                    () -> events.bindLoopback(1, world.cpu, port),
                    () -> events.rebind(port, 0, 1, false),
                    () -> events.unbind(port));
            calls.forEach(call -> assertThatIllegalArgumentException().as("%d", port).isThrownBy(call::run));
        }
        assertThat(events.bindLoopback(limit - 1, world.cpu, limit - 1)).isTrue();
        assertThat(events.send(limit - 1)).isEqualTo(Delivery.RAISED);
        assertThat(events.unbind(limit - 1)).isTrue();
    }

    @Test
    void aModeThatIsStatedOrFoundOutDeliversWhatWasKept() {
        XenWorld world = XenWorld.registered(By.GPA);
        List<Runnable> ways = List.of(
                () -> world.xen.setMode(GuestMode.NATIVE),
                () -> world.cpu.writeHypercallPage(GuestMode.NATIVE, 1, TRAP));
        for (Runnable way : ways) {
            world.makeUnwritable(SHARED_INFO);
            assertThat(world.sendAtomic(15)).isEqualTo(Delivery.DEFERRED);
            world.makeWritable(SHARED_INFO);
            way.run();
            assertThat(world.guest.isPending(SHARED_INFO, 15)).as("before the next entry").isTrue();
            assertThat(world.runAndHandle()).containsExactly(15);
        }
        world.audit();
    }

    @Test
    void aPortLeadsToAnotherVcpuAndNowhereElse() {
        XenWorld world = new XenWorld(By.GPA, 2);
        world.register();
        EventChannels events = world.xen.events();
        events.bindIpi(7, 0, EventChannels.PRIORITY_2LEVEL);
        events.bindLoopback(8, world.cpu, 9);
        events.bindExternal(10, () -> {});
        List<Runnable> calls = List.of(
                () -> events.rebind(7, 1, 7, false),
                () -> events.rebind(7, 1, 6, true),
                () -> events.rebind(8, 1, 9, true),
                () -> events.rebind(8, 1, 8, false),
                () -> events.rebind(10, 1, 10, false));
        calls.forEach(call -> assertThatIllegalArgumentException().isThrownBy(call::run));
        assertThat(events.rebind(11, 1, 11, true)).as("bound to nothing").isFalse();
        assertThat(events.send(8)).as("as it was").isEqualTo(Delivery.RAISED);
        assertThat(events.rebind(8, 1, 9, false)).isTrue();
        world.guest.clearPending(SHARED_INFO, 9);
        assertThat(events.send(8)).as("to a vCPU without a vcpu_info").isEqualTo(Delivery.PARKED);
        assertThat(world.xen.vcpu(1).hasWork()).isTrue();
    }

    @Test
    void aResetForgetsThePortsOfTheOtherModeAndWhatWasDeferred() {
        XenWorld world = XenWorld.registered(By.GPA);
        EventChannels events = world.xen.events();
        for (int port : new int[] {1, 1023, 1024, 4095}) {
            events.bindExternal(port, () -> {});
        }
        world.xen.clearSharedInfo();
        assertThat(world.send(15)).isEqualTo(Delivery.DEFERRED);
        world.xen.setMode(GuestMode.COMPAT);
        events.reset();
        assertThat(world.cpu.hasWork()).isFalse();
        world.xen.setMode(GuestMode.NATIVE);
        assertThat(List.of(1, 1023, 1024, 4095)).noneMatch(events::isBound);
        world.xen.setSharedInfo(world.target(SHARED_INFO));
        assertThat(world.runAndHandle()).isEmpty();
        world.audit();
    }

    // ---- polls

    private static PollOutcome startPoll(XenWorld world, int port) {
        return world.cpu.startPoll(world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, port), false);
    }

    @Test
    void aPollEndsWhenTheModeIsAnotherOneOnly() {
        XenWorld world = XenWorld.registered(By.GPA);
        assertThat(startPoll(world, 14)).isEqualTo(PollOutcome.BUSY);
        world.xen.setMode(GuestMode.NATIVE);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("stated again").isEqualTo(PollOutcome.BUSY);
        world.xen.setMode(GuestMode.COMPAT);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("changed").isEqualTo(PollOutcome.WOKEN);
        world.xen.setMode(GuestMode.NATIVE);
        assertThat(startPoll(world, 4095)).isEqualTo(PollOutcome.BUSY);
        world.cpu.writeHypercallPage(GuestMode.COMPAT, SCRATCH & -Pages.PAGE_SIZE, TRAP);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("found out").isEqualTo(PollOutcome.WOKEN);
        assertThat(world.xen.polling().isSet(0)).isFalse();
        world.audit();
    }

    @Test
    void aPollThatIsRefusedEndsTheOneBefore() {
        XenWorld world = XenWorld.registered(By.GPA);
        assertThat(startPoll(world, 14)).isEqualTo(PollOutcome.BUSY);
        assertThat(world.cpu.startPoll(Pages.INVALID_GPA, false)).isEqualTo(PollOutcome.FAULT);
        assertThat(world.xen.polling().isSet(0)).as("poll bit").isFalse();
        assertThat(startPoll(world, 14)).isEqualTo(PollOutcome.BUSY);
        assertThat(startPoll(world, 4096)).isEqualTo(PollOutcome.INVALID);
        assertThat(world.xen.polling().isSet(0)).as("poll bit").isFalse();
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("none is left").isEqualTo(PollOutcome.WOKEN);
        world.audit();
    }

    @Test
    void afterAPollAnEarlierOneIsOverToo() {
        XenWorld world = XenWorld.registered(By.GPA);
        assertThat(startPoll(world, 14)).isEqualTo(PollOutcome.BUSY);
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15);
        assertThat(world.cpu.poll(argument, false, Duration.ZERO)).isEqualTo(PollOutcome.BUSY);
        assertThat(world.xen.polling().isSet(0)).as("poll bit").isFalse();
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).isEqualTo(PollOutcome.WOKEN);
        world.audit();
    }

    @Test
    void aPollOfAnotherVcpuEndsWhenAKeptEventOfItsPortCannotBeDelivered() {
        XenWorld world = new XenWorld(By.GPA, 2);
        world.register();
        world.makeUnwritable(SHARED_INFO);
        assertThat(world.sendAtomic(15)).isEqualTo(Delivery.DEFERRED);
        world.makeWritable(SHARED_INFO);
        XenVcpu other = world.xen.vcpu(1);
        assertThat(other.startPoll(world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15), false))
                .isEqualTo(PollOutcome.BUSY);
        world.makeUnwritable(SHARED_INFO);
        world.xen.events().deliverDeferred();
        assertThat(other.awaitPoll(Duration.ZERO)).as("the guest has to look itself").isEqualTo(PollOutcome.WOKEN);
        world.makeWritable(SHARED_INFO);
        assertThat(world.runAndHandle()).containsExactly(15);
        world.audit();
    }

    @Test
    void aTimerThatIsDueEndsThePollOfItsPortAtOnce() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.guest.mask(SHARED_INFO, TIMER_PORT);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.time.advance(5);
        assertThat(startPoll(world, TIMER_PORT)).isEqualTo(PollOutcome.WOKEN);
        world.audit();
    }

    // ---- timers

    @Test
    void aTimerThatWasArmedAnewIsTriedAtOnce() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.makeUnwritable(SHARED_INFO);
        world.cpu.setSingleShotTimer(world.clock.getClock());
        for (int turn = 0; turn < 20; turn++) { // so that one of them is within the time that it is not tried again
            world.xen.runTimers();
            world.cpu.setSingleShotTimer(world.clock.getClock() + 1);
            world.time.advance(1);
            assertThat(world.xen.awaitTimers(Duration.ZERO)).as("another timer, not tried yet").isTrue();
        }
        world.makeWritable(SHARED_INFO);
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aTimerThatFiresInAtomicContextWaitsForNoPage() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.time.advance(5);
        world.makeUnwritable(SHARED_INFO);
        world.makeWritable(SHARED_INFO);
        world.xen.runTimers(CallContext.ATOMIC);
        assertThat(world.cpu.singleShot().dueInNanos(world.time.monotonicNanos())).as("still armed").isZero();
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aTimerThatWaitedForTheSharedPageFiresWhenItIsPlaced() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.clearSharedInfo();
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.pass(5);
        world.xen.setSharedInfo(world.target(SHARED_INFO));
        assertThat(world.guest.isPending(SHARED_INFO, TIMER_PORT)).as("before the next entry").isTrue();
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aTimerThatIsOffKeepsWhateverItsPriorityWas() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setTimer(new TimerState(0, 5, 0));
        assertThat(world.cpu.timer()).isEqualTo(new TimerState(0, 5, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> world.cpu.setTimer(new TimerState(1, 5, 0)));
        assertThat(world.cpu.timer()).isEqualTo(new TimerState(0, 5, 0));
    }

    // ---- the runstate

    @Test
    void timeThatWasStolenIsTakenFromWhatPassesInTheGuestHoweverLongThatTakes() {
        XenWorld world = XenWorld.registered(By.GPA);
        RunstateArea runstate = world.cpu.runstate();
        long before = runstate.times().runnable();
        runstate.addStolen(250);
        world.time.advance(100);
        assertThat(runstate.adjust(null, 0, -1, 0, 1, 0)).isTrue();
        runstate.set(RunState.BLOCKED);
        assertThat(runstate.times().runnable() - before).as("all that passed").isEqualTo(100);
        world.time.advance(100);
        runstate.set(RunState.RUNNING);
        assertThat(runstate.times().runnable() - before).as("blocked: nothing of that").isEqualTo(100);
        world.time.advance(1000);
        runstate.set(RunState.RUNNING);
        assertThat(runstate.times().runnable() - before).as("the rest").isEqualTo(250);
        world.audit();
    }

    @Test
    void anEntryWritesNoRunstateThatIsThere() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.logDirtyPages();
        world.run(() -> {
            world.dirty();
            world.vm.vcpu(0).enterAgain();
            assertThat(world.dirty()).isEmpty();
        });
        world.audit();
    }

    @Test
    void aRunstateThatFoundNoMemoryIsNotMadeUpForByAnEntry() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.makeUnwritable(XenWorld.RUNSTATE + 15);
        world.pass(5);
        assertThat(world.cpu.runstate().set(RunState.BLOCKED)).isEqualTo(Outcome.FAULT);
        world.makeWritable(XenWorld.RUNSTATE + 15);
        byte[] before = world.bytes();
        world.vm.vcpu(0).enterAgain();
        assertThat(world.bytes()).isEqualTo(before);
        world.audit();
    }
}
