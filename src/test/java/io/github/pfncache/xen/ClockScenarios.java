package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.TIME_INFO;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.pvclock.PvclockField;
import io.github.pfncache.pvclock.PvclockScale;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import java.util.List;

/** Clock structures and their versions, as the guest sees them. */
public final class ClockScenarios {

    private static final int FLAGS = 29;
    private static final int STOPPED = 2;
    private static final int WALL_CLOCK = 0xc00;
    private static final long CLOCK_IN_VCPU_INFO = VCPU_INFO + 32;

    private ClockScenarios() {}

    private static void update(XenWorld world) {
        world.clock.requestUpdate(world.vm.vcpu(0));
        world.run();
    }

    /** The guest was told in one of its clocks that it was stopped, and has not answered. */
    public static void stoppedInOneClock(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("guest", () -> {
            world.guest.putByte(CLOCK_IN_VCPU_INFO + FLAGS, STOPPED);
            update(world);
            update(world);
            assertThat(world.guest.byteAt(CLOCK_IN_VCPU_INFO + FLAGS) & STOPPED).as("flag kept").isEqualTo(STOPPED);
            assertThat(world.guest.byteAt(TIME_INFO + FLAGS) & STOPPED).as("flag of the other clock").isZero();
        });
        stage.afterwards(world::audit);
    }

    /** The guest owns the versions, and leaves them odd, or somewhere else. */
    public static void versionsOfTheGuest(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("guest", () -> {
            for (int version : new int[] {0x40, 0x41, -2, -1, 7}) {
                world.guest.putInt(TIME_INFO, version);
                world.guest.putInt(XenWorld.SHARED_INFO + WALL_CLOCK, version);
                update(world);
                world.xen.setSharedInfo(world.target(XenWorld.SHARED_INFO)); // writes the wall clock anew
                int next = (version + 1 | 1) + 1;
                assertThat(world.guest.intAt(TIME_INFO)).as("version of the clock").isEqualTo(next);
                assertThat(world.guest.intAt(XenWorld.SHARED_INFO + WALL_CLOCK))
                        .as("version of the wall clock")
                        .isEqualTo(next);
            }
        });
        stage.afterwards(world::audit);
    }

    /** The guest reads, by its protocol, a clock that is being written. */
    public static void readAgainstWrite(ScenarioRun stage) {
        XenWorld world = new XenWorld(By.GPA);
        GfnPfnCache cache = world.vm.newCache(PvclockTimeInfo.SIZE);
        assertThat(cache.activate(TIME_INFO)).as("activation").isEqualTo(Outcome.OK);
        write(cache, 1000, 7);
        long[] read = new long[2];
        boolean[] whole = new boolean[1];
        stage.thread("write", () -> write(cache, 2000, 8));
        stage.thread("read", () -> {
            int version = world.guest.intAt(TIME_INFO);
            read[0] = world.guest.longAt(TIME_INFO + 8);
            read[1] = world.guest.longAt(TIME_INFO + 16);
            whole[0] = version % 2 == 0 && version == world.guest.intAt(TIME_INFO);
        });
        stage.afterwards(() -> {
            if (whole[0]) {
                assertThat(List.of(read[0], read[1]))
                        .as("a reading that looks whole")
                        .isIn(List.of(1000L, 7L), List.of(2000L, 8L));
            }
            world.audit();
        });
    }

    private static void write(GfnPfnCache cache, long tsc, long time) {
        try (GuestAccess access = cache.access()) {
            PvclockField.ALONE.write(
                    access, new PvclockTimeInfo(tsc, time, PvclockScale.ofFrequency(1_000_000_000), 0));
        }
    }
}
