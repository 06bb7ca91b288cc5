package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.TIME_INFO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The guest's hypercalls, by either mode: which are answered, with what, and which are the emulator's. */
final class HypercallsTest {

    private static final long SET_TIMER = 15;
    private static final long VERSION = 17;
    private static final long VCPU = 24;
    private static final long SCHEDULE = 29;
    private static final long EVENTS = 32;

    private static final long SET_SINGLESHOT = 8;
    private static final long STOP_SINGLESHOT = 9;

    private static final HypercallResult EMULATOR = new HypercallResult(HypercallResult.Kind.EMULATOR, 0);
    private static final HypercallResult OK = answer(0);
    private static final long NOWHERE = 0x900_0000;

    private final XenWorld world = XenWorld.registered(By.GPA);

    private static HypercallResult answer(long value) {
        return new HypercallResult(HypercallResult.Kind.DONE, value);
    }

    private HypercallResult call(GuestMode mode, long number, long... arguments) {
        List<Long> six = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            six.add(i < arguments.length ? arguments[i] : 0L);
        }
        return world.cpu.hypercall(new Hypercall(mode, true, number, six));
    }

    private void enter(GuestMode mode) {
        world.guest.compat = mode == GuestMode.COMPAT;
        world.xen.setMode(mode);
    }

    /** The layout of a poll's argument is that of the calling code, and the limit of its ports that of the guest. */
    @Test
    void aPollIsLimitedByTheModeOfTheGuestAndNotOfTheCode() {
        world.xen.setMode(GuestMode.COMPAT);
        for (int port : new int[] {1023, 1024}) {
            long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, port); // as 64-bit code lays it out
            world.cpu.stopPoll();
            assertThat(call(GuestMode.NATIVE, SCHEDULE, 3, argument)).as("port %d", port).isEqualTo(port == 1023
                    ? new HypercallResult(HypercallResult.Kind.HALTED, 0)
                    : answer(HypercallResult.EINVAL));
        }
    }

    private long dueIn() {
        return world.cpu.singleShot().dueInNanos(world.time.monotonicNanos());
    }

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void whatIsNotTakenIsTheEmulators(GuestMode mode) {
        enter(mode);
        long[][] others = {
            {SET_TIMER + 1}, {VERSION, 1}, {VCPU, 0}, {VCPU, 7}, {VCPU, 10}, {SCHEDULE, 1}, {SCHEDULE, 2},
            {SCHEDULE, 4}, {EVENTS, 3, SCRATCH}, {EVENTS, 5, SCRATCH}, {0}, {-1}, {33}
        };
        for (long[] each : others) {
            long[] arguments = Arrays.copyOfRange(each, 1, 4);
            assertThat(call(mode, each[0], arguments)).as("%d", each[0]).isEqualTo(EMULATOR);
        }
        world.xen.configure(new XenConfig(XenConfig.SEND_EVENTS, XenConfig.DEFAULT_MSR));
        assertThat(call(mode, SCHEDULE, 0)).as("there are none").isEqualTo(answer(-1000));
        assertThat(call(mode, 99)).isEqualTo(answer(-1000));
    }

    /** A 32-bit guest's registers have 32 bits. */
    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void theVersionIsToldOnceItIsKnown(GuestMode mode) {
        enter(mode);
        assertThat(call(mode, VERSION, 0)).as("not known").isEqualTo(EMULATOR);
        world.xen.setVersion(0x8004_0011);
        assertThat(world.xen.version()).isEqualTo(0x8004_0011);
        assertThat(call(mode, VERSION, 0)).isEqualTo(answer(0x8004_0011L));
        boolean compat = mode == GuestMode.COMPAT;
        assertThat(call(mode, 1L << 32 | VERSION, 1L << 32)).isEqualTo(compat ? answer(0x8004_0011L) : EMULATOR);
        assertThat(call(mode, SCHEDULE, 0)).as("yield").isEqualTo(OK);
    }

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void aPollIsAnsweredOrHalts(GuestMode mode) {
        enter(mode);
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 50, 15);
        HypercallResult halted = new HypercallResult(HypercallResult.Kind.HALTED, 0);
        assertThat(call(mode, SCHEDULE, 3, argument)).isEqualTo(halted);
        world.pass(50);
        assertThat(world.cpu.awaitPoll(Duration.ZERO)).isEqualTo(PollOutcome.TIMED_OUT);
        world.guest.mask(SHARED_INFO, 15);
        world.send(15);
        assertThat(call(mode, SCHEDULE, 3, argument)).as("pending").isEqualTo(OK);
        assertThat(call(mode, SCHEDULE, 3, NOWHERE)).isEqualTo(answer(-14));
        int limit = mode == GuestMode.COMPAT ? 1024 : 4096;
        world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 50, limit);
        assertThat(call(mode, SCHEDULE, 3, argument)).isEqualTo(answer(-22));
        world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 50, limit - 1);
        assertThat(call(mode, SCHEDULE, 3, argument)).isEqualTo(halted);
        world.guest.schedPollOf(SCRATCH, SCRATCH + 0x40, 50, 129);
        assertThat(call(mode, SCHEDULE, 3, argument)).isEqualTo(answer(-22));
        assertThat(world.xen.polling().isSet(0)).isFalse();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void aSingleShotIsSetAndStoppedByTheGuestsNumberOfItsVcpu(GuestMode mode) {
        enter(mode);
        world.cpu.setGuestId(4095);
        long expires = world.clock.getClock() + 77;
        world.guest.putLong(SCRATCH, expires);
        assertThat(call(mode, VCPU, SET_SINGLESHOT, 0, SCRATCH)).as("another vCPU").isEqualTo(answer(-22));
        assertThat(call(mode, VCPU, STOP_SINGLESHOT, 4094)).isEqualTo(answer(-22));
        assertThat(call(mode, VCPU, STOP_SINGLESHOT, 1L << 32 | 4095)).as("32 bits of a register, or all of it")
                .isEqualTo(mode == GuestMode.COMPAT ? OK : answer(-22));
        assertThat(call(mode, VCPU, SET_SINGLESHOT, 4095, NOWHERE)).isEqualTo(answer(-14));
        assertThat(world.cpu.timer().expiresNanos()).as("not set by any of these").isZero();
        assertThat(call(mode, VCPU, SET_SINGLESHOT, 4095, SCRATCH)).isEqualTo(OK);
        assertThat(world.cpu.timer().expiresNanos()).isEqualTo(expires);
        assertThat(call(mode, VCPU, STOP_SINGLESHOT, 4095)).isEqualTo(OK);
        assertThat(world.cpu.timer().expiresNanos()).isZero();
        world.cpu.setTimer(new TimerState(0, EventChannels.PRIORITY_2LEVEL, 0));
        assertThat(call(mode, VCPU, SET_SINGLESHOT, 4095, SCRATCH)).as("without a port").isEqualTo(EMULATOR);
        assertThat(call(mode, VCPU, STOP_SINGLESHOT, 4095)).isEqualTo(EMULATOR);
        assertThat(call(mode, SET_TIMER, 5)).isEqualTo(EMULATOR);
        world.audit();
    }

    /** A 32-bit guest passes the time in two halves. */
    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void aTimeoutIsSetAndWithZeroStopped(GuestMode mode) {
        enter(mode);
        boolean compat = mode == GuestMode.COMPAT;
        for (long ahead : new long[] {1, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL, 1L << 32, 1L << 50}) {
            long timeout = world.clock.getClock() + ahead;
            HypercallResult result = compat
                    ? call(mode, SET_TIMER, (int) timeout, timeout >>> 32)
                    : call(mode, SET_TIMER, timeout);
            assertThat(result).isEqualTo(OK);
            assertThat(dueIn()).as("%d ns ahead", ahead).isEqualTo(ahead);
        }
        assertThat(call(mode, SET_TIMER, 0, 0)).isEqualTo(OK);
        assertThat(world.cpu.timer().expiresNanos()).isZero();
        assertThat(call(mode, SET_TIMER, -1, -1)).as("negative").isEqualTo(OK);
        assertThat(dueIn()).isEqualTo(100_000_000);
        assertThat(call(mode, SET_TIMER, 1, 0)).as("past").isEqualTo(OK);
        assertThat(world.guest.isPending(SHARED_INFO, TIMER_PORT)).as("fires at once").isTrue();
        assertThat(world.cpu.timer().expiresNanos()).isZero();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void aSendIsAnsweredIfItsPortIsBound(GuestMode mode) {
        enter(mode);
        world.guest.putInt(SCRATCH, 7);
        assertThat(call(mode, EVENTS, 4, SCRATCH)).as("not bound").isEqualTo(EMULATOR);
        world.xen.events().bindIpi(7, 0, EventChannels.PRIORITY_2LEVEL);
        assertThat(call(mode, EVENTS, 4, SCRATCH)).isEqualTo(OK);
        assertThat(world.guest.isPending(SHARED_INFO, 7)).isTrue();
        assertThat(call(mode, EVENTS, 4, SCRATCH)).as("coalesced").isEqualTo(OK);
        assertThat(call(mode, EVENTS, 4, NOWHERE)).isEqualTo(answer(-14));
        long end = XenWorld.GPA + 3L * Pages.PAGE_SIZE;
        assertThat(call(mode, EVENTS, 4, end - 3)).as("not whole").isEqualTo(answer(-14));
        world.guest.putInt(SCRATCH, 0);
        assertThat(call(mode, EVENTS, 4, SCRATCH)).as("no port").isEqualTo(EMULATOR);
        world.audit();
    }

    @Test
    void aGuestsNumberOfAVcpuIsOneThatXenHas() {
        assertThat(world.cpu.guestId()).isZero();
        for (int id : new int[] {-1, 4096, Integer.MIN_VALUE}) {
            assertThatIllegalArgumentException().isThrownBy(() -> world.cpu.setGuestId(id));
        }
        world.cpu.setGuestId(4095);
        assertThat(world.cpu.guestId()).isEqualTo(4095);
        world.cpu.setGuestId(0);
        assertThat(world.cpu.guestId()).isZero();
    }

    /** An entry is mov eax, number; the trap; ret; and int3 where nothing is executed. */
    @Test
    void theHypercallPageIsWrittenWhole() {
        byte[] trap = {0x0f, 0x01, (byte) 0xd9};
        assertThat(world.cpu.writeHypercallPage(GuestMode.NATIVE, TIME_INFO, trap)).isEqualTo(Outcome.OK);
        byte[] page = Arrays.copyOfRange(world.bytes(), Pages.PAGE_SIZE, 2 * Pages.PAGE_SIZE); // that of TIME_INFO
        byte[] expected = new byte[Pages.PAGE_SIZE];
        Arrays.fill(expected, (byte) 0xcc);
        for (int entry = 0; entry < 128; entry++) { // as many as the page has
            byte[] code = {(byte) 0xb8, (byte) entry, 0, 0, 0, 0x0f, 0x01, (byte) 0xd9, (byte) 0xc3};
            System.arraycopy(code, 0, expected, 32 * entry, code.length);
        }
        assertThat(page).isEqualTo(expected);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> world.cpu.writeHypercallPage(GuestMode.COMPAT, TIME_INFO, new byte[2]));
        assertThat(world.xen.mode()).as("bad input changes nothing").isEqualTo(GuestMode.NATIVE);
    }

    @Test
    void anUnstableTscIsPromisedByNoneOfTheseClocks() {
        world.xen.configure(new XenConfig(XenConfig.TSC_UNSTABLE, XenConfig.DEFAULT_MSR));
        world.clock.requestUpdateOfAll();
        world.run();
        assertThat(world.guest.byteAt(TIME_INFO + 29) & PvclockTimeInfo.FLAG_TSC_STABLE).isZero();
        world.xen.configure(new XenConfig(0, XenConfig.DEFAULT_MSR));
        world.clock.requestUpdateOfAll();
        world.run();
        assertThat(world.guest.byteAt(TIME_INFO + 29) & PvclockTimeInfo.FLAG_TSC_STABLE).isEqualTo(1);
        assertThatIllegalArgumentException().isThrownBy(() -> new XenConfig(1, 0));
        assertThatIllegalArgumentException().isThrownBy(() ->
                new Hypercall(GuestMode.NATIVE, false, 0, List.of(1L, 2L, 3L, 4L, 5L)));
    }

    @Test
    void aVectorIsToldAndTakenWhileTheUpcallIsPending() {
        world.cpu.setUpcallVector(0x31);
        assertThat(world.cpu.upcallVector()).isEqualTo(0x31);
        assertThat(world.cpu.pendingVector()).as("the VM has none").isZero();
        world.xen.setUpcallVector(0x30);
        assertThat(world.cpu.pendingVector()).as("no upcall").isZero();
        world.send(66);
        assertThat(world.cpu.pendingVector()).isEqualTo(0x30);
        world.xen.setUpcallVector(0);
        assertThat(world.cpu.pendingVector()).isZero();
        for (int vector : new int[] {1, 15, 256, -1}) {
            assertThatIllegalArgumentException().isThrownBy(() -> world.cpu.setUpcallVector(vector));
            assertThatIllegalArgumentException().isThrownBy(() -> world.xen.setUpcallVector(vector));
        }
        world.xen.setUpcallVector(16);
        world.xen.setUpcallVector(255);
        assertThat(world.xen.upcallVector()).isEqualTo(255);
    }
}
