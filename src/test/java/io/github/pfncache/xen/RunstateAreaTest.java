package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.GPA;
import static io.github.pfncache.xen.XenWorld.RUNSTATE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The runstate: its account, and the area where the guest reads it. */
final class RunstateAreaTest {

    private static final byte POISON = (byte) 0xa5;

    private static XenGuest.Runstate read(XenWorld world) {
        XenGuest.Runstate read = world.guest.runstate(RUNSTATE);
        assertThat(read.sum()).as("entry time is the sum of the four").isEqualTo(read.entry()); // S8
        return read;
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void theUpdateFlagIsOnWhenTheGuestAskedForIt(By by) { // S2
        XenWorld world = XenWorld.registered(by);
        assertThat(world.xen.runstateUpdateFlag()).isFalse();
        world.xen.setRunstateUpdateFlag(true);
        assertThat(world.xen.runstateUpdateFlag()).isTrue();
        world.run();
        assertThat(world.guest.rawRunstate(RUNSTATE).isBeingWritten()).isFalse();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void timePassesInTheStateThatTheVcpuIsIn(By by) { // S4
        XenWorld world = XenWorld.registered(by);
        for (RunState state : new RunState[] {RunState.RUNNABLE, RunState.BLOCKED, RunState.OFFLINE}) {
            XenGuest.Runstate before = read(world);
            assertThat(world.cpu.runstate().set(state)).isEqualTo(Outcome.OK);
            assertThat(world.guest.rawRunstate(RUNSTATE).state()).isEqualTo(state.ordinal());
            world.pass(1000);
            world.run(() -> {
                XenGuest.Runstate inGuest = read(world);
                assertThat(inGuest.state()).as("running in the guest").isZero();
                assertThat(times(inGuest)[state.ordinal()] - times(before)[state.ordinal()]).isEqualTo(1000);
            });
        }
        world.audit();
    }

    private static long[] times(XenGuest.Runstate read) {
        return new long[] {read.running(), read.runnable(), read.blocked(), read.offline()};
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anAdjustmentIsExact(By by) { // S5
        XenWorld world = XenWorld.registered(by);
        XenGuest.Runstate before = read(world);
        assertThat(world.cpu.runstate().adjust(null, 0, -70, 10, 20, 40)).isTrue();
        assertThat(read(world)).isEqualTo(new XenGuest.Runstate(
                before.state(), before.entry(), before.running() - 70, before.runnable() + 10, before.blocked() + 20,
                before.offline() + 40));
        assertThat(world.cpu.runstate().adjust(RunState.BLOCKED, -10, -10, 0, 0, 0)).isTrue();
        assertThat(read(world).state()).isEqualTo(RunState.BLOCKED.ordinal());
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void absoluteDataIsTakenAsGiven(By by) { // S6
        XenWorld world = XenWorld.registered(by);
        long now = world.clock.getClock();
        RunstateTimes given = new RunstateTimes(RunState.OFFLINE, now, now - 111, 11, 40, 60);
        assertThat(world.cpu.runstate().setTimes(given)).isTrue();
        assertThat(world.cpu.runstate().times()).isEqualTo(given);
        world.cpu.runstate().set(RunState.OFFLINE);
        assertThat(read(world)).isEqualTo(new XenGuest.Runstate(3, now, now - 111, 11, 40, 60));
        world.audit();
    }

    @Test
    void timesThatAreSetAreSeenByTheNextEntryAndNotBefore() {
        XenWorld world = XenWorld.registered(By.GPA);
        RunstateTimes now = world.cpu.runstate().times();
        byte[] before = world.bytes();
        assertThat(world.cpu.runstate().setTimes(new RunstateTimes(
                        RunState.BLOCKED, now.entryNanos(), now.running(), now.runnable() + 7, now.blocked() - 7,
                        now.offline())))
                .isTrue();
        assertThat(world.bytes()).as("not yet").isEqualTo(before);
        world.vm.vcpu(0).enterAgain();
        XenGuest.Runstate seen = world.guest.runstate(RUNSTATE);
        assertThat(seen.state()).isEqualTo(RunState.BLOCKED.ordinal());
        assertThat(seen.blocked()).isEqualTo(now.blocked() - 7);
        world.audit();
    }

    @Test
    void dataThatCannotBeTrueIsRejectedAndChangesNothing() {
        XenWorld world = XenWorld.registered(By.GPA);
        RunstateArea runstate = world.cpu.runstate();
        RunstateTimes before = runstate.times();
        byte[] bytes = world.bytes();
        long future = world.clock.getClock() + 1;
        assertThat(runstate.setTimes(new RunstateTimes(RunState.RUNNING, 10, 1, 2, 3, 5))).as("sum is 11").isFalse();
        assertThat(runstate.setTimes(new RunstateTimes(RunState.RUNNING, future, future, 0, 0, 0))).isFalse();
        assertThat(runstate.setTimes(new RunstateTimes(RunState.RUNNING, -1, -1, 0, 0, 0))).as("far future").isFalse();
        assertThat(runstate.adjust(null, 0, 1, 0, 0, 0)).as("sum is not 0").isFalse();
        assertThat(runstate.adjust(null, future, future, 0, 0, 0)).as("future").isFalse();
        assertThatThrownBy(() -> runstate.adjust(null, 0, 1, -1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> runstate.addStolen(-1)).isInstanceOf(IllegalArgumentException.class);
        assertThat(runstate.times()).isEqualTo(before);
        assertThat(world.bytes()).isEqualTo(bytes);
    }

    @Test
    void timesAddUpModuloTwoToTheSixtyFour() { // X22
        XenWorld world = XenWorld.registered(By.GPA);
        long quarter = 1L << 62;
        RunstateArea runstate = world.cpu.runstate();
        assertThat(runstate.setTimes(new RunstateTimes(RunState.RUNNING, 0, -1, 1, 0, 0))).isTrue();
        assertThat(runstate.setTimes(new RunstateTimes(RunState.RUNNING, 0, quarter, quarter, quarter, quarter)))
                .isTrue();
        assertThat(runstate.adjust(null, 0, -5, 5, 0, 0)).isTrue();
        world.run();
        assertThat(runstate.times().isConsistent()).isTrue();
    }

    @Test
    void whatPassesBeforeTheFirstChangeIsTimeOffline() { // X21
        XenWorld world = new XenWorld(By.GPA);
        world.cpu.runstate().register(world.target(RUNSTATE));
        assertThat(read(world)).isEqualTo(new XenGuest.Runstate(0, 0, 0, 0, 0, 0));
        long now = world.clock.getClock();
        world.run();
        assertThat(read(world)).isEqualTo(new XenGuest.Runstate(0, now, 0, 0, 0, now));
        world.audit();
    }

    @Test
    void aRegistrationWithoutMemoryIsNone() { // X5
        XenWorld world = XenWorld.registered(By.GPA);
        world.makeUnwritable(XenWorld.TIME_INFO);
        assertThat(world.cpu.runstate().register(world.target(XenWorld.TIME_INFO + 64))).isEqualTo(Outcome.FAULT);
        world.makeWritable(XenWorld.TIME_INFO);
        assertThat(world.cpu.runstate().target()).isNull();
        assertThat(world.cpu.runstate().register(new CacheTarget.ByGpa(-2))).as("the last bytes of all")
                .isEqualTo(Outcome.FAULT);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void stolenTimeWasRunnable(By by) { // S7
        XenWorld world = XenWorld.registered(by);
        XenGuest.Runstate before = read(world);
        world.pass(1000);
        world.cpu.runstate().addStolen(300);
        world.run();
        assertThat(read(world).runnable() - before.runnable()).isEqualTo(300);
        assertThat(read(world).running() - before.running()).isEqualTo(700);
        world.cpu.runstate().addStolen(5000); // more than will have passed: the rest waits
        world.pass(1000);
        world.run();
        assertThat(read(world).runnable() - before.runnable()).isEqualTo(1300);
        assertThat(read(world).running() - before.running()).isEqualTo(700);
        world.audit();
    }

    @Test
    void moreStolenTimeThanANumberHoldsIsAllThatPasses() {
        XenWorld world = XenWorld.registered(By.GPA);
        RunstateTimes before = world.cpu.runstate().times();
        world.cpu.runstate().addStolen(Long.MAX_VALUE);
        world.cpu.runstate().addStolen(Long.MAX_VALUE);
        world.time.advance(100);
        world.run();
        RunstateTimes after = world.cpu.runstate().times();
        assertThat(after.running()).isEqualTo(before.running());
        assertThat(after.runnable()).isEqualTo(before.runnable() + 100);
        world.audit();
    }

    @Test
    void aClockBeyondTheMiddleOfTimeLetsNoTimePass() {
        XenWorld world = XenWorld.registered(By.GPA);
        for (long clock : new long[] {Long.MIN_VALUE, -1, Long.MAX_VALUE, Long.MIN_VALUE}) {
            world.clock.setClock(clock);
            world.run();
            RunstateTimes times = world.cpu.runstate().times();
            assertThat(times.isConsistent()).isTrue();
            assertThat(times.entryNanos()).isNotNegative();
            assertThat(times.running()).isNotNegative();
        }
        world.audit();
    }

    @Test
    void thereIsAlwaysAState() {
        assertThatThrownBy(() -> new RunstateTimes(null, 0, 0, 0, 0, 0)).isInstanceOf(NullPointerException.class);
    }

    @Test
    void aClockThatIsSetBackLetsNoTimePass() {
        XenWorld world = XenWorld.registered(By.GPA);
        RunstateTimes before = world.cpu.runstate().times();
        world.clock.setClock(1);
        world.cpu.runstate().set(RunState.BLOCKED);
        assertThat(world.cpu.runstate().times().entryNanos()).isEqualTo(before.entryNanos());
        assertThat(world.cpu.runstate().times().isConsistent()).isTrue();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void noByteOutsideTheAreaChangesAtAnyAddressInEitherMode(By by) { // S29
        XenWorld world = new XenWorld(by);
        world.run();
        for (boolean announced : new boolean[] {false, true}) {
            world.xen.setRunstateUpdateFlag(announced);
            for (int at = Pages.PAGE_SIZE - 60; at <= Pages.PAGE_SIZE + 4; at++) {
                for (GuestMode first : GuestMode.values()) {
                    everyFieldIsRight(world, GPA + at, first);
                }
            }
        }
        world.audit();
    }

    private static void everyFieldIsRight(XenWorld world, long gpa, GuestMode first) {
        world.cpu.runstate().clear();
        world.xen.setMode(first);
        world.guest.compat = first == GuestMode.COMPAT;
        world.host.poke(XenWorld.HVA, poison());
        assertThat(world.cpu.runstate().register(world.target(gpa))).isEqualTo(Outcome.OK);
        world.pass(17);
        world.cpu.runstate().set(RunState.BLOCKED);
        requireWritten(world, gpa, first);
        // Now the other mode at the same address, without a registration.
        GuestMode second = first == GuestMode.NATIVE ? GuestMode.COMPAT : GuestMode.NATIVE;
        world.host.poke(XenWorld.HVA, poison());
        world.xen.setMode(second);
        world.guest.compat = second == GuestMode.COMPAT;
        world.cpu.runstate().set(RunState.BLOCKED);
        requireWritten(world, gpa, second);
        world.pass(17);
        world.cpu.runstate().set(RunState.RUNNABLE);
        requireWritten(world, gpa, second);
        assertThat(world.cpu.runstate().target()).isEqualTo(world.target(gpa));
    }

    private static byte[] poison() {
        byte[] poison = new byte[XenWorld.NPAGES * Pages.PAGE_SIZE];
        Arrays.fill(poison, POISON);
        return poison;
    }

    private static void requireWritten(XenWorld world, long gpa, GuestMode mode) {
        RunstateTimes times = world.cpu.runstate().times();
        assertThat(world.guest.runstate(gpa)).isEqualTo(new XenGuest.Runstate(
                times.state().ordinal(), times.entryNanos(), times.running(), times.runnable(), times.blocked(),
                times.offline()));
        int length = mode == GuestMode.NATIVE ? 48 : 44;
        byte[] bytes = world.bytes();
        int start = (int) (gpa - GPA);
        Arrays.fill(bytes, start, start + length, POISON); // the fields are right: now the rest
        assertThat(bytes).as("around an area at %d", start).isEqualTo(poison());
        if (mode == GuestMode.NATIVE) {
            boolean crosses = !Pages.fitsInPage(gpa, length);
            assertThat(world.guest.intAt(gpa + 4)).as("padding").isEqualTo(crosses ? 0 : 0xa5a5a5a5);
        }
    }

    @ParameterizedTest
    @CsvSource({"GPA,false", "GPA,true", "HVA,false", "HVA,true"})
    void aPreemptionThatWouldHaveToWaitIsWrittenAtTheNextEntry(By by, boolean invalidated) {
        XenWorld world = XenWorld.registered(by);
        RunstateArea runstate = world.cpu.runstate();
        world.pass(100);
        assertThat(runstate.preempted()).isEqualTo(Outcome.OK);
        assertThat(read(world).state()).isEqualTo(RunState.RUNNABLE.ordinal());
        world.run();
        world.pass(100);
        if (invalidated) {
            world.mapOtherPages();
        }
        Outcome outcome = runstate.preempted();
        assertThat(outcome).isEqualTo(invalidated ? Outcome.BUSY : Outcome.OK);
        assertThat(runstate.times().state()).as("the account does not wait").isEqualTo(RunState.RUNNABLE);
        world.pass(50);
        world.run();
        assertThat(read(world).runnable()).isGreaterThanOrEqualTo(50);
        world.audit();
    }

    @Test
    void theUpdateFlagGoesAlsoFromATimeBeforeZero() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setRunstateUpdateFlag(true);
        world.clock.setClock(-XenWorld.SECOND);
        RunstateTimes before = new RunstateTimes(RunState.RUNNING, -2 * XenWorld.SECOND, 0, 0, 0, -2 * XenWorld.SECOND);
        assertThat(world.cpu.runstate().setTimes(before)).isTrue();
        world.cpu.runstate().set(RunState.BLOCKED);
        assertThat(world.guest.longAt(XenWorld.RUNSTATE + 8)).isEqualTo(-XenWorld.SECOND & Long.MAX_VALUE);
        world.audit();
    }

    @ParameterizedTest
    @CsvSource({"GPA", "HVA"})
    void whatWasPutOffIsWrittenAfterARegisterWriteToo(By by) {
        XenWorld world = XenWorld.registered(by);
        world.run(() -> {
            world.mapOtherPages();
            assertThat(world.cpu.runstate().preempted()).isEqualTo(Outcome.BUSY);
            world.vm.vcpu(0).guestWriteMsr(0x4b564d01, 0); // leaves the guest and enters again
            assertThat(read(world).state()).isEqualTo(RunState.RUNNABLE.ordinal());
        });
        world.audit();
    }

    @Test
    void aSplitWriteMarksBothPagesAndNothingElse() {
        XenWorld world = new XenWorld(By.GPA);
        world.cpu.runstate().register(world.target(RUNSTATE));
        world.logDirtyPages();
        world.cpu.runstate().set(RunState.BLOCKED);
        assertThat(world.dirty()).containsExactly(1L, 2L);
        world.cpu.runstate().register(world.target(GPA + Pages.PAGE_SIZE - 48));
        assertThat(world.dirty()).containsExactly(0L);
        world.audit();
    }

    @Test
    void anAreaOfWhichOnePageIsMissingIsNotHalfWritten() {
        XenWorld world = XenWorld.registered(By.GPA);
        byte[] before = world.bytes();
        world.makeUnwritable(RUNSTATE + 15);
        world.pass(5);
        assertThat(world.cpu.runstate().set(RunState.BLOCKED)).isEqualTo(Outcome.FAULT);
        byte[] page = Arrays.copyOfRange(world.bytes(), Pages.PAGE_SIZE, 2 * Pages.PAGE_SIZE);
        assertThat(page).isEqualTo(Arrays.copyOfRange(before, Pages.PAGE_SIZE, 2 * Pages.PAGE_SIZE));
        world.makeWritable(RUNSTATE + 15);
        world.pass(5);
        world.cpu.runstate().set(RunState.OFFLINE);
        assertThat(read(world).blocked()).isEqualTo(5);
        world.audit();
    }

    @Test
    void anAreaThatTheLongerStructureWouldLeaveIsGivenUp() {
        XenWorld world = new XenWorld(By.HVA);
        world.xen.setMode(GuestMode.COMPAT);
        long last = (1L << 56) - 44; // 44 bytes before the end of user addresses
        RunstateArea runstate = world.cpu.runstate();
        assertThat(runstate.register(new CacheTarget.ByHva(last))).isEqualTo(Outcome.FAULT);
        world.xen.setMode(GuestMode.NATIVE);
        assertThat(runstate.target()).isNull();
        world.audit();
    }

    @Test
    void noPaddingOfTheHostsReachesTheGuest() {
        XenWorld world = new XenWorld(By.GPA);
        world.guest.fill(GPA, 48, 0x5a);
        world.cpu.runstate().register(world.target(GPA));
        assertThat(world.guest.intAt(GPA + 4)).isEqualTo(0x5a5a5a5a);
        world.guest.fill(RUNSTATE, 48, 0x5a); // across a page it is zeroed
        world.cpu.runstate().register(world.target(RUNSTATE));
        assertThat(world.guest.intAt(RUNSTATE + 4)).isZero();
    }

    @Test
    void aReaderOfThePageDoesNotDelayAPreemption() {
        XenWorld world = XenWorld.registered(By.GPA);
        GfnPfnCache other = world.vm.newCache(8);
        other.activate(RUNSTATE);
        try (GuestAccess access = other.access()) {
            assertThat(access.isUsable()).isTrue();
            assertThat(world.cpu.runstate().preempted()).isEqualTo(Outcome.OK);
        }
        other.deactivate();
        world.audit();
    }
}
