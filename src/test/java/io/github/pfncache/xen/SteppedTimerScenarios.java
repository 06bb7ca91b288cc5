package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.rules.Interleaving;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** What fires or is said while its guest or its emulator sets it: as it was armed, once, at its time. */
public final class SteppedTimerScenarios {

    private static final int OTHER_PORT = 21;

    private SteppedTimerScenarios() {}

    /** A machine whose timer is due. */
    private static XenWorld due() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.time.advance(5);
        return world;
    }

    private static void requireFiredAtMostOnce(XenWorld world, List<Integer> handled) {
        handled.addAll(world.runAndHandle());
        assertThat(handled).isIn(List.of(), List.of(TIMER_PORT));
    }

    /** The timer gets another port and time: that port's event does not come early, nor the former one's late. */
    public static void fireAgainstRestore(ScenarioRun stage) {
        XenWorld world = due();
        long later = world.clock.getClock() + 5;
        stage.thread("fire", world.xen::runTimers);
        stage.thread("restore", () ->
                world.cpu.setTimer(new TimerState(OTHER_PORT, EventChannels.PRIORITY_2LEVEL, later)));
        stage.afterwards(() -> {
            requireFiredAtMostOnce(world, new ArrayList<>());
            assertThat(world.cpu.timer().expiresNanos()).as("armed").isEqualTo(later);
            world.pass(5);
            world.requireHandledOnce(new ArrayList<>(), OTHER_PORT);
        });
    }

    /** The guest disarms the timer: it fires before that or not at all. */
    public static void fireAgainstDisarm(ScenarioRun stage) {
        XenWorld world = due();
        stage.thread("fire", world.xen::runTimers);
        stage.thread("disarm", world.cpu::stopSingleShotTimer);
        stage.afterwards(() -> {
            requireFiredAtMostOnce(world, new ArrayList<>());
            assertThat(world.cpu.timer().expiresNanos()).as("armed").isZero();
            world.pass(5);
            assertThat(world.runAndHandle()).as("afterwards").isEmpty();
            world.audit();
        });
    }

    /** Two threads fire the timer, and the guest arms it anew as soon as it has fired: both arrive, each once. */
    public static void fireAgainstFireAndArm(ScenarioRun stage) {
        XenWorld world = due();
        List<Integer> handled = new ArrayList<>();
        stage.thread("fire", world.xen::runTimers);
        stage.thread("fire as well", world.xen::runTimers);
        stage.thread("guest", () -> {
            handled.addAll(world.guest.handleUpcallAtOnePage(
                    XenWorld.VCPU_INFO, XenWorld.SHARED_INFO, TIMER_PORT));
            if (!handled.isEmpty()) {
                world.cpu.setSingleShotTimer(world.clock.getClock());
            }
        });
        stage.afterwards(() -> {
            boolean anew = !handled.isEmpty();
            handled.addAll(world.runAndHandle());
            assertThat(handled).as("times that it has fired").hasSize(anew ? 2 : 1).containsOnly(TIMER_PORT);
            assertThat(world.cpu.timer().expiresNanos()).as("armed").isZero();
            world.audit();
        });
    }

    /** Of two threads that fire a timer one asks for its page, and the other leaves it to that one. */
    public static void fireAgainstFireWithoutPage(ScenarioRun stage) {
        XenWorld world = due();
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        world.host.evict(XenWorld.HVA, 1);
        world.host.registerFaultHandler(HvaRange.ofPages(XenWorld.HVA, 1), fault -> {
            most.accumulateAndGet(inside.incrementAndGet(), Math::max);
            Interleaving.reached("in the handler");
            inside.decrementAndGet();
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        stage.thread("fire", world.xen::runTimers);
        stage.thread("fire as well", world.xen::runTimers);
        stage.afterwards(() -> {
            assertThat(most).as("threads that fire it at once").hasValue(1);
            world.requireHandledOnce(new ArrayList<>(), TIMER_PORT);
        });
    }

    /** A guest that takes its interrupt away while an event is said hears of it by that or by a kick. */
    public static void sayAgainstVector(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setUpcallVector(0x30);
        world.cpu.setInterruptControllerEnabled(true);
        stage.thread("send", () -> world.sendAtomic(40));
        stage.thread("vector", () -> world.cpu.setUpcallVector(0));
        stage.afterwards(() -> {
            assertThat(world.kicks.get() + world.interrupts.get()).as("told").isEqualTo(1);
            world.requireHandledOnce(new ArrayList<>(), 40);
        });
    }
}
