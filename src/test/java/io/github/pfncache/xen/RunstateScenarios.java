package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.GPA;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import java.util.Arrays;

/** The runstate: where it lies, and who sees it while it is written. */
public final class RunstateScenarios {

    private static final byte POISON = (byte) 0xa5;
    private static final long BOUNDARY = GPA + 2 * Pages.PAGE_SIZE;

    private RunstateScenarios() {}

    private static XenWorld worldWith(GuestMode mode, long runstate) {
        XenWorld world = new XenWorld(By.GPA);
        world.xen.setMode(mode);
        world.guest.compat = mode == GuestMode.COMPAT;
        poison(world);
        assertThat(world.cpu.runstate().register(world.target(runstate))).as("registration").isEqualTo(Outcome.OK);
        return world;
    }

    private static void poison(XenWorld world) {
        byte[] poison = world.bytes();
        Arrays.fill(poison, POISON);
        world.host.poke(XenWorld.HVA, poison);
    }

    private static XenGuest.Runstate current(XenWorld world) {
        RunstateTimes times = world.cpu.runstate().times();
        return new XenGuest.Runstate(
                times.state().ordinal(), times.entryNanos(), times.running(), times.runnable(), times.blocked(),
                times.offline());
    }

    /** The guest finds all fields, and not a byte around them has changed. */
    private static void requireWritten(XenWorld world, long runstate) {
        assertThat(world.guest.rawRunstate(runstate)).as("what the guest reads").isEqualTo(current(world));
        byte[] bytes = world.bytes();
        int start = (int) (runstate - GPA);
        Arrays.fill(bytes, start, start + (world.guest.compat ? 44 : 48), POISON);
        assertThat(bytes).as("bytes around the area").containsOnly(POISON);
        if (!world.guest.compat) {
            boolean crosses = !Pages.fitsInPage(runstate, 48); // then it is zeroed
            assertThat(world.guest.intAt(runstate + 4)).as("padding").isEqualTo(crosses ? 0 : 0xa5a5a5a5);
        }
    }

    /** A 64-bit guest's area, across a page. */
    public static void acrossAPage(ScenarioRun stage) {
        stage.thread("guest", () -> {
            XenWorld world = worldWith(GuestMode.NATIVE, BOUNDARY - 15);
            requireWritten(world, BOUNDARY - 15);
            world.audit();
        });
    }

    /** A 64-bit guest's area, inside a page: its padding stays as it is. */
    public static void insideAPage(ScenarioRun stage) {
        stage.thread("guest", () -> {
            XenWorld world = worldWith(GuestMode.NATIVE, BOUNDARY - 48);
            requireWritten(world, BOUNDARY - 48);
            world.audit();
        });
    }

    /** A 32-bit guest's area, at the very end of a page. */
    public static void compatAtTheEndOfAPage(ScenarioRun stage) {
        stage.thread("guest", () -> {
            XenWorld world = worldWith(GuestMode.COMPAT, BOUNDARY - 44);
            requireWritten(world, BOUNDARY - 44);
            world.audit();
        });
    }

    /** The guest's loader is 32-bit and registers the area, its kernel is 64-bit and does not. */
    public static void modeSwitchAtTheEndOfAPage(ScenarioRun stage) {
        stage.thread("guest", () -> {
            long at = BOUNDARY - 44;
            XenWorld world = worldWith(GuestMode.COMPAT, at);
            poison(world);
            world.guest.compat = false;
            world.xen.setMode(GuestMode.NATIVE);
            world.time.advance(10);
            world.cpu.runstate().set(RunState.BLOCKED);
            requireWritten(world, at);
            world.audit();
        });
    }

    /** The scheduler takes the vCPU off its processor. */
    public static void preemption(ScenarioRun stage) {
        stage.thread("scheduler", () -> {
            XenWorld world = worldWith(GuestMode.NATIVE, BOUNDARY - 15);
            world.time.advance(10);
            assertThat(world.cpu.runstate().preempted()).as("preemption").isEqualTo(Outcome.OK);
            requireWritten(world, BOUNDARY - 15);
            world.mapOtherPages();
            assertThat(world.cpu.runstate().preempted()).as("preemption without the pages").isEqualTo(Outcome.BUSY);
            world.audit();
        });
    }

    /** The vCPU is preempted while its runstate is being written: afterwards the guest reads one value, the last. */
    public static void preemptionAgainstWrite(ScenarioRun stage) {
        XenWorld world = worldWith(GuestMode.NATIVE, BOUNDARY - 15);
        world.time.advance(10);
        stage.thread("write", () -> world.cpu.runstate().set(RunState.BLOCKED));
        stage.thread("preempt", () -> {
            world.time.advance(3);
            world.cpu.runstate().preempted();
        });
        stage.afterwards(() -> {
            world.cpu.runstate().writeIfBehind();
            requireWritten(world, BOUNDARY - 15);
            world.audit();
        });
    }

    /** The guest reads, by its protocol, an area whose UPDATE flag lies on the second page. */
    public static void readAgainstWriteFlagBehindTheBoundary(ScenarioRun stage) {
        readAgainstWrite(stage, BOUNDARY - 15);
    }

    /** The guest reads, by its protocol, an area whose times lie on the second page. */
    public static void readAgainstWriteFlagBeforeTheBoundary(ScenarioRun stage) {
        readAgainstWrite(stage, BOUNDARY - 16);
    }

    private static void readAgainstWrite(ScenarioRun stage, long at) {
        XenWorld world = new XenWorld(By.GPA);
        world.xen.setRunstateUpdateFlag(true);
        world.cpu.runstate().register(world.target(at));
        XenGuest.Runstate former = current(world);
        world.time.advance(0x1_0001);
        XenGuest.Runstate[] whole = new XenGuest.Runstate[1];
        stage.thread("write", () -> world.cpu.runstate().set(RunState.BLOCKED));
        stage.thread("read", () -> {
            long before = world.guest.longAt(at + 8);
            XenGuest.Runstate read = world.guest.rawRunstate(at);
            long after = world.guest.longAt(at + 8);
            whole[0] = before >= 0 && before == read.entry() && after == before ? read : null;
        });
        stage.afterwards(() -> {
            assertThat(whole[0]).as("a reading that looks whole").isIn(null, former, current(world));
            world.audit();
        });
    }

    /** A guest that did not ask for the flag never sees it. */
    public static void readAgainstWriteUnannounced(ScenarioRun stage) {
        XenWorld world = worldWith(GuestMode.COMPAT, BOUNDARY - 15);
        world.time.advance(10);
        stage.thread("write", () -> world.cpu.runstate().set(RunState.BLOCKED));
        stage.thread("read", () -> assertThat(world.guest.rawRunstate(BOUNDARY - 15).entry())
                .as("entry time without a flag")
                .isNotNegative());
        stage.afterwards(() -> requireWritten(world, BOUNDARY - 15));
    }

    /** The area is taken away while it is written across its pages. */
    public static void writeAgainstClear(ScenarioRun stage) {
        XenWorld world = worldWith(GuestMode.NATIVE, BOUNDARY - 15);
        world.xen.setRunstateUpdateFlag(true);
        world.time.advance(10);
        byte[][] left = new byte[1][];
        stage.thread("write", () -> world.cpu.runstate().set(RunState.BLOCKED));
        stage.thread("preempt", () -> world.cpu.runstate().preempted());
        stage.thread("clear", () -> {
            assertThat(world.cpu.runstate().clear()).as("clear").isEqualTo(Outcome.OK);
            left[0] = world.bytes();
        });
        stage.afterwards(() -> {
            assertThat(world.bytes()).as("bytes after the area was taken away").isEqualTo(left[0]);
            assertThat(world.guest.rawRunstate(BOUNDARY - 15).isBeingWritten()).as("left in a write").isFalse();
            world.audit();
        });
    }

    private static void requireNothingLost(RunstateTimes before, RunstateTimes after) {
        for (RunState state : RunState.values()) {
            assertThat(after.in(state)).as("time that was had").isGreaterThanOrEqualTo(before.in(state));
        }
    }

    /** The guest's clock is set back, and then the vCPU does something else. */
    public static void clockSetBack(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("guest", () -> {
            world.time.advance(100);
            world.cpu.runstate().set(RunState.RUNNING);
            RunstateTimes before = world.cpu.runstate().times();
            world.clock.setClock(1);
            world.cpu.runstate().set(RunState.BLOCKED);
            requireNothingLost(before, world.cpu.runstate().times());
        });
        stage.afterwards(world::audit);
    }

    /** Something else is said to have run for longer than the vCPU had its processor. */
    public static void moreStolenThanPassed(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("guest", () -> {
            world.cpu.runstate().set(RunState.RUNNING);
            RunstateTimes before = world.cpu.runstate().times();
            world.time.advance(10);
            world.cpu.runstate().addStolen(1000);
            world.cpu.runstate().set(RunState.BLOCKED);
            requireNothingLost(before, world.cpu.runstate().times());
        });
        stage.afterwards(world::audit);
    }
}
