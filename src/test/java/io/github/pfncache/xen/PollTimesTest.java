package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SECOND;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How long polls and waits for timers last, and who of several vCPUs is woken. */
final class PollTimesTest {

    private static XenWorld threeVcpus() {
        XenWorld world = new XenWorld(By.GPA, 3);
        world.register();
        return world;
    }

    private static PollOutcome startPoll(XenWorld world, XenVcpu vcpu, long timeout, int port) {
        return vcpu.startPoll(world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, timeout, port), false);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, SECOND, (1L << 31) + 1, 1L << 32, (1L << 32) + 1, 86_400 * SECOND})
    void aPollEndsWhenItsTimeHasPassedHoweverLongThatIs(long timeout) {
        XenWorld world = XenWorld.registered(By.GPA);
        assertThat(startPoll(world, world.cpu, timeout, 14)).isEqualTo(PollOutcome.BUSY);
        world.pass(timeout - 1);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).as("a nanosecond before").isEqualTo(PollOutcome.BUSY);
        world.pass(1);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).isEqualTo(PollOutcome.TIMED_OUT);
        world.audit();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE, Long.MAX_VALUE})
    void aPollWithoutATimeEndsByNone(long timeout) {
        XenWorld world = XenWorld.registered(By.GPA);
        assertThat(startPoll(world, world.cpu, timeout, 14)).isEqualTo(PollOutcome.BUSY);
        world.pass(86_400 * SECOND);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).isEqualTo(PollOutcome.BUSY);
        world.cpu.stopPoll();
        world.audit();
    }

    /** A guest's clock that is set is not the time that a poll waits for. */
    @Test
    void aClockThatIsSetEndsNoPoll() {
        XenWorld world = XenWorld.registered(By.GPA);
        assertThat(startPoll(world, world.cpu, 100, 14)).isEqualTo(PollOutcome.BUSY);
        world.clock.setClock(Long.MAX_VALUE);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).isEqualTo(PollOutcome.BUSY);
        world.clock.setClock(-5);
        world.pass(100);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).isEqualTo(PollOutcome.TIMED_OUT);
        world.audit();
    }

    @Test
    void everyVcpuThatPollsThePortIsWoken() {
        XenWorld world = threeVcpus();
        List<XenVcpu> pollers = List.of(world.xen.vcpu(1), world.xen.vcpu(2));
        pollers.forEach(each -> assertThat(startPoll(world, each, 0, 14)).isEqualTo(PollOutcome.BUSY));
        world.guest.mask(SHARED_INFO, 14);
        assertThat(world.send(14)).isEqualTo(Delivery.MASKED);
        assertThat(pollers).allMatch(each -> each.awaitPoll(Duration.ZERO) == PollOutcome.WOKEN);
        assertThat(pollers).as("told, and not found").allMatch(each -> each.poller().foundUntold() == 0);
        world.audit();
    }

    @Test
    void everyVcpuThatPollsIsWokenByAnotherMode() {
        XenWorld world = threeVcpus();
        world.xen.vcpus().forEach(each -> assertThat(startPoll(world, each, 0, 14)).isEqualTo(PollOutcome.BUSY));
        world.xen.setMode(GuestMode.COMPAT);
        assertThat(world.xen.vcpus()).allMatch(each -> each.awaitPoll(Duration.ZERO) == PollOutcome.WOKEN);
        world.audit();
    }

    /** A wait of more than 32 bits of nanoseconds is a sleep. */
    @Test
    void aLongWaitForTimersSleeps() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 3 * SECOND);
        Thread[] waiter = new Thread[1];
        Background<Boolean> wait = new Background<>(() -> {
            waiter[0] = Thread.currentThread();
            return world.xen.awaitTimers(Duration.ofHours(1));
        });
        XenWorld.until("the wait sleeps", () ->
                wait.isDone() || waiter[0] != null && waiter[0].getState() == Thread.State.TIMED_WAITING);
        assertThat(wait.isDone()).isFalse();
        world.time.advance(3 * SECOND);
        world.cpu.setTimerOp(world.clock.getClock() + SECOND); // another, and the wait looks
        world.time.advance(SECOND);
        world.xen.timersChanged();
        assertThat(wait.join()).isTrue();
        assertThat(world.runAndHandle()).containsExactly(XenWorld.TIMER_PORT);
        world.audit();
    }
}
