package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.GPA;
import static io.github.pfncache.xen.XenWorld.HVA;
import static io.github.pfncache.xen.XenWorld.SECOND;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIME_INFO;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.Protection;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The shared page, the vcpu_info and the clocks: where they are, and what the guest finds in them. */
final class SharedInfoTest {

    @ParameterizedTest
    @EnumSource(By.class)
    void everythingWorksOnThePageThatWasMappedOverTheFirst(By by) { // S1
        XenWorld world = XenWorld.registered(by);
        byte[] first = new byte[Pages.PAGE_SIZE];
        world.ram.read(0, first);
        world.mapOtherPages();
        assertThat(world.send(15)).isEqualTo(Delivery.RAISED);
        assertThat(world.runAndHandle()).containsExactly(15);
        world.clock.requestUpdate(world.vm.vcpu(0));
        world.run();
        assertThat(world.guest.clock(VCPU_INFO + 32).systemTime()).isPositive();
        byte[] after = new byte[Pages.PAGE_SIZE];
        world.ram.read(0, after);
        assertThat(after).isEqualTo(first);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void theWallClockSaysWhenTheGuestsClockReadZero(By by) { // S27
        XenWorld world = XenWorld.registered(by);
        assertThat(world.guest.wallClock(SHARED_INFO)).isEqualTo(XenWorld.BOOT_REALTIME);
        world.audit();
    }

    /** Seconds have 64 bits in two halves, and nanoseconds count up from the second below, also before 1970. */
    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void theWallClockIsRightAlsoBefore1970(GuestMode mode) {
        XenWorld world = XenWorld.registered(By.GPA);
        long clock = SHARED_INFO + (mode == GuestMode.COMPAT ? 0x900 : 0xc00);
        long high = SHARED_INFO + (mode == GuestMode.COMPAT ? 0x924 : 0xc0c);
        for (long boot : new long[] {
            -1, 0, -SECOND, -SECOND - 1, (1L << 31) * SECOND, (1L << 32) * SECOND + 5, -(1L << 32) * SECOND - 1
        }) {
            world.clock.setClock(world.time.realtimeNanos() - boot); // so that it read zero then
            assertThat(world.xen.setMode(mode)).isEqualTo(Outcome.OK);
            long seconds = Math.floorDiv(boot, SECOND);
            assertThat(world.guest.intAt(clock + 4)).as("%d ns", boot).isEqualTo((int) seconds);
            assertThat(world.guest.intAt(high)).as("%d ns", boot).isEqualTo((int) (seconds >> 32));
            assertThat(world.guest.intAt(clock + 8)).as("%d ns", boot).isEqualTo((int) Math.floorMod(boot, SECOND));
        }
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void theClockIsInTheVcpuInfoAndAlone(By by) { // S28
        XenWorld world = XenWorld.registered(by);
        for (long at : new long[] {VCPU_INFO + 32, TIME_INFO}) {
            PvclockTimeInfo time = world.guest.clock(at);
            world.time.advance(5);
            assertThat(time.timeAt(world.clock.tsc().read())).isEqualTo(world.clock.getClock());
        }
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void theGuestsTimeLiesBetweenTwoReadingsOfTheHosts(By by) { // K1-K4
        XenWorld world = XenWorld.registered(by);
        long base = world.clock.getClock();
        for (long offset : new long[] {0, 180 * XenWorld.SECOND, -180 * XenWorld.SECOND, 180 * XenWorld.SECOND}) {
            world.clock.setClock(Math.max(0, base + offset));
            world.time.advance(12_345);
            long before = world.clock.getClock();
            world.run(() -> {
                for (long at : new long[] {VCPU_INFO + 32, TIME_INFO}) {
                    long guestTime = world.guest.clock(at).timeAt(world.clock.tsc().read());
                    assertThat(guestTime).isBetween(before, world.clock.getClock());
                }
            });
        }
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aStoppedFlagDoesNotBleedFromOneClockToTheOther(By by) {
        XenWorld world = XenWorld.registered(by);
        world.guest.putByte(TIME_INFO + 29, PvclockTimeInfo.FLAG_GUEST_STOPPED); // the guest has not cleared it here
        world.clock.requestUpdate(world.vm.vcpu(0));
        world.run();
        assertThat(world.guest.clock(TIME_INFO).has(PvclockTimeInfo.FLAG_GUEST_STOPPED)).isTrue();
        assertThat(world.guest.clock(VCPU_INFO + 32).has(PvclockTimeInfo.FLAG_GUEST_STOPPED)).isFalse();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void theWallClockIsWrittenWhereTheOtherModeLooks(By by) { // both directions
        XenWorld world = XenWorld.registered(by);
        for (boolean compat : new boolean[] {true, false, true}) {
            world.guest.fill(SHARED_INFO + 0x900, 0x340, 0);
            assertThat(world.xen.setMode(compat ? GuestMode.COMPAT : GuestMode.NATIVE)).isEqualTo(Outcome.OK);
            world.guest.compat = compat;
            assertThat(world.guest.wallClock(SHARED_INFO)).isEqualTo(XenWorld.BOOT_REALTIME);
            assertThat(world.guest.intAt(SHARED_INFO + (compat ? 0xc00 : 0x900))).isZero();
            assertThat(world.xen.sharedInfo()).isEqualTo(world.target(SHARED_INFO));
        }
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aWallClockThatFindsNoMemoryIsWrittenWhenThePageIsPlacedAgain(By by) {
        XenWorld world = new XenWorld(by);
        world.makeUnwritable(SHARED_INFO);
        assertThat(world.xen.setSharedInfo(world.target(SHARED_INFO))).isEqualTo(Outcome.FAULT);
        world.makeWritable(SHARED_INFO);
        world.run();
        assertThat(world.guest.intAt(SHARED_INFO + 0xc00)).isZero();
        assertThat(world.xen.setSharedInfo(world.target(SHARED_INFO))).isEqualTo(Outcome.OK);
        assertThat(world.guest.wallClock(SHARED_INFO)).isEqualTo(XenWorld.BOOT_REALTIME);
        world.audit();
    }

    /** A wall clock that finds no memory is lost: an entry does not make up for it. */
    @ParameterizedTest
    @EnumSource(By.class)
    void aWallClockOfAModeThatIsStatedWithoutMemoryIsLost(By by) {
        XenWorld world = XenWorld.registered(by);
        world.run();
        int version = world.guest.intAt(SHARED_INFO + 0xc00);
        int ofOther = world.guest.intAt(TIME_INFO);
        world.makeUnwritable(SHARED_INFO);
        assertThat(world.xen.setMode(GuestMode.NATIVE)).isEqualTo(Outcome.FAULT);
        world.makeWritable(SHARED_INFO);
        world.run();
        assertThat(world.guest.intAt(SHARED_INFO + 0xc00)).isEqualTo(version);
        assertThat(world.guest.intAt(TIME_INFO)).as("of the other clocks").isEqualTo(ofOther);
        assertThat(world.xen.setMode(GuestMode.NATIVE)).isEqualTo(Outcome.OK);
        assertThat(world.guest.intAt(SHARED_INFO + 0xc00)).isEqualTo(version + 2);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void theGetterTellsTheKindOfAddressThatWasGiven(By by) {
        XenWorld world = XenWorld.registered(by);
        assertThat(world.xen.sharedInfo()).isEqualTo(world.target(SHARED_INFO));
        assertThat(world.cpu.vcpuInfo()).isEqualTo(world.target(VCPU_INFO));
        assertThat(world.cpu.timeInfo()).isEqualTo(world.target(TIME_INFO));
        assertThat(world.cpu.runstate().target()).isEqualTo(world.target(XenWorld.RUNSTATE));
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void whatIsClearedIsInactiveAndNotAtFrameZero(By by) {
        XenWorld world = XenWorld.registered(by);
        int others = 5; // shared page, vcpu_info, time info, and the two of the runstate
        int before = world.vm.caches().activeCaches().size();
        assertThat(world.xen.clearSharedInfo()).isEqualTo(Outcome.OK);
        assertThat(world.cpu.clearVcpuInfo()).isEqualTo(Outcome.OK);
        assertThat(world.cpu.clearTimeInfo()).isEqualTo(Outcome.OK);
        assertThat(world.cpu.runstate().clear()).isEqualTo(Outcome.OK);
        assertThat(world.vm.caches().activeCaches()).hasSize(before - others);
        assertThat(world.xen.sharedInfo()).isNull();
        assertThat(world.cpu.vcpuInfo()).isNull();
        assertThat(world.cpu.timeInfo()).isNull();
        assertThat(world.cpu.runstate().target()).isNull();
        byte[] bytes = world.bytes();
        world.pass(XenWorld.SECOND);
        world.run();
        assertThat(world.bytes()).isEqualTo(bytes);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anAddressThatCannotHoldTheStructureChangesNothing(By by) {
        XenWorld world = XenWorld.registered(by);
        assertThat(world.xen.setSharedInfo(world.target(SHARED_INFO + 8))).isEqualTo(Outcome.INVALID);
        assertThat(world.cpu.setVcpuInfo(world.target(GPA + Pages.PAGE_SIZE - 63))).isEqualTo(Outcome.INVALID);
        assertThat(world.cpu.setTimeInfo(world.target(GPA + Pages.PAGE_SIZE - 31))).isEqualTo(Outcome.INVALID);
        CacheTarget none = by == By.GPA ? new CacheTarget.ByGpa(Pages.INVALID_GPA) : new CacheTarget.ByHva(-1);
        assertThat(world.xen.setSharedInfo(none)).isEqualTo(Outcome.INVALID);
        assertThat(world.cpu.setVcpuInfo(none)).isEqualTo(Outcome.INVALID);
        assertThat(world.cpu.runstate().register(none)).isEqualTo(Outcome.INVALID);
        theGetterTellsTheKindOfAddressThatWasGiven(by);
        assertThat(world.cpu.vcpuInfo()).isEqualTo(world.target(VCPU_INFO));
        assertThat(world.send(15)).isEqualTo(Delivery.RAISED);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void theSmallestAndTheLargestOffsetInAPageHoldAVcpuInfo(By by) {
        XenWorld world = XenWorld.registered(by);
        for (long at : new long[] {GPA + Pages.PAGE_SIZE, GPA + 2 * Pages.PAGE_SIZE - 64}) {
            assertThat(world.cpu.setVcpuInfo(world.target(at))).isEqualTo(Outcome.OK);
            assertThat(world.send(15)).isEqualTo(Delivery.RAISED);
            assertThat(world.guest.handleUpcall(at, SHARED_INFO)).containsExactly(15);
        }
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aDamagedVcpuInfoIsRegisteredAgainAtTheSamePlaceByHva(By by) { // S21
        XenWorld world = XenWorld.registered(by);
        assertThat(world.cpu.setVcpuInfo(new CacheTarget.ByHva(XenWorld.hva(VCPU_INFO)))).isEqualTo(Outcome.OK);
        assertThat(world.cpu.vcpuInfo()).isEqualTo(new CacheTarget.ByHva(XenWorld.hva(VCPU_INFO)));
        assertThat(world.send(66)).isEqualTo(Delivery.RAISED);
        assertThat(world.runAndHandle()).containsExactly(66);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aSlotThatIsDeletedAndAddedElsewhereHeals(By by) {
        XenWorld world = XenWorld.registered(by);
        long elsewhere = HVA + 0x100_0000;
        world.vm.memslots().delete(XenWorld.SLOT);
        Delivery meanwhile = world.send(15);
        assertThat(meanwhile).isEqualTo(by == By.GPA ? Delivery.DEFERRED : Delivery.RAISED);
        assertThat(world.host.mapAnonymous(elsewhere, XenWorld.NPAGES, Protection.READ_WRITE).name()).isEqualTo("OK");
        if (by == By.HVA) {
            world.host.poke(elsewhere, world.bytes()); // the guest finds at the new place what was at the old
        }
        world.vm.memslots().set(7, 0, GPA, XenWorld.NPAGES * Pages.PAGE_SIZE, elsewhere);
        assertThat(world.runAndHandle()).containsExactly(15);
        world.vm.memslots().delete(7);
        world.slot(0);
        assertThat(world.guest.isPending(SHARED_INFO, 15)).isEqualTo(by == By.HVA);
        world.audit();
    }
}
