package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.rules.Interleaving;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Waits that something ends at a chosen point inside: they end by that, and not by their own time. */
final class WaitFromInsideTest {

    private static final Duration LONG = Duration.ofMinutes(10);

    /** Lets something happen once on the waiting thread, at a point or when it blocks, and counts further blocks. */
    private static final class Inside implements Interleaving.Explorer {

        private final int at;
        private final Runnable action;
        private int points;
        private boolean done;
        private boolean blockedFirst;
        private int blocks;

        Inside(int at, Runnable action) {
            this.at = at;
            this.action = action;
        }

        private void act() {
            done = true; // first: it comes through here as well
            action.run();
        }

        @Override
        public void reached(String point) {
            if (!done && points++ == at) {
                act();
            }
        }

        @Override
        public boolean blocked(Object on, boolean timed) {
            if (!done) {
                blockedFirst = true;
                act();
                return true;
            }
            blocks++;
            return false; // its time is over
        }

        <T> T during(Supplier<T> wait) {
            Interleaving.bind(this);
            try {
                return wait.get();
            } finally {
                Interleaving.bind(null);
            }
        }
    }

    @Test
    void aTimerThatIsSetAtAnyPointOfAWaitForTimersEndsIt() {
        boolean blockedFirst = false;
        for (int at = 0; !blockedFirst; at++) { // bounded by the points of a wait
            XenWorld world = XenWorld.registered(By.GPA);
            Inside inside = new Inside(at, () -> {
                world.cpu.setSingleShotTimer(world.clock.getClock() + 1);
                world.time.advance(1);
            });
            assertThat(inside.during(() -> world.xen.awaitTimers(LONG))).as("point %d", at).isTrue();
            assertThat(inside.blocks).as("waits after it was set at point %d", at).isZero();
            blockedFirst = inside.blockedFirst;
        }
    }

    /** The timer is armed, whatever the look whether it is due already runs into. */
    @Test
    void aTimerThatIsSetEndsAWaitThoughTheClockThrowsThen() {
        HostileWorld world = new HostileWorld();
        world.register();
        long expires = world.clock.getClock() + 50;
        Inside inside = new Inside(Integer.MAX_VALUE, () -> {
            world.arm(2, () -> { // after the two clocks by which it is armed
                throw new IllegalStateException("not now");
            });
            assertThatThrownBy(() -> world.cpu.setSingleShotTimer(expires)).hasMessage("not now");
            assertThat(world.disarm()).isTrue();
            world.pass(50);
        });
        assertThat(inside.during(() -> world.xen.awaitTimers(LONG))).isTrue();
        assertThat(inside.blocks).as("waits after it was set").isZero();
    }

    /** What ends a halt comes on another thread, at each point of the halt in turn and when that blocks. */
    private static void endsAHaltAtEachPoint(PollOutcome end, Consumer<XenWorld> comes) {
        boolean blockedFirst = false;
        for (int at = 0; !blockedFirst; at++) { // bounded by the points of a halt
            XenWorld world = XenWorld.registered(By.GPA);
            long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 100, 14);
            assertThat(world.cpu.startPoll(argument, false)).isEqualTo(PollOutcome.BUSY);
            Inside inside = new Inside(at, () -> new Background<>(() -> {
                comes.accept(world);
                return null;
            }).join());
            assertThat(inside.during(() -> world.cpu.awaitPoll(LONG))).as("point %d", at).isEqualTo(end);
            assertThat(inside.blocks).as("waits after it came at point %d", at).isZero();
            assertThat(world.cpu.poller().foundUntold()).as("wake-ups that were lost").isZero();
            blockedFirst = inside.blockedFirst;
            world.audit();
        }
    }

    @Test
    void aClockThatMovesEndsAHaltWhoseTimeHasComeAtWhicheverPointItDoes() {
        endsAHaltAtEachPoint(PollOutcome.TIMED_OUT, world -> world.pass(100));
    }

    @Test
    void aStopByAnotherThreadEndsAHaltAtWhicheverPointItComes() {
        endsAHaltAtEachPoint(PollOutcome.WOKEN, world -> world.cpu.stopPoll());
    }

    @Test
    void anEventEndsAHaltAtWhicheverPointItComes() {
        endsAHaltAtEachPoint(PollOutcome.WOKEN, world -> world.sendAtomic(14));
    }

    @Test
    void aClockThatMovesEndsAHaltThoughTheEmulatorThrowsForATimer() {
        XenWorld world = new XenWorld(By.GPA, 2);
        world.register();
        XenVcpu polls = world.xen.vcpu(1);
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 100, 14);
        assertThat(polls.startPoll(argument, false)).isEqualTo(PollOutcome.BUSY);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 100);
        Inside inside = new Inside(Integer.MAX_VALUE, () -> {
            world.called = () -> {
                throw new IllegalStateException("not now");
            };
            assertThatThrownBy(() -> world.pass(100)).hasMessage("not now");
            world.called = () -> {};
        });
        assertThat(inside.during(() -> polls.awaitPoll(LONG))).isEqualTo(PollOutcome.TIMED_OUT);
        assertThat(inside.blocks).as("waits after the clock has moved").isZero();
        world.audit();
    }

    /** Code of others that the halt calls polls itself, which ends the halt, and nothing is waited for. */
    @Test
    void aPollInsideAHaltEndsItAtWhicheverCallItComes() {
        boolean reached = true;
        for (int call = 0; reached; call++) { // bounded by the calls of a turn
            HostileWorld world = new HostileWorld();
            world.register();
            long argument = world.argument(40, 0);
            assertThat(world.cpu.startPoll(argument, true)).isEqualTo(PollOutcome.BUSY);
            Inside inside = new Inside(Integer.MAX_VALUE, () -> {});
            boolean[] polled = new boolean[1];
            world.arm(call, () -> {
                polled[0] = !inside.blockedFirst;
                assertThat(world.cpu.poll(argument, false, Duration.ZERO)).isEqualTo(PollOutcome.BUSY);
            });
            assertThat(inside.during(() -> world.cpu.awaitPoll(LONG))).as("call %d", call)
                    .isEqualTo(PollOutcome.WOKEN);
            assertThat(world.disarm()).isTrue();
            reached = polled[0];
            assertThat(inside.blockedFirst || inside.blocks > 0).as("waits, call %d", call).isEqualTo(!reached);
        }
    }
}
