package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The races of the interfaces under every schedule with few preemptions: found for sure, not by luck. */
final class XenExploredRaceTest {

    private static final int PREEMPTIONS = 2;
    private static final int BUDGET = Integer.getInteger("xen.schedules", 500);

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(PREEMPTIONS, BUDGET).explore().requireNoFailure();
    }

    /** Everything that was sent has been handled by the guest once it has entered for the last time. */
    private static void requireHandled(XenWorld world, List<Integer> handled, Integer... ports) {
        handled.addAll(world.runAndHandle());
        assertThat(handled).contains(ports);
        assertThat(world.guest.handleUpcall(VCPU_INFO, SHARED_INFO)).isEmpty();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(CallContext.class)
    void aPollIsToldOfThePortThatItMissed(CallContext context) {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.guest.mask(SHARED_INFO, 15);
            long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15);
            PollOutcome[] outcome = new PollOutcome[1];
            stage.thread("poll", () -> outcome[0] = world.cpu.poll(argument, false, Duration.ofMinutes(1)));
            stage.thread("send", () -> world.xen.events().deliver(world.cpu, 15, context));
            stage.afterwards(() -> {
                assertThat(outcome[0]).isEqualTo(PollOutcome.WOKEN);
                assertThat(world.cpu.poller().foundUntold()).as("wake-ups that were lost").isZero();
                world.audit();
            });
        });
    }

    @Test
    void aPollIsToldOfAnEventWhileTheSharedPageGoes() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15);
            PollOutcome[] outcome = new PollOutcome[1];
            stage.thread("poll", () -> outcome[0] = world.cpu.poll(argument, false, Duration.ofMinutes(1)));
            stage.thread("clear", () -> {
                world.xen.clearSharedInfo();
                world.xen.events().deliver(world.cpu, 15, CallContext.ATOMIC);
            });
            stage.afterwards(() -> {
                assertThat(outcome[0]).isEqualTo(PollOutcome.WOKEN);
                assertThat(world.cpu.poller().foundUntold()).as("wake-ups that were lost").isZero();
                world.audit();
            });
        });
    }

    /** The wall clock of the later statement is due, whichever the write that ends before it has served. */
    @Test
    void aWallClockIsWrittenByTheLastOfTwoModes() {
        explore(SteppedScenarios::modeAgainstModeStatedAgain);
    }

    @Test
    void anEventSentWhileTheModeChangesKeepsItsMeaning() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.cpu.clearVcpuInfo();
            stage.thread("send", () -> world.sendAtomic(1000));
            stage.thread("mode", () -> world.xen.setMode(GuestMode.COMPAT));
            stage.afterwards(() -> {
                world.guest.compat = true;
                world.cpu.setVcpuInfo(world.target(VCPU_INFO));
                requireHandled(world, new ArrayList<>(), 1000);
            });
        });
    }

    @Test
    void anEventParkedWhileParkedOnesAreHandedOverIsNotLost() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.cpu.clearVcpuInfo();
            world.send(64);
            List<Integer> handled = new ArrayList<>();
            stage.thread("register", () -> world.cpu.setVcpuInfo(world.target(VCPU_INFO)));
            stage.thread("send", () -> world.send(65)); // in the same word
            stage.thread("guest", () -> handled.addAll(world.guest.handleUpcall(VCPU_INFO, SHARED_INFO)));
            stage.afterwards(() -> requireHandled(world, handled, 64, 65));
        });
    }

    @Test
    void anEventIsNotLostWhileTheGuestHandlesAnother() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.send(15);
            List<Integer> handled = new ArrayList<>();
            stage.thread("send", () -> world.sendAtomic(16)); // in the same word
            stage.thread("guest", () -> handled.addAll(world.guest.handleUpcall(VCPU_INFO, SHARED_INFO)));
            stage.afterwards(() -> requireHandled(world, handled, 15, 16));
        });
    }

    @Test
    void anUpcallIsNotClearedBeforeItsSelectorIsSet() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            List<Integer> handled = new ArrayList<>();
            stage.thread("send", () -> world.sendAtomic(66));
            stage.thread("guest", () -> handled.addAll(world.guest.handleUpcall(VCPU_INFO, SHARED_INFO)));
            stage.afterwards(() -> requireHandled(world, handled, 66));
        });
    }

    @Test
    void aPortThatIsUnmaskedWhileItIsSignalledIsSeenByOneSide() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.guest.mask(SHARED_INFO, 15);
            boolean[] seen = new boolean[1];
            stage.thread("send", () -> world.sendAtomic(15));
            stage.thread("guest", () -> seen[0] = world.guest.unmask(SHARED_INFO, 15));
            stage.afterwards(() -> {
                assertThat(seen[0] || world.guest.isUpcallPending(VCPU_INFO)).as("somebody saw it").isTrue();
                world.audit();
            });
        });
    }

    @Test
    void anEventIsNotLostWhileTheSharedPageMoves() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            stage.thread("send", () -> world.sendAtomic(66));
            stage.thread("toggle", () -> {
                world.xen.clearSharedInfo();
                world.xen.setSharedInfo(world.target(SHARED_INFO));
            });
            stage.afterwards(() -> requireHandled(world, new ArrayList<>(), 66));
        });
    }

    @Test
    void anUpcallIsSentOnceTheInterruptControllerIsOn() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.cpu.setUpcallVector(0xf3);
            stage.thread("send", () -> world.sendAtomic(66));
            stage.thread("enable", () -> world.cpu.setInterruptControllerEnabled(true));
            stage.afterwards(() -> {
                world.run();
                assertThat(world.interrupts).hasPositiveValue();
                requireHandled(world, new ArrayList<>(), 66);
            });
        });
    }

    @Test
    void aTimerThatIsArmedWhileItFiresFiresAgain() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
            world.time.advance(5);
            List<Integer> handled = new ArrayList<>();
            long again = world.clock.getClock() + 1;
            stage.thread("fire", world.xen::runTimers);
            stage.thread("arm", () -> world.cpu.setSingleShotTimer(again));
            stage.afterwards(() -> {
                handled.addAll(world.runAndHandle());
                assertThat(world.cpu.timer().expiresNanos()).isEqualTo(again);
                world.pass(1);
                assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
                world.audit();
            });
        });
    }

    @Test
    void theUpdateFlagIsSeenInTheMiddleOfAWriteAndMarksIt() {
        AtomicInteger marked = new AtomicInteger();
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.xen.setRunstateUpdateFlag(true);
            world.time.advance(10);
            XenGuest.Runstate[] read = new XenGuest.Runstate[1];
            boolean[] whole = new boolean[1];
            stage.thread("write", () -> world.cpu.runstate().set(RunState.BLOCKED));
            stage.thread("read", () -> {
                XenGuest.Runstate before = world.guest.rawRunstate(XenWorld.RUNSTATE);
                read[0] = world.guest.rawRunstate(XenWorld.RUNSTATE);
                long after = world.guest.rawRunstate(XenWorld.RUNSTATE).entry();
                whole[0] = before.entry() >= 0 && before.entry() == read[0].entry() && after == before.entry();
                marked.addAndGet(read[0].isBeingWritten() ? 1 : 0);
            });
            stage.afterwards(() -> {
                assertThat(!whole[0] || read[0].sum() == read[0].entry()).as("%s", read[0]).isTrue();
                assertThat(world.guest.rawRunstate(XenWorld.RUNSTATE).isBeingWritten()).isFalse();
                world.audit();
            });
        });
        assertThat(marked).as("readings in the middle of a write").hasPositiveValue();
    }

    @Test
    void aPreemptionDuringAWriteIsSeenByTheGuest() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.time.advance(10);
            stage.thread("set", () -> world.cpu.runstate().set(RunState.BLOCKED));
            stage.thread("preempt", () -> world.cpu.runstate().preempted());
            stage.afterwards(() -> {
                world.cpu.runstate().writeIfBehind();
                XenGuest.Runstate read = world.guest.runstate(XenWorld.RUNSTATE);
                assertThat(read.state()).isEqualTo(world.cpu.runstate().times().state().ordinal());
                assertThat(read.sum()).isEqualTo(read.entry());
                world.audit();
            });
        });
    }

    @Test
    void anEventThatIsJustBeingParkedIsNotTakenForOneThatWasHandedOver() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.cpu.clearVcpuInfo();
            world.send(64);
            stage.thread("register", () -> world.cpu.setVcpuInfo(world.target(VCPU_INFO)));
            stage.thread("send", () -> world.sendAtomic(128)); // in another word
            stage.afterwards(() -> requireHandled(world, new ArrayList<>(), 64, 128));
        });
    }

    @Test
    void aPollThatCanBeSeenCanBeWoken() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.guest.mask(SHARED_INFO, 20);
            long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0); // of no port
            PollOutcome[] outcome = new PollOutcome[1];
            boolean[] seen = new boolean[1];
            stage.thread("poll", () -> outcome[0] = world.cpu.startPoll(argument, false));
            stage.thread("send", () -> {
                seen[0] = world.xen.polling().isSet(0);
                world.sendAtomic(20);
            });
            stage.afterwards(() -> {
                boolean woken = outcome[0] == PollOutcome.WOKEN
                        || world.cpu.awaitPoll(Duration.ZERO) == PollOutcome.WOKEN;
                assertThat(woken || !seen[0]).as("woken by an event that saw it").isTrue();
                world.cpu.stopPoll();
                world.audit();
            });
        });
    }

    @Test
    void aTimerThatTwoThreadsFireArrivesOnce() {
        explore(stage -> {
            XenWorld world = XenWorld.registered(By.GPA);
            world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
            world.time.advance(5);
            List<Integer> handled = new ArrayList<>();
            stage.thread("fire", world.xen::runTimers);
            stage.thread("guest", () -> handled.addAll(world.guest.handleUpcall(VCPU_INFO, SHARED_INFO)));
            stage.thread("fire as well", world.xen::runTimers);
            stage.afterwards(() -> {
                handled.addAll(world.runAndHandle());
                assertThat(handled).containsExactly(TIMER_PORT);
                world.audit();
            });
        });
    }
}
