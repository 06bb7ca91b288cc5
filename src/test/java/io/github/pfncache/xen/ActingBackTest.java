package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.GPA;
import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** A clock, an emulator, a page-fault handler and a notifier that act on the very interface that has called them. */
final class ActingBackTest {

    private static final long AHEAD = 1_000_000;

    /** The page of an address goes, and whoever needs it again asks this first. */
    private static void evict(XenWorld world, long gpa, Supplier<PageFaultHandler.Decision> handler) {
        long page = XenWorld.hva(Pages.pageStart(gpa));
        world.host.evict(page, 1);
        world.host.registerFaultHandler(HvaRange.ofPages(page, 1), fault -> handler.get(), true, false);
    }

    // ---- the clock

    @Test
    void aTimerThatIsArmedAnewWhenItsClockIsAskedDoesNotFireAsItWas() {
        HostileWorld world = new HostileWorld();
        world.register();
        world.cpu.setSingleShotTimer(world.clock.getClock() + AHEAD);
        world.pass(AHEAD);
        long later = world.clock.getClock() + AHEAD;
        world.arm(0, () -> world.cpu.setTimer(new TimerState(21, EventChannels.PRIORITY_2LEVEL, later)));
        world.xen.runTimers();
        assertThat(world.disarm()).isTrue();
        assertThat(world.calls().get(0)).isEqualTo("monotonic");
        assertThat(world.isPending(TIMER_PORT)).as("the former timer").isFalse();
        assertThat(world.cpu.timer().expiresNanos()).isEqualTo(later);
        world.pass(AHEAD);
        world.xen.runTimers();
        assertThat(world.isPending(21)).as("the new one").isTrue();
        assertThat(world.isPending(TIMER_PORT)).isFalse();
    }

    @Test
    void aPollInsideAPollTakesNoWakeUpAway() {
        int polled = 0;
        for (int call = 0; polled < 4; call++) { // bounded by the calls that a poll makes, before it halts and then
            assertThat(call).isLessThan(100);
            HostileWorld world = new HostileWorld();
            world.register();
            ByteBuffer argument = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
            argument.putLong(0, HostileWorld.SCRATCH + 24).putInt(8, 1).putInt(24, 40);
            argument.putLong(32, HostileWorld.SCRATCH + 56).putInt(40, 1).putInt(56, 41);
            world.vm.guestMemory().write(HostileWorld.SCRATCH, argument.array());
            List<PollOutcome> inner = new ArrayList<>();
            world.arm(call, () -> {
                world.send(40, CallContext.MAY_SLEEP);
                if (world.xen.polling().isSet(0)) {
                    inner.add(world.cpu.poll(HostileWorld.SCRATCH + 32, false, Duration.ZERO));
                }
            });
            PollOutcome outer =
                    world.cpu.poll(HostileWorld.SCRATCH, false, Duration.ofSeconds(XenWorld.PATIENCE_SECONDS));
            world.disarm();
            if (!inner.isEmpty()) {
                polled++;
                assertThat(inner).containsExactly(PollOutcome.BUSY);
                assertThat(outer).as("call %d", call).isEqualTo(PollOutcome.WOKEN);
                assertThat(world.cpu.poller().foundUntold()).as("wake-ups that were lost").isZero();
            }
        }
    }

    @Test
    void aHaltEndsWhoseTimersClockBeginsAnotherPoll() {
        HostileWorld world = new HostileWorld();
        world.register();
        world.cpu.setSingleShotTimer(world.clock.getClock() + AHEAD);
        assertThat(world.cpu.startPoll(world.argument(40, 0), false)).isEqualTo(PollOutcome.BUSY);
        world.arm(0, () -> world.cpu.startPoll(world.argument(41, 0), false));
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("the former").isEqualTo(PollOutcome.WOKEN);
        assertThat(world.disarm()).isTrue();
        assertThat(world.xen.polling().isSet(0)).as("polls on").isFalse();
    }

    @Test
    void aPollThatTheClockThrowsOutOfIsOver() {
        boolean[] reached = {true, true};
        for (int call = 0; reached[0] || reached[1]; call++) { // bounded by the calls of a poll
            for (int awaits = 0; awaits < 2; awaits++) { // the start, or what goes on
                HostileWorld world = new HostileWorld();
                world.register();
                long argument = world.argument(40, 0);
                Supplier<PollOutcome> start = () -> world.cpu.startPoll(argument, true);
                Supplier<PollOutcome> poll = awaits == 0 ? start : () -> world.cpu.awaitPoll(Duration.ZERO);
                if (awaits == 1) {
                    assertThat(start.get()).isEqualTo(PollOutcome.BUSY);
                }
                world.evictAll();
                world.arm(call, () -> {
                    throw new IllegalStateException("not now");
                });
                Throwable thrown = catchThrowable(poll::get);
                reached[awaits] = world.disarm();
                assertThat(thrown != null).isEqualTo(reached[awaits]);
                assertThat(world.xen.polling().isSet(0)).as("polls on, call %d of %s", call, world.calls())
                        .isEqualTo(thrown == null);
                assertThat(world.cpu.awaitPoll(Duration.ZERO))
                        .isEqualTo(thrown == null ? PollOutcome.BUSY : PollOutcome.WOKEN);
            }
        }
    }

    // ---- the emulator

    @Test
    void aHaltEndsByTheTimerThatItHasFiredItself() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.cpu.startPoll(world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15), false);
        world.time.advance(5);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).isEqualTo(PollOutcome.WOKEN);
        world.audit();
    }

    @Test
    void aWakeUpOfBeforeAPollCanBeSeenIsNotForIt() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.time.advance(5);
        world.called = world.cpu::wake;
        assertThat(world.cpu.startPoll(world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15), false))
                .isEqualTo(PollOutcome.BUSY);
        assertThat(world.kicks).as("by the timer, which the start has fired").hasPositiveValue();
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).isEqualTo(PollOutcome.BUSY);
        world.cpu.stopPoll();
        world.audit();
    }

    /** The emulator is told that there is no vector any more, chooses one, and refuses the interrupt by that. */
    @Test
    void whatIsRefusedWhileTheFormerRefusalIsSaidIsSaidLater() {
        XenWorld world = XenWorld.registered(By.GPA);
        Runnable refuses = () -> {
            throw new IllegalStateException("not now");
        };
        world.cpu.setUpcallVector(0x30);
        world.cpu.setInterruptControllerEnabled(true);
        world.called = refuses;
        assertThatThrownBy(() -> world.sendAtomic(66)).hasMessage("not now");
        world.cpu.setUpcallVector(0);
        world.called = () -> {
            world.called = refuses;
            world.cpu.setUpcallVector(0x30);
            assertThatThrownBy(() -> world.sendAtomic(130)).hasMessage("not now");
            world.called = () -> {};
        };
        assertThat(world.sendAtomic(67)).isEqualTo(Delivery.JOINED);
        assertThat(world.interrupts).hasValue(0);
        assertThat(world.sendAtomic(68)).isEqualTo(Delivery.JOINED);
        assertThat(world.interrupts).hasValue(1);
        assertThat(world.runAndHandle()).containsExactly(66, 67, 68, 130);
        world.audit();
    }

    @Test
    void aTimerIsOffWhenTheEmulatorHearsOfItsEvent() {
        XenWorld world = XenWorld.registered(By.GPA);
        List<Long> armed = new ArrayList<>();
        world.called = () -> armed.add(world.cpu.timer().expiresNanos());
        world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
        world.pass(5);
        assertThat(armed).containsExactly(0L);
        world.audit();
    }

    @Test
    void whatTheEmulatorHearsOfIsThereAndPollsHaveBeenWoken() {
        XenWorld world = new XenWorld(By.GPA, 2);
        world.register();
        XenVcpu other = world.xen.vcpu(1);
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15, 16, 17);
        List<Object> seen = new ArrayList<>();
        world.called = () -> {
            seen.add(world.cpu.hasInterrupt(CallContext.ATOMIC));
            seen.add(other.awaitPoll(Duration.ZERO));
        };
        assertThat(other.startPoll(argument, false)).isEqualTo(PollOutcome.BUSY);
        assertThat(world.send(15)).isEqualTo(Delivery.RAISED);
        assertThat(seen).as("raised").containsExactly(true, PollOutcome.WOKEN);
        seen.clear();
        world.guest.handleUpcall(VCPU_INFO, SHARED_INFO);
        world.cpu.clearVcpuInfo();
        assertThat(other.startPoll(argument, false)).isEqualTo(PollOutcome.BUSY);
        assertThat(world.send(16)).isEqualTo(Delivery.PARKED);
        assertThat(seen).as("parked").containsExactly(true, PollOutcome.WOKEN);
        seen.clear();
        world.cpu.setVcpuInfo(world.target(VCPU_INFO));
        world.guest.handleUpcall(VCPU_INFO, SHARED_INFO);
        assertThat(other.startPoll(argument, false)).isEqualTo(PollOutcome.BUSY);
        world.xen.clearSharedInfo();
        seen.clear();
        assertThat(world.send(17)).isEqualTo(Delivery.DEFERRED);
        assertThat(seen).as("deferred").containsExactly(true, PollOutcome.WOKEN);
        world.called = () -> {};
        world.xen.setSharedInfo(world.target(SHARED_INFO));
        world.audit();
    }

    @Test
    void aPollOfItsOwnHasBeenWokenWhenAVcpuIsKicked() {
        XenWorld world = XenWorld.registered(By.GPA);
        List<PollOutcome> ended = new ArrayList<>();
        world.called = () -> ended.add(world.cpu.awaitPoll(Duration.ZERO));
        world.cpu.startPoll(world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15), false);
        world.send(200);
        world.cpu.clearVcpuInfo();
        world.guest.clearPending(SHARED_INFO, 200);
        world.cpu.startPoll(world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15), false);
        world.send(200);
        assertThat(ended).as("raised, parked").containsExactly(PollOutcome.WOKEN, PollOutcome.WOKEN);
    }

    @Test
    void theNextEventOfTheWordInterruptsForTheOneThatTheEmulatorRefused() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setUpcallVector(0x30);
        world.cpu.setInterruptControllerEnabled(true);
        world.called = () -> {
            throw new IllegalStateException("not now");
        };
        assertThatThrownBy(() -> world.sendAtomic(66)).hasMessage("not now");
        world.called = () -> {};
        assertThat(world.sendAtomic(67)).isEqualTo(Delivery.JOINED);
        assertThat(world.interrupts).hasValue(1);
        assertThat(world.sendAtomic(68)).isEqualTo(Delivery.JOINED);
        assertThat(world.interrupts).as("said once").hasValue(1);
        assertThat(world.runAndHandle()).containsExactly(66, 67, 68);
        world.audit();
    }

    @Test
    void aVectorThatIsChosenLaterInterruptsForNothingThatWasRaisedBefore() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setInterruptControllerEnabled(true);
        assertThat(world.send(66)).isEqualTo(Delivery.RAISED);
        world.cpu.setUpcallVector(0x30);
        assertThat(world.interrupts).hasValue(0);
        assertThat(world.send(130)).as("in another word").isEqualTo(Delivery.RAISED);
        assertThat(world.interrupts).hasValue(1);
        world.audit();
    }

    @Test
    void anEventThatIsParkedIsNoInterruptThatTheGuestTakesNow() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setUpcallVector(0x30);
        world.cpu.clearVcpuInfo();
        assertThat(world.send(66)).isEqualTo(Delivery.PARKED);
        assertThat(world.cpu.pendingVector()).isZero();
        world.cpu.setVcpuInfo(world.target(VCPU_INFO));
        assertThat(world.cpu.pendingVector()).isEqualTo(0x30);
        world.audit();
    }

    @Test
    void aKickThatWasRefusedAndServedByAnEntryIsNotSaidAgain() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.called = () -> {
            throw new IllegalStateException("not now");
        };
        assertThatThrownBy(() -> world.sendAtomic(66)).hasMessage("not now");
        world.called = () -> {};
        world.run();
        assertThat(world.sendAtomic(67)).isEqualTo(Delivery.JOINED);
        assertThat(world.kicks).hasValue(0);
        assertThat(world.runAndHandle()).containsExactly(66, 67);
        world.audit();
    }

    @Test
    void aKickThatIsRefusedDoesNotMakeOneEventTwo() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.makeUnwritable(SHARED_INFO);
        assertThat(world.sendAtomic(15)).isEqualTo(Delivery.DEFERRED);
        world.makeWritable(SHARED_INFO);
        world.called = () -> {
            throw new IllegalStateException("not now");
        };
        assertThatThrownBy(() -> world.xen.events().deliverDeferred()).hasMessage("not now");
        world.called = () -> {};
        assertThat(world.guest.handleUpcall(VCPU_INFO, SHARED_INFO)).containsExactly(15);
        assertThat(world.runAndHandle()).as("again").isEmpty();
        world.audit();
    }

    // ---- the page-fault handler

    @Test
    void insideAPlacementOfTheSharedPageItIsNeitherPlacedNorClearedNorTheModeChanged() {
        XenWorld world = XenWorld.registered(By.GPA);
        List<Outcome> inside = new ArrayList<>();
        evict(world, SHARED_INFO, () -> {
            if (inside.isEmpty()) {
                inside.add(world.xen.setSharedInfo(world.target(XenWorld.TIME_INFO)));
                inside.add(world.xen.clearSharedInfo());
                inside.add(world.xen.setMode(GuestMode.COMPAT));
            }
            return PageFaultHandler.Decision.RESOLVE;
        });
        assertThat(world.xen.setSharedInfo(world.target(SHARED_INFO))).isEqualTo(Outcome.OK);
        assertThat(inside).containsExactly(Outcome.BUSY, Outcome.BUSY, Outcome.BUSY);
        assertThat(world.xen.sharedInfo()).isEqualTo(world.target(SHARED_INFO));
        assertThat(world.xen.mode()).isEqualTo(GuestMode.NATIVE);
        assertThat(world.guest.wallClock(SHARED_INFO)).isEqualTo(XenWorld.BOOT_REALTIME);
        world.audit();
    }

    @Test
    void insideARegistrationOfTheRunstateItIsNeitherRegisteredNorCleared() {
        XenWorld world = XenWorld.registered(By.GPA);
        List<Outcome> inside = new ArrayList<>();
        evict(world, XenWorld.TIME_INFO, () -> {
            if (inside.isEmpty()) {
                inside.add(world.cpu.runstate().register(world.target(SCRATCH)));
                inside.add(world.cpu.runstate().clear());
            }
            return PageFaultHandler.Decision.RESOLVE;
        });
        long place = XenWorld.TIME_INFO + 0x400;
        assertThat(world.cpu.runstate().register(world.target(place))).isEqualTo(Outcome.OK);
        assertThat(inside).containsExactly(Outcome.BUSY, Outcome.BUSY);
        assertThat(world.cpu.runstate().target()).isEqualTo(world.target(place));
        assertThat(world.guest.longAt(SCRATCH + 8)).as("entry time elsewhere").isZero();
        assertThat(world.guest.runstate(place).entry()).isEqualTo(world.cpu.runstate().times().entryNanos());
        world.audit();
    }

    @Test
    void aHypercallPageInsideAChangeOfThePageIsBusyAndChangesNothing() {
        XenWorld world = XenWorld.registered(By.GPA);
        List<Outcome> inside = new ArrayList<>();
        long page = Pages.pageStart(SCRATCH);
        evict(world, SHARED_INFO, () -> {
            inside.add(world.cpu.writeHypercallPage(GuestMode.COMPAT, page, new byte[3]));
            return PageFaultHandler.Decision.RESOLVE;
        });
        assertThat(world.xen.setSharedInfo(world.target(SHARED_INFO))).isEqualTo(Outcome.OK);
        assertThat(inside).containsOnly(Outcome.BUSY);
        assertThat(world.xen.mode()).isEqualTo(GuestMode.NATIVE);
        assertThat(world.guest.byteAt(page + 100)).isZero();
        assertThat(world.cpu.writeHypercallPage(GuestMode.COMPAT, page + 1, new byte[3])).isEqualTo(Outcome.FAULT);
        assertThat(world.cpu.writeHypercallPage(GuestMode.COMPAT, page, new byte[3])).isEqualTo(Outcome.OK);
        world.audit();
    }

    @Test
    void aRunstateIsWrittenByTheNextEntryThoughItsPageWasRefusedWhenItWasRegistered() {
        XenWorld world = XenWorld.registered(By.GPA);
        AtomicInteger asked = new AtomicInteger();
        evict(world, XenWorld.RUNSTATE, () -> {
            if (asked.getAndIncrement() == 0) {
                throw new IllegalStateException("no network");
            }
            return PageFaultHandler.Decision.RESOLVE;
        });
        long place = XenWorld.RUNSTATE - 64;
        assertThatThrownBy(() -> world.cpu.runstate().register(world.target(place))).hasMessage("no network");
        assertRegisteredAndWrittenByTheNextEntry(world, place);
    }

    private static void assertRegisteredAndWrittenByTheNextEntry(XenWorld world, long place) {
        assertThat(world.cpu.runstate().target()).isEqualTo(world.target(place));
        world.vm.vcpu(0).enterAgain();
        assertThat(world.guest.runstate(place).entry()).isEqualTo(world.cpu.runstate().times().entryNanos());
        world.audit();
    }

    @Test
    void anAdjustmentAfterAModeSwitchCanBeRepeated() {
        XenWorld world = XenWorld.registered(By.GPA);
        long place = XenWorld.RUNSTATE + 15 - 46; // ends in one page by the one mode, in two by the other
        world.xen.setMode(GuestMode.COMPAT);
        assertThat(world.cpu.runstate().register(world.target(place))).isEqualTo(Outcome.OK);
        world.xen.setMode(GuestMode.NATIVE);
        AtomicInteger asked = new AtomicInteger();
        evict(world, place + 46, () -> {
            if (asked.getAndIncrement() == 0) {
                throw new IllegalStateException("no network");
            }
            return PageFaultHandler.Decision.RESOLVE;
        });
        long before = world.cpu.runstate().times().blocked();
        assertThatThrownBy(() -> world.cpu.runstate().adjust(null, 0, -7, 0, 7, 0)).hasMessage("no network");
        assertThat(world.cpu.runstate().times().blocked()).as("nothing has changed").isEqualTo(before);
        assertThat(world.cpu.runstate().adjust(null, 0, -7, 0, 7, 0)).isTrue();
        assertThat(world.guest.runstate(place).blocked()).isEqualTo(before + 7);
        world.audit();
    }

    @Test
    void aWallClockStaysDueHoweverOftenItsPageIsRefused() {
        XenWorld world = new XenWorld(By.GPA);
        AtomicInteger asked = new AtomicInteger();
        evict(world, SHARED_INFO, () -> {
            if (asked.getAndIncrement() < 3) {
                throw new IllegalStateException("no network");
            }
            return PageFaultHandler.Decision.RESOLVE;
        });
        assertThatThrownBy(() -> world.xen.setSharedInfo(world.target(SHARED_INFO))).hasMessage("no network");
        assertThatThrownBy(world::run).hasMessage("no network");
        assertThatThrownBy(() -> world.xen.setMode(GuestMode.NATIVE)).hasMessage("no network");
        world.run();
        assertThat(world.guest.wallClock(SHARED_INFO)).isEqualTo(XenWorld.BOOT_REALTIME);
        world.audit();
    }

    @Test
    void aWallClockIsThatOfTheMomentInWhichItsPageIsThere() {
        XenWorld world = XenWorld.registered(By.GPA);
        evict(world, SHARED_INFO, () -> {
            world.clock.setClock(world.time.monotonicNanos() - 7 * XenWorld.SECOND);
            return PageFaultHandler.Decision.RESOLVE;
        });
        assertThat(world.xen.setMode(GuestMode.NATIVE)).isEqualTo(Outcome.OK);
        assertThat(world.guest.wallClock(SHARED_INFO)).isEqualTo(world.time.realtimeNanos() - world.clock.getClock());
        world.audit();
    }

    @Test
    void aClockIsWrittenByTheNextEntryThoughItsPageWasRefusedWhenItWasRegistered() {
        XenWorld world = XenWorld.registered(By.GPA);
        AtomicInteger asked = new AtomicInteger();
        evict(world, XenWorld.TIME_INFO, () -> {
            if (asked.getAndIncrement() == 0) {
                throw new IllegalStateException("no network");
            }
            return PageFaultHandler.Decision.RESOLVE;
        });
        long place = XenWorld.TIME_INFO + 0x400;
        assertThatThrownBy(() -> world.cpu.setTimeInfo(world.target(place))).hasMessage("no network");
        world.run();
        assertThat(world.guest.intAt(place)).as("version").isEqualTo(2);
        world.audit();
    }

    @Test
    void insideAnAttemptAnEventStillWaits() {
        XenWorld world = XenWorld.registered(By.GPA);
        List<Boolean> waits = new ArrayList<>();
        evict(world, SHARED_INFO, () -> {
            waits.add(world.cpu.hasWork());
            return PageFaultHandler.Decision.RESOLVE;
        });
        assertThat(world.sendAtomic(40)).isEqualTo(Delivery.DEFERRED);
        world.xen.events().deliverDeferred();
        assertThat(waits).isNotEmpty().containsOnly(true);
        assertThat(world.runAndHandle()).containsExactly(40);
        world.audit();
    }

    // ---- the notifier: on a thread that is inside an invalidation nothing can be brought in

    /** The first page moves, and something is done meanwhile by the thread that moves it. */
    private static void whileItMoves(XenWorld world, Runnable body) {
        AtomicInteger begun = new AtomicInteger();
        world.host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                if (begun.getAndIncrement() == 0) {
                    body.run();
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        world.host.migrate(XenWorld.HVA);
        assertThat(begun).hasPositiveValue();
    }

    @Test
    void aWallClockThatCannotBeWrittenInsideAnInvalidationStaysDue() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.host.poke(XenWorld.HVA + 0xc00, new byte[16]);
        whileItMoves(world, () -> assertThat(world.xen.setMode(GuestMode.NATIVE)).isEqualTo(Outcome.FAULT));
        assertThat(world.guest.intAt(SHARED_INFO + 0xc00)).as("version").isZero();
        world.run();
        assertThat(world.guest.wallClock(SHARED_INFO)).isEqualTo(XenWorld.BOOT_REALTIME);
        world.audit();
    }

    @Test
    void aRunstateThatCannotBeWrittenWhereItIsRegisteredIsWrittenByTheNextEntry() {
        XenWorld world = XenWorld.registered(By.GPA);
        long place = SHARED_INFO + 0xe00;
        whileItMoves(world, () ->
                assertThat(world.cpu.runstate().register(world.target(place))).isEqualTo(Outcome.BUSY));
        assertRegisteredAndWrittenByTheNextEntry(world, place);
    }

    /** Its length is that of the new mode as soon as its page is there. */
    @Test
    void aRunstateThatCannotBeWrittenByTheNewModeStaysRegistered() {
        XenWorld world = XenWorld.registered(By.GPA);
        long place = GPA + Pages.PAGE_SIZE - 46; // ends with the page by the one mode, in the next by the other
        world.xen.setMode(GuestMode.COMPAT);
        assertThat(world.cpu.runstate().register(world.target(place))).isEqualTo(Outcome.OK);
        world.xen.setMode(GuestMode.NATIVE);
        whileItMoves(world, () ->
                assertThat(world.cpu.runstate().set(RunState.BLOCKED)).isEqualTo(Outcome.BUSY));
        assertThat(world.cpu.runstate().target()).isEqualTo(world.target(place));
        world.vm.vcpu(0).enterAgain();
        assertThat(world.guest.runstate(place).state()).isEqualTo(RunState.BLOCKED.ordinal());
        world.xen.setMode(GuestMode.COMPAT);
        world.makeUnwritable(place);
        world.cpu.runstate().set(RunState.RUNNABLE);
        assertThat(world.cpu.runstate().target()).isEqualTo(world.target(place));
        world.makeWritable(place);
        world.guest.compat = true;
        assertThat(world.cpu.runstate().set(RunState.OFFLINE)).isEqualTo(Outcome.OK);
        assertThat(world.guest.runstate(place).state()).isEqualTo(RunState.OFFLINE.ordinal());
        world.audit();
    }

    @Test
    void whatIsSentByNumbersInsideAnInvalidationIsKept() {
        XenWorld world = XenWorld.registered(By.GPA);
        EventChannels events = world.xen.events();
        events.bindLoopback(127, world.cpu, 16);
        List<Delivery> inside = new ArrayList<>();
        whileItMoves(world, () -> {
            inside.add(events.deliverOnce(0, 15, EventChannels.PRIORITY_2LEVEL));
            inside.add(events.send(127));
        });
        assertThat(inside).containsExactly(Delivery.DEFERRED, Delivery.DEFERRED);
        assertThat(world.runAndHandle()).containsExactly(15, 16);
        world.audit();
    }
}
