package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static io.github.pfncache.pvclock.ClockWorld.HVA;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;

/**
 * Requests of a clock against the entry that takes them, for an explorer that may switch before each of their accesses:
 * who takes a request finds what was set before it.
 */
public final class SteppedClockScenarios {

    private static final long PLACE = GPA + 0x100;
    private static final long ELSEWHERE = GPA + 0x200;
    private static final long SET = 1L << 50;

    private SteppedClockScenarios() {}

    /** A machine whose last vCPU has a kvmclock, and nothing waits but an update. */
    private static ClockWorld quiet(int vcpus) {
        ClockWorld world = new ClockWorld(vcpus);
        world.fill((byte) 0);
        world.settle(vcpus - 1, PLACE);
        world.clock.requestUpdateOfAll();
        return world;
    }

    private static PvclockTimeInfo timeAfterAnEntry(ClockWorld world, int vcpu) {
        world.run(vcpu);
        world.audit();
        return world.read(PLACE).time();
    }

    /** The guest is told that it was stopped, by the entry that is under way or by the next. */
    public static void stopAgainstEntry(ScenarioRun stage) {
        ClockWorld world = quiet(1);
        stage.thread("entry", () -> world.run(0));
        stage.thread("stop", () -> world.clock.guestStopped(world.vm.vcpu(0)));
        stage.afterwards(() -> assertThat(timeAfterAnEntry(world, 0).has(PvclockTimeInfo.FLAG_GUEST_STOPPED))
                .as("told").isTrue());
    }

    /** A TSC is set while a vCPU enters: in the end the guest has the structure for it. */
    public static void tscAgainstEntry(ScenarioRun stage) {
        ClockWorld world = quiet(1);
        stage.thread("entry", () -> world.run(0));
        stage.thread("setting", () -> world.clock.setTsc(world.vm.vcpu(0), new GuestTsc(1_000_000_007, 5)));
        stage.afterwards(() -> assertThat(timeAfterAnEntry(world, 0).scale())
                .isEqualTo(PvclockScale.ofFrequency(1_000_000_007)));
    }

    /** A clock is set back while a vCPU enters: in the end the guest's time is that one. */
    public static void settingAgainstEntry(ScenarioRun stage) {
        ClockWorld world = quiet(1);
        world.clock.setClock(SET);
        stage.thread("entry", () -> world.run(0));
        stage.thread("setting", () -> world.clock.setClock(5));
        stage.afterwards(() -> assertThat(timeAfterAnEntry(world, 0).systemTime()).isLessThan(SET));
    }

    /** Two vCPUs ask for the wall clock at one place: one write comes after the other. */
    public static void wallClockAgainstAnotherAtThePlace(ScenarioRun stage) {
        ClockWorld world = new ClockWorld(2);
        world.fill((byte) 0);
        world.host.populateWrite(HVA, 1);
        for (int vcpu : new int[] {0, 1}) {
            stage.thread("vcpu " + vcpu, () -> world.vm.vcpu(vcpu).writeMsr(Kvmclock.MSR_WALL_CLOCK, PLACE));
        }
        stage.afterwards(() -> {
            assertThat(world.version(PLACE)).as("version after two writes").isEqualTo(4);
            world.audit();
        });
    }

    /** A clock goes on from a structure while a vCPU enters: in the end the guest's time counts from it. */
    public static void structureAgainstEntry(ScenarioRun stage) {
        ClockWorld world = quiet(1);
        PvclockTimeInfo had = new PvclockTimeInfo(0, SET, PvclockScale.ofFrequency(ClockWorld.TSC_HZ), 0);
        stage.thread("entry", () -> world.run(0));
        stage.thread("setting", () -> world.clock.setClock(world.vm.vcpu(0), had));
        stage.afterwards(() -> assertThat(timeAfterAnEntry(world, 0).systemTime()).isGreaterThanOrEqualTo(SET));
    }

    /** The first vCPU's guest uses the old register while the second enters: that one hears of it. */
    public static void oldRegisterAgainstEntryOfAnother(ScenarioRun stage) {
        ClockWorld world = quiet(2);
        stage.thread("entry", () -> world.run(1));
        stage.thread("register", () ->
                world.vm.vcpu(0).guestWriteMsr(Kvmclock.MSR_SYSTEM_TIME_OLD, ELSEWHERE | Kvmclock.ENABLE));
        stage.afterwards(() -> assertThat(timeAfterAnEntry(world, 1).has(PvclockTimeInfo.FLAG_TSC_STABLE))
                .as("a stable TSC is promised").isFalse());
    }

    /** What is stolen while it is told is told once. */
    public static void stealAgainstRun(ScenarioRun stage) {
        ClockWorld world = stealing();
        stage.thread("run", () -> world.run(0));
        stage.thread("steal", () -> world.steal.addSteal(world.vm.vcpu(0), 2));
        stage.thread("steal as well", () -> world.steal.addSteal(world.vm.vcpu(0), 4));
        stage.afterwards(() -> requireTold(world, 7));
    }

    /** Time that is stolen while its page moves is told once. */
    public static void stealAgainstRunWhosePageMoves(ScenarioRun stage) {
        ClockWorld world = stealing();
        stage.thread("run", () -> world.run(0));
        stage.thread("move", () -> {
            world.host.migrate(HVA);
            world.steal.addSteal(world.vm.vcpu(0), 2);
        });
        stage.afterwards(() -> requireTold(world, 3));
    }

    /** A machine from which a nanosecond was stolen that its guest has not been told. */
    private static ClockWorld stealing() {
        ClockWorld world = new ClockWorld(1);
        world.fill((byte) 0);
        world.vm.vcpu(0).writeMsr(StealTime.MSR_STEAL_TIME, PLACE | StealTime.ENABLE);
        world.run(0);
        world.steal.addSteal(world.vm.vcpu(0), 1);
        return world;
    }

    private static void requireTold(ClockWorld world, long stolen) {
        world.run(0);
        assertThat(world.bytes(PLACE, 8).getLong()).as("told").isEqualTo(stolen);
        world.audit();
    }

    /** A structure that is registered elsewhere and back again is never accessed where it is not registered. */
    public static void thereAndBackAgainstAccess(ScenarioRun stage) {
        ClockWorld world = new ClockWorld(1);
        world.fill((byte) 0);
        CacheTarget here = new CacheTarget.ByGpa(PLACE);
        long there = GPA + Pages.PAGE_SIZE;
        Registration place = new Registration(world.vm, 8);
        place.set(1, here);
        world.host.evict(HVA + Pages.PAGE_SIZE, 1);
        world.host.registerFaultHandler(HvaRange.ofPages(HVA + Pages.PAGE_SIZE, 1), fault -> {
            place.point(3, here); // counts, and the cache follows later
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        stage.thread("there and back", () -> place.set(2, new CacheTarget.ByGpa(there)));
        stage.thread("access", () -> place.tryUpdate(access -> access.putLong(0, 5)));
        stage.afterwards(() -> {
            assertThat(place.register()).isEqualTo(3);
            assertThat(world.bytes(there, 8).getLong()).as("where it is not registered").isZero();
            world.audit();
        });
    }

    /** A wall clock that waits is written by one of two vCPUs that enter. */
    public static void wallClockThatWaitsAgainstTwoEntries(ScenarioRun stage) {
        ClockWorld world = wallClockWaiting();
        stage.thread("entry", () -> world.run(0));
        stage.thread("another", () -> world.run(1));
        stage.afterwards(() -> {
            assertThat(world.version(PLACE)).as("once").isEqualTo(0xaaaaaaac);
            world.audit();
        });
    }

    /** A machine in which the wall clock could not be written when its register was. */
    private static ClockWorld wallClockWaiting() {
        ClockWorld world = new ClockWorld(2);
        world.run(0);
        boolean[] waits = new boolean[1];
        world.host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                if (!waits[0]) { // on this thread the page cannot be brought in
                    waits[0] = true;
                    world.vm.vcpu(0).writeMsr(Kvmclock.MSR_WALL_CLOCK, PLACE);
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        world.host.migrate(HVA);
        assertThat(waits).containsExactly(true);
        return world;
    }

    /** A wall clock that waits is written where its register points last. */
    public static void wallClockThatWaitsAgainstAnother(ScenarioRun stage) {
        ClockWorld world = wallClockWaiting();
        int[] atRegister = new int[1];
        stage.thread("entry", () -> world.run(0));
        stage.thread("register", () -> {
            world.vm.vcpu(1).writeMsr(Kvmclock.MSR_WALL_CLOCK, ELSEWHERE);
            atRegister[0] = world.version(ELSEWHERE);
        });
        stage.afterwards(() -> {
            int before = world.version(PLACE);
            world.run(0);
            assertThat(atRegister[0]).as("version at the last place").isEqualTo(0xaaaaaaac);
            assertThat(world.version(PLACE)).as("nothing waits any more").isEqualTo(before);
            assertThat(world.version(ELSEWHERE)).as("once").isEqualTo(0xaaaaaaac);
            world.audit();
        });
    }

    /** A clock is registered elsewhere while its vCPU enters: in the end the guest finds it there. */
    public static void registrationAgainstEntry(ScenarioRun stage) {
        ClockWorld world = quiet(1);
        stage.thread("entry", () -> world.run(0));
        stage.thread("register", () -> world.register(0, ELSEWHERE));
        stage.afterwards(() -> {
            world.run(0);
            assertThat(world.version(ELSEWHERE)).as("version where it is").isPositive();
            world.audit();
        });
    }

    /**
     * The update a little later of one registration fires while the next is served, by a thread that has looked at the
     * host's clock before: that registration has one of its own.
     */
    public static void delayedUpdateAgainstARegistration(ScenarioRun stage) {
        ClockWorld world = quiet(2);
        world.register(0, ELSEWHERE);
        world.run(0);
        world.register(1, PLACE);
        world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
        stage.thread("fires", () -> world.run(0));
        stage.thread("registered", () -> {
            world.behind.set(1L);
            world.run(1);
            world.behind.remove();
        });
        stage.afterwards(() -> {
            int before = world.version(PLACE);
            world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
            world.run(1);
            assertThat(world.version(PLACE)).as("version a little later").isEqualTo(before + 2);
            world.audit();
        });
    }
}
