package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SECOND;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The single-shot timer: set, queried, saved, restored, in the past, and never lost. */
final class SingleShotTimerTest {

    private static final long AHEAD = 100_000_000;

    @ParameterizedTest
    @EnumSource(By.class)
    void theTimerFiresWhenItsTimeComes(By by) { // S16
        XenWorld world = XenWorld.registered(by);
        long expires = world.clock.getClock() + AHEAD;
        assertThat(world.cpu.setSingleShotTimer(expires)).isEqualTo(Outcome.OK);
        assertThat(world.cpu.timer()).isEqualTo(new TimerState(TIMER_PORT, EventChannels.PRIORITY_2LEVEL, expires));
        world.pass(AHEAD - 1);
        assertThat(world.runAndHandle()).isEmpty();
        world.pass(1);
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        assertThat(world.cpu.timer().expiresNanos()).isZero();
        world.pass(AHEAD);
        assertThat(world.runAndHandle()).as("once").isEmpty();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aRestoredTimerFires(By by) { // S17
        XenWorld world = XenWorld.registered(by);
        world.cpu.setSingleShotTimer(world.clock.getClock() + AHEAD);
        TimerState saved = world.cpu.timer();
        world.cpu.setTimer(new TimerState(0, 0, 0));
        world.pass(2 * AHEAD);
        assertThat(world.runAndHandle()).as("switched off").isEmpty();
        world.cpu.setTimer(saved);
        assertThat(world.runAndHandle()).as("its time had come").containsExactly(TIMER_PORT);
        long later = world.clock.getClock() + AHEAD;
        world.cpu.setTimer(new TimerState(TIMER_PORT, EventChannels.PRIORITY_2LEVEL, later));
        assertThat(world.runAndHandle()).isEmpty();
        world.pass(AHEAD);
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aTimeInThePastFiresAtOnce(By by) { // S23
        XenWorld world = XenWorld.registered(by);
        for (long past : new long[] {world.clock.getClock(), world.clock.getClock() - 1, 1, 0}) {
            assertThat(world.cpu.setSingleShotTimer(past)).isEqualTo(Outcome.OK);
            assertThat(world.cpu.timer().expiresNanos()).isZero();
            assertThat(world.guest.handleUpcall(VCPU_INFO, SHARED_INFO)).containsExactly(TIMER_PORT);
        }
        world.audit();
    }

    @ParameterizedTest
    @CsvSource({"GPA,NATIVE", "GPA,COMPAT", "HVA,NATIVE", "HVA,COMPAT"})
    void theGuestsArgumentIsReadByItsMode(By by, GuestMode mode) {
        XenWorld world = XenWorld.registered(by);
        world.xen.setMode(mode);
        int size = mode == GuestMode.COMPAT ? 12 : 16;
        long end = XenWorld.GPA + XenWorld.NPAGES * Pages.PAGE_SIZE;
        for (long at : new long[] {SCRATCH, SCRATCH - 0x800 - 3, end - size}) {
            world.guest.putLong(at, 123 * SECOND);
            world.guest.putInt(at + 8, -1);
            assertThat(world.cpu.setSingleShotTimerFrom(at)).isEqualTo(Outcome.OK);
            assertThat(world.cpu.timer().expiresNanos()).isEqualTo(123 * SECOND);
            world.cpu.stopSingleShotTimer();
            assertThat(world.cpu.timer().expiresNanos()).isZero();
        }
        assertThat(world.cpu.setSingleShotTimerFrom(end - size + 1)).isEqualTo(Outcome.FAULT);
        assertThat(world.cpu.timer().expiresNanos()).isZero();
        world.audit();
    }

    @ParameterizedTest
    @CsvSource({"GPA,true", "GPA,false", "HVA,true", "HVA,false"})
    void aTimerWaitsForTheSharedPage(By by, boolean cleared) {
        XenWorld world = XenWorld.registered(by);
        long expires = world.clock.getClock() + AHEAD;
        world.cpu.setSingleShotTimer(expires);
        if (cleared) {
            world.xen.clearSharedInfo();
        } else {
            world.makeUnwritable(SHARED_INFO);
        }
        world.pass(2 * AHEAD);
        assertThat(world.cpu.timer().expiresNanos()).as("still in the saved state").isEqualTo(expires);
        if (cleared) {
            world.xen.setSharedInfo(world.target(SHARED_INFO));
        } else {
            world.makeWritable(SHARED_INFO);
        }
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        assertThat(world.cpu.timer().expiresNanos()).isZero();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aTimerForZeroThatWaitsForTheSharedPageIsSavedAsArmed(By by) {
        XenWorld world = XenWorld.registered(by);
        world.xen.clearSharedInfo();
        assertThat(world.cpu.setSingleShotTimer(0)).isEqualTo(Outcome.OK);
        TimerState saved = world.cpu.timer();
        world.cpu.stopSingleShotTimer();
        world.cpu.setTimer(saved);
        world.xen.setSharedInfo(world.target(SHARED_INFO));
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aTimeoutThatMustBeAMistakeBecomesAHundredMilliseconds() {
        XenWorld world = XenWorld.registered(By.GPA);
        long now = world.clock.getClock();
        long limit = now + (1L << 50);
        for (long bad : new long[] {-1, Long.MIN_VALUE, limit + 1, Long.MAX_VALUE}) {
            assertThat(world.cpu.setTimerOp(bad)).isEqualTo(Outcome.OK);
            assertThat(world.cpu.timer().expiresNanos()).as("%d", bad).isEqualTo(now + AHEAD);
        }
        for (long good : new long[] {limit, now + 1}) {
            assertThat(world.cpu.setTimerOp(good)).isEqualTo(Outcome.OK);
            assertThat(world.cpu.timer().expiresNanos()).isEqualTo(good);
        }
        assertThat(world.cpu.setTimerOp(0)).isEqualTo(Outcome.OK);
        assertThat(world.cpu.timer().expiresNanos()).as("stopped").isZero();
        world.audit();
    }

    @Test
    void aSingleShotBeyondTheMiddleOfTimeLiesAhead() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(Long.MIN_VALUE);
        world.pass(SECOND);
        assertThat(world.cpu.timer().expiresNanos()).isEqualTo(Long.MIN_VALUE);
        assertThat(world.runAndHandle()).isEmpty();
    }

    @Test
    void aTimerWithoutAPortIsNotSet() {
        XenWorld world = new XenWorld(By.GPA);
        assertThat(world.cpu.setSingleShotTimer(5)).isEqualTo(Outcome.INACTIVE);
        assertThat(world.cpu.setTimerOp(5)).isEqualTo(Outcome.INACTIVE);
        assertThat(world.cpu.timer().expiresNanos()).isZero();
        assertThatThrownBy(() -> world.cpu.setTimer(new TimerState(4096, 0, 0)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aThreadOfItsOwnRunsTheTimers() {
        XenWorld world = XenWorld.registered(By.GPA);
        assertThat(world.xen.awaitTimers(Duration.ZERO)).isFalse();
        Background<Boolean> thread = new Background<>(() -> {
            boolean due = world.xen.awaitTimers(Duration.ofSeconds(XenWorld.PATIENCE_SECONDS));
            world.xen.runTimers();
            return due;
        });
        world.cpu.setSingleShotTimer(world.clock.getClock() + 1000); // wakes the thread, which then waits for the clock
        world.time.advance(1000);
        assertThat(thread.join()).isTrue();
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aThreadOfItsOwnDoesNotSpinOnATimerThatCannotBeDelivered() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(world.clock.getClock() + AHEAD);
        world.makeUnwritable(SHARED_INFO);
        world.pass(2 * AHEAD);
        long start = System.nanoTime();
        long end = start + 50_000_000;
        long attempts = 0;
        while (attempts == 0 || System.nanoTime() - end < 0) { // bounded by its end: the timer is due
            if (world.xen.awaitTimers(Duration.ofMillis(50))) {
                attempts++;
                world.xen.runTimers();
            }
        }
        assertThat(attempts).isBetween(1L, 2 + (System.nanoTime() - start) / 1_000_000);
        world.makeWritable(SHARED_INFO);
        assertThat(world.xen.awaitTimers(Duration.ofSeconds(XenWorld.PATIENCE_SECONDS))).isTrue();
        world.xen.runTimers();
        assertThat(world.cpu.timer().expiresNanos()).isZero();
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        world.audit();
    }

    @Test
    void aTimerThatIsPutOffInAtomicContextTellsItsVcpuOnce() {
        XenWorld world = XenWorld.registered(By.GPA);
        for (int timer = 1; timer <= 2; timer++) {
            world.cpu.setSingleShotTimer(world.clock.getClock() + AHEAD);
            assertThat(world.cpu.hasWork()).as("before its time").isFalse();
            world.makeUnwritable(SHARED_INFO);
            world.makeWritable(SHARED_INFO);
            world.time.advance(AHEAD);
            world.kicks.set(0);
            for (int attempt = 0; attempt < 3; attempt++) {
                world.xen.runTimers(CallContext.ATOMIC);
                assertThat(world.kicks).as("kicks").hasValue(1);
                assertThat(world.cpu.hasWork()).as("work").isTrue();
                assertThat(world.cpu.hasInterrupt(CallContext.ATOMIC)).as("interrupt").isTrue();
            }
            assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
            assertThat(world.cpu.hasWork()).as("afterwards").isFalse();
        }
        world.audit();
    }

    @Test
    void aTimeWithoutAPortArmsNothing() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setTimer(new TimerState(0, EventChannels.PRIORITY_2LEVEL, world.clock.getClock() + 5));
        assertThat(world.cpu.timer()).isEqualTo(new TimerState(0, EventChannels.PRIORITY_2LEVEL, 0));
    }
}
