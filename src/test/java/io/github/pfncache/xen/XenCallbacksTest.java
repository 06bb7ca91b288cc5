package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.TIME_INFO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.rules.Failures;
import io.github.pfncache.vm.HostClock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Timers and events that a page-fault handler, a clock or a kick cuts short, or during which others come. */
final class XenCallbacksTest {

    private static final long SECOND = XenWorld.SECOND;

    private final XenWorld world = XenWorld.registered(By.GPA);

    /** A timer that is due, by a machine that says its events by interrupts, so that a kick says something else. */
    private void makeDue() {
        world.cpu.setUpcallVector(0x30);
        world.cpu.setInterruptControllerEnabled(true);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.time.advance(5);
    }

    /** The shared page goes, and at the first fault in it this happens. */
    private void atTheFault(Runnable once) {
        atTheFault(SHARED_INFO, once);
    }

    private void atTheFault(long page, Runnable once) {
        world.host.evict(XenWorld.hva(page), 1);
        boolean[] done = new boolean[1];
        world.host.registerFaultHandler(HvaRange.ofPages(XenWorld.hva(page), 1), fault -> {
            if (!done[0]) {
                done[0] = true;
                once.run();
            }
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
    }

    private static void fail() {
        throw new IllegalStateException("not now");
    }

    private void enterMeanwhile() {
        new Background<>(() -> {
            world.vm.vcpu(0).enterAgain();
            return null;
        }).join();
    }

    @Test
    void aTimerWhoseHandlerThrowsCanBeFiredByAnybodyAfterwards() {
        makeDue();
        atTheFault(XenCallbacksTest::fail);
        assertThatThrownBy(world.xen::runTimers).hasMessage("not now");
        assertThat(world.cpu.hasWork()).as("still due").isTrue();
        world.xen.runTimers();
        assertThat(world.interrupts).hasValue(1);
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aVcpuThatLeftItsTimerToAThreadWhoseHandlerThrowsIsKicked() {
        makeDue();
        atTheFault(() -> {
            enterMeanwhile();
            fail();
        });
        assertThatThrownBy(world.xen::runTimers).hasMessage("not now");
        assertThat(world.kicks).as("the entry left it to this thread").hasValue(1);
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aVcpuWhoseTimerIsArmedAnewWhileItFiresIsKickedIfNobodyElseFiresThat() {
        makeDue();
        atTheFault(() -> new Background<>(() -> world.cpu.setSingleShotTimer(world.clock.getClock())).join());
        world.xen.runTimers();
        assertThat(world.kicks).as("for the second, which was left to this thread").hasValue(1);
        assertThat(world.interrupts).as("for the first").hasValue(1);
        assertThat(world.guest.handleUpcall(XenWorld.VCPU_INFO, SHARED_INFO)).containsExactly(TIMER_PORT);
        assertThat(world.runAndHandle()).as("fired by the entry").containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aTimerThatFiredWhileAnEntryLeftItNeedsNoKick() {
        makeDue();
        atTheFault(this::enterMeanwhile);
        world.xen.runTimers();
        assertThat(world.kicks).hasValue(0);
        assertThat(world.interrupts).hasValue(1);
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aTimerThatIsDisarmedWhileItsPageComesHasFiredAlready() {
        makeDue();
        atTheFault(world.cpu::stopSingleShotTimer);
        world.xen.runTimers();
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        assertThat(world.cpu.timer().expiresNanos()).isZero();
        world.audit();
    }

    @Test
    void aKickThatLooksAtTheTimersIsSaidOnce() {
        makeDue();
        world.makeUnwritable(SHARED_INFO);
        world.makeWritable(SHARED_INFO); // so that it cannot be fired without waiting
        world.called = () -> {
            assertThat(world.kicks).hasValue(0);
            world.xen.runTimers(CallContext.ATOMIC);
        };
        world.xen.runTimers(CallContext.ATOMIC);
        world.called = () -> {};
        assertThat(world.kicks).hasValue(1);
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    /** An entry meanwhile has used up the kick and found nothing: the event is out of the set while it is tried. */
    @Test
    void anEventWhoseWorkerWasCutShortIsKickedForAgain() {
        world.makeUnwritable(SHARED_INFO);
        assertThat(world.sendAtomic(40)).isEqualTo(Delivery.DEFERRED);
        world.makeWritable(SHARED_INFO);
        assertThat(world.kicks).hasValue(1);
        atTheFault(() -> {
            enterMeanwhile();
            fail();
        });
        assertThatThrownBy(() -> world.xen.events().deliverDeferred()).hasMessage("not now");
        assertThat(world.kicks).as("again").hasValue(2);
        assertThat(world.runAndHandle()).containsExactly(40);
        world.audit();
    }

    @Test
    void anEventThatIsParkedIsKickedForThoughItsHandingOverIsCutShort() {
        HostileWorld hostile = new HostileWorld();
        hostile.register();
        hostile.evict(HostileWorld.VCPU_INFO);
        int kicks = hostile.kicks;
        hostile.arm(0, XenCallbacksTest::fail);
        assertThatThrownBy(() -> hostile.send(70, CallContext.MAY_SLEEP)).hasMessage("not now");
        assertThat(hostile.disarm()).isTrue();
        assertThat(hostile.calls()).as("the page, then the kick").containsExactly("fault", "kick");
        assertThat(hostile.kicks).isEqualTo(kicks + 1);
        assertThat(hostile.cpu.hasWork()).isTrue();
        hostile.run();
        assertThat(hostile.cpu.hasWork()).isFalse();
        hostile.audit();
    }

    @Test
    void theTimerOfEveryVcpuFiresThoughTheEmulatorThrowsForEach() {
        XenWorld three = new XenWorld(By.GPA, 3);
        three.register();
        for (int id = 0; id < 3; id++) { // each vCPU
            TimerState soon = new TimerState(20 + id, EventChannels.PRIORITY_2LEVEL, three.clock.getClock() + 5);
            three.xen.vcpu(id).setTimer(soon);
        }
        three.time.advance(5);
        List<String> thrown = new ArrayList<>();
        three.called = () -> {
            thrown.add("kick " + thrown.size());
            Failures.<RuntimeException>rethrow(new Exception(thrown.get(thrown.size() - 1))); // no Java declares it
        };
        assertThatThrownBy(three.xen::runTimers).as("the first is said").hasMessage("kick 0");
        assertThat(thrown).hasSize(3);
        assertThat(List.of(20, 21, 22)).allMatch(port -> three.guest.isPending(SHARED_INFO, port));
        three.called = () -> {};
        assertThat(three.xen.vcpus()).allMatch(each -> each.timer().expiresNanos() == 0);
        three.audit();
    }

    /** On a thread that is inside an invalidation nothing can be brought in; and then the page is refused. */
    @Test
    void aClockThatCouldNotBeWrittenIsWrittenByALaterEntry() {
        world.run();
        int version = world.guest.intAt(TIME_INFO);
        boolean[] once = new boolean[1];
        world.host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                if (!once[0]) {
                    once[0] = true;
                    world.clock.requestUpdateOfAll();
                    world.run();
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        world.host.migrate(XenWorld.hva(TIME_INFO));
        assertThat(world.guest.intAt(TIME_INFO)).as("busy").isEqualTo(version);
        atTheFault(TIME_INFO, XenCallbacksTest::fail);
        assertThatThrownBy(() -> world.vm.vcpu(0).enterAgain()).hasMessage("not now");
        world.run();
        world.run();
        assertThat(world.guest.intAt(TIME_INFO)).as("once").isEqualTo(version + 2);
        world.audit();
    }

    @Test
    void aClockThatFindsNoMemoryIsNotWrittenByALaterEntry() {
        world.run();
        int version = world.guest.intAt(TIME_INFO);
        world.makeUnwritable(TIME_INFO);
        world.clock.requestUpdateOfAll();
        world.run();
        world.makeWritable(TIME_INFO);
        world.run();
        assertThat(world.guest.intAt(TIME_INFO)).as("lost").isEqualTo(version);
        world.clock.requestUpdateOfAll();
        world.run();
        assertThat(world.guest.intAt(TIME_INFO)).isEqualTo(version + 2);
        world.audit();
    }

    @Test
    void aTimerThatIsDueIsAnInterruptThatWaits() {
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.time.advance(4);
        for (CallContext context : CallContext.values()) {
            assertThat(world.cpu.hasInterrupt(context)).as("before").isFalse();
        }
        assertThat(world.cpu.hasWork()).isFalse();
        world.time.advance(1);
        for (CallContext context : CallContext.values()) {
            assertThat(world.cpu.hasInterrupt(context)).as("%s", context).isTrue();
        }
        assertThat(world.cpu.hasWork()).isTrue();
        assertThat(world.cpu.timer().expiresNanos()).as("to look at it fires it").isZero();
        assertThat(world.guest.isPending(SHARED_INFO, TIMER_PORT)).isTrue();
        world.audit();
    }

    /** The clocks are asked with nothing held: they may look at the timer that is being set. */
    @Test
    void aClockThatLooksAtTheTimerFindsItAsItWas() {
        HostileWorld hostile = new HostileWorld();
        hostile.register();
        TimerState off = hostile.cpu.timer();
        TimerState next = new TimerState(21, EventChannels.PRIORITY_2LEVEL, 1L << 40);
        List<Runnable> calls = List.of(
                () -> hostile.cpu.setSingleShotTimer(1L << 40), () -> hostile.cpu.setTimer(next));
        for (Runnable call : calls) {
            hostile.cpu.setTimer(off);
            for (int clock = 0; clock < 2; clock++) { // the two by which it is armed
                hostile.cpu.setTimer(off);
                List<TimerState> seen = new ArrayList<>();
                hostile.arm(clock, () -> seen.add(hostile.cpu.singleShot().state()));
                call.run();
                hostile.disarm();
                assertThat(seen).containsExactly(off);
            }
        }
        assertThat(hostile.cpu.timer()).isEqualTo(next);
    }

    @Test
    void aTimerThatIsRestoredFiresAtOnceIfItsTimeIsPast() {
        world.cpu.setTimer(new TimerState(21, EventChannels.PRIORITY_2LEVEL, 1));
        assertThat(world.guest.isPending(SHARED_INFO, 21)).isTrue();
        assertThat(world.cpu.singleShot().state().expiresNanos()).isZero();
        assertThat(world.runAndHandle()).containsExactly(21);
        world.audit();
    }

    // ---- extreme times

    /** How far a timer is ahead has more than 32 bits of nanoseconds, and ends before the host's clock does. */
    @Test
    void aTimerFiresWhenItsTimeHasPassedHoweverLongThatIs() {
        for (long nanos : new long[] {1, SECOND, (1L << 31) + 1, 1L << 32, (1L << 32) + 1, 86_400 * SECOND}) {
            world.cpu.setSingleShotTimer(world.clock.getClock() + nanos);
            assertThat(world.cpu.singleShot().dueInNanos(world.time.monotonicNanos())).isEqualTo(nanos);
            world.pass(nanos - 1);
            assertThat(world.runAndHandle()).as("%d ns, not yet", nanos).isEmpty();
            world.pass(1);
            assertThat(world.runAndHandle()).as("%d ns", nanos).containsExactly(TIMER_PORT);
        }
        world.clock.setClock(0);
        world.cpu.setSingleShotTimer(Long.MAX_VALUE);
        assertThat(world.cpu.singleShot().isDue()).as("longer than the host's clock counts").isFalse();
        assertThat(world.cpu.timer().expiresNanos()).as("armed").isEqualTo(Long.MAX_VALUE);
        assertThat(world.xen.awaitTimers(Duration.ZERO)).isFalse();
    }

    /** A timeout that must be a mistake is more than 2^50 ns ahead of the guest's clock, wherever that is. */
    @Test
    void aTimeoutIsAMistakeByItsDistance() {
        HostClock.Manual time = world.time;
        for (long start : new long[] {0, SECOND, 1L << 40, 1L << 62, Long.MAX_VALUE - (1L << 51)}) {
            world.clock.setClock(start);
            long most = 1L << 50;
            world.cpu.setTimerOp(start + most);
            assertThat(world.cpu.singleShot().dueInNanos(time.monotonicNanos())).as("at %d", start).isEqualTo(most);
            world.cpu.setTimerOp(start + most + 1);
            assertThat(world.cpu.singleShot().dueInNanos(time.monotonicNanos())).isEqualTo(100_000_000);
        }
        world.clock.setClock(Long.MAX_VALUE - 10);
        world.cpu.setTimerOp(Long.MAX_VALUE);
        assertThat(world.cpu.singleShot().dueInNanos(time.monotonicNanos())).as("at the end of time").isEqualTo(10);
        world.cpu.setTimerOp(-1);
        assertThat(world.cpu.singleShot().dueInNanos(time.monotonicNanos())).isEqualTo(100_000_000);
    }
}
