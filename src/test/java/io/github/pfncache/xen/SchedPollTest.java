package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.GPA;
import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SECOND;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code SCHEDOP_poll}: what it refuses, when it halts, and everything that ends it. */
final class SchedPollTest {

    private static final Duration PATIENCE = Duration.ofSeconds(XenWorld.PATIENCE_SECONDS);
    private static final long NEVER = 0;

    private static PollOutcome poll(XenWorld world, boolean interruptible, long timeout, int... ports) {
        return world.cpu.poll(argument(world, timeout, ports), interruptible, PATIENCE);
    }

    /** BUSY if the guest would halt. */
    private static PollOutcome glance(XenWorld world, long timeout, int... ports) {
        return world.cpu.poll(argument(world, timeout, ports), false, Duration.ZERO);
    }

    private static long argument(XenWorld world, long timeout, int... ports) {
        return world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, timeout, ports);
    }

    /** The guest polls on its own thread; returns when it does. */
    private static Background<PollOutcome> halted(XenWorld world, boolean interruptible, long timeout, int... ports) {
        long argument = argument(world, timeout, ports);
        Background<PollOutcome> polling = new Background<>(() -> world.cpu.poll(argument, interruptible, PATIENCE));
        XenWorld.until("the guest polls", () -> world.xen.polling().isSet(0) || polling.isDone());
        return polling;
    }

    private static void atRest(XenWorld world) {
        assertThat(world.xen.polling().isSet(0)).as("poll bit").isFalse();
        world.audit();
    }

    /** Seen on a live kernel: what a poll names is looked at only if events are configured. */
    @ParameterizedTest
    @EnumSource(By.class)
    void aPollIsAYieldIfEventsAreNotConfigured(By by) {
        XenWorld world = XenWorld.registered(by);
        for (int port : new int[] {15, 4096}) {
            List<Long> arguments = List.of(3L, argument(world, NEVER, port), 0L, 0L, 0L, 0L);
            Hypercall call = new Hypercall(world.xen.mode(), false, 29, arguments);
            world.xen.configure(new XenConfig(XenConfig.INTERCEPT_HYPERCALLS, XenConfig.DEFAULT_MSR));
            assertThat(world.cpu.hypercall(call)).isEqualTo(HypercallResult.done(0));
            world.xen.configure(XenConfig.ALL);
            assertThat(world.cpu.hypercall(call).kind()).isEqualTo(
                    port == 15 ? HypercallResult.Kind.HALTED : HypercallResult.Kind.DONE);
            world.cpu.stopPoll();
        }
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aPendingMaskedPortEndsThePollAtOnce(By by) { // S18
        XenWorld world = XenWorld.registered(by);
        world.guest.mask(SHARED_INFO, 15);
        world.send(15);
        assertThat(poll(world, true, NEVER, 15)).isEqualTo(PollOutcome.WOKEN);
        assertThat(poll(world, true, NEVER, 14, 15)).isEqualTo(PollOutcome.WOKEN);
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aPortThatIsNotSetEndsItWhenTheTimeComes(By by) { // S19
        XenWorld world = XenWorld.registered(by);
        Background<PollOutcome> polling = halted(world, true, 100, 14); // from now on, whatever the guest's clock says
        world.pass(99);
        assertThat(polling.isDone()).isFalse();
        world.pass(1);
        assertThat(polling.join()).isEqualTo(PollOutcome.TIMED_OUT);
        for (long never : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE}) {
            assertThat(glance(world, never, 14)).as("timeout %d", never).isEqualTo(PollOutcome.BUSY);
        }
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void theTimerOnAMaskedPortWakesThePoll(By by) { // S20
        XenWorld world = XenWorld.registered(by);
        world.guest.mask(SHARED_INFO, TIMER_PORT);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 1000);
        Background<PollOutcome> polling = halted(world, true, NEVER, TIMER_PORT);
        world.time.advance(1000); // the vCPU's own thread sees to its own timer
        assertThat(polling.join()).isEqualTo(PollOutcome.WOKEN);
        assertThat(world.guest.isPending(SHARED_INFO, TIMER_PORT)).isTrue();
        assertThat(world.guest.isUpcallPending(VCPU_INFO)).isFalse();
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anInterruptOnAnotherPortEndsThePoll(By by) { // S22
        XenWorld world = XenWorld.registered(by);
        world.cpu.setSingleShotTimer(world.clock.getClock() + 1000);
        Background<PollOutcome> polling = halted(world, true, NEVER, 14);
        world.pass(1000);
        assertThat(polling.join()).isEqualTo(PollOutcome.WOKEN);
        assertThat(world.runAndHandle()).containsExactly(TIMER_PORT);
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anUnmaskedPortWhoseSelectorIsPendingAlreadyEndsThePoll(By by) {
        XenWorld world = XenWorld.registered(by);
        assertThat(world.send(16)).as("in the word of the polled port").isEqualTo(Delivery.RAISED);
        Background<PollOutcome> polling = halted(world, false, NEVER, 15);
        assertThat(world.sendAtomic(15)).isEqualTo(Delivery.JOINED);
        assertThat(polling.join()).isEqualTo(PollOutcome.WOKEN);
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void whatEndsAPollDependsOnHowManyPortsItNames(By by) { // X14b
        XenWorld world = XenWorld.registered(by);
        world.send(100);
        assertThat(glance(world, NEVER, 14)).as("an upcall that waits already").isEqualTo(PollOutcome.BUSY);
        for (int[] ports : new int[][] {{14}, {14, 1023}, {}}) {
            Background<PollOutcome> polling = halted(world, false, NEVER, ports);
            world.guest.handleUpcall(VCPU_INFO, SHARED_INFO);
            assertThat(world.send(200)).isEqualTo(Delivery.RAISED);
            assertThat(polling.join()).as("any unmasked event").isEqualTo(PollOutcome.WOKEN);
            world.guest.handleUpcall(VCPU_INFO, SHARED_INFO);
        }
        world.guest.mask(SHARED_INFO, 300);
        world.guest.mask(SHARED_INFO, 301);
        Background<PollOutcome> several = halted(world, false, NEVER, 14, 1023);
        assertThat(world.send(300)).isEqualTo(Delivery.MASKED);
        assertThat(several.join()).as("a masked event, listed or not").isEqualTo(PollOutcome.WOKEN);
        Background<PollOutcome> single = halted(world, false, NEVER, 14);
        assertThat(world.send(301)).isEqualTo(Delivery.MASKED);
        assertThat(single.isDone()).as("only the port itself").isFalse();
        world.cpu.wake();
        single.join();
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aSharedPageThatCannotBeReadCountsAsPendingWhenThePollBegins(By by) {
        XenWorld world = XenWorld.registered(by);
        world.makeUnwritable(SHARED_INFO);
        assertThat(poll(world, false, NEVER, 14)).isEqualTo(PollOutcome.WOKEN);
        world.makeWritable(SHARED_INFO);
        assertThat(glance(world, NEVER, 14)).as("looked at again").isEqualTo(PollOutcome.BUSY);
        Background<PollOutcome> polling = halted(world, false, NEVER, 14);
        world.xen.clearSharedInfo();
        assertThat(polling.isDone()).as("taken away: it halts on").isFalse();
        world.sendAtomic(14);
        assertThat(polling.join()).as("an event that is kept").isEqualTo(PollOutcome.WOKEN);
        world.xen.setSharedInfo(world.target(SHARED_INFO));
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void theNumberOfPortsIsLimited(GuestMode mode) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setMode(mode);
        world.guest.compat = mode == GuestMode.COMPAT;
        for (int count : new int[] {0, 1, 2, 128}) {
            int[] ports = IntStream.rangeClosed(1, count).toArray();
            assertThat(glance(world, NEVER, ports)).as("%d ports", count).isEqualTo(PollOutcome.BUSY);
        }
        assertThat(glance(world, NEVER, new int[129])).isEqualTo(PollOutcome.INVALID);
        for (int count : new int[] {129, Integer.MAX_VALUE, -1, Integer.MIN_VALUE}) {
            long argument = world.guest.schedPollOf(SCRATCH, SCRATCH + 0x40, NEVER, count);
            assertThat(world.cpu.poll(argument, true, PATIENCE)).as("%d ports", count).isEqualTo(PollOutcome.INVALID);
        }
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void aPortAtTheLimitOfTheModeIsRefused(GuestMode mode) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setMode(mode);
        world.guest.compat = mode == GuestMode.COMPAT;
        int limit = mode == GuestMode.COMPAT ? 1024 : 4096;
        assertThat(glance(world, NEVER, limit - 1)).isEqualTo(PollOutcome.BUSY);
        for (int port : new int[] {limit, limit + 1, -1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            assertThat(glance(world, NEVER, port)).as("port %d", port).isEqualTo(PollOutcome.INVALID);
            assertThat(glance(world, NEVER, 1, 2, port)).as("port %d", port).isEqualTo(PollOutcome.INVALID);
        }
        atRest(world);
    }

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void theArrayOfPortsAndTheArgumentMayCrossPages(GuestMode mode) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setMode(mode);
        world.guest.compat = mode == GuestMode.COMPAT;
        world.send(77);
        long boundary = GPA + 2 * Pages.PAGE_SIZE;
        world.cpu.runstate().clear(); // it is there
        int[] ports = IntStream.rangeClosed(1, 40).toArray();
        for (int last : new int[] {77, 78}) {
            ports[39] = last;
            for (int before = 1; before < 160; before += 3) { // also in the middle of a number
                world.guest.schedPoll(SCRATCH, boundary - before, NEVER, ports);
                assertThat(world.cpu.poll(SCRATCH, false, Duration.ZERO)).as("%d bytes before the boundary", before)
                        .isEqualTo(last == 77 ? PollOutcome.WOKEN : PollOutcome.BUSY);
            }
        }
        for (int before = 1; before < 24; before++) {
            world.guest.schedPoll(boundary - before, SCRATCH, NEVER, 77);
            assertThat(world.cpu.poll(boundary - before, false, PATIENCE)).isEqualTo(PollOutcome.WOKEN);
        }
        atRest(world);
    }

    @Test
    void whatCannotBeReadIsAFaultAndLeavesNoPollBit() {
        XenWorld world = XenWorld.registered(By.GPA);
        long end = GPA + XenWorld.NPAGES * Pages.PAGE_SIZE;
        assertThat(world.cpu.poll(end, true, PATIENCE)).isEqualTo(PollOutcome.FAULT);
        assertThat(world.cpu.poll(end - 23, true, PATIENCE)).isEqualTo(PollOutcome.FAULT);
        assertThat(world.cpu.poll(Pages.INVALID_GPA, true, PATIENCE)).isEqualTo(PollOutcome.FAULT);
        world.guest.schedPollOf(SCRATCH, end - 4, 1, 1);
        assertThat(world.cpu.poll(SCRATCH, true, Duration.ZERO)).isNotEqualTo(PollOutcome.FAULT);
        world.guest.schedPollOf(SCRATCH, end - 4, 1, 2);
        assertThat(world.cpu.poll(SCRATCH, true, PATIENCE)).isEqualTo(PollOutcome.FAULT);
        world.guest.schedPollOf(SCRATCH, Pages.INVALID_GPA - 3, 1, 2);
        assertThat(world.cpu.poll(SCRATCH, true, PATIENCE)).isEqualTo(PollOutcome.FAULT);
        world.guest.schedPollOf(SCRATCH, end, 1, 0);
        assertThat(world.cpu.poll(SCRATCH, true, Duration.ZERO)).as("no ports, nothing to read")
                .isEqualTo(PollOutcome.BUSY);
        atRest(world);
    }

    @Test
    void patienceThatEndsIsBusy() {
        XenWorld world = XenWorld.registered(By.GPA);
        assertThat(world.cpu.poll(argument(world, NEVER, 14), true, Duration.ofMillis(2))).isEqualTo(PollOutcome.BUSY);
        assertThat(world.cpu.poll(argument(world, NEVER), true, Duration.ZERO)).isEqualTo(PollOutcome.BUSY);
        atRest(world);
    }

    /** More than 2^63 nanoseconds are as good as for ever, and less than none is none. */
    @Test
    void aPatienceMayBeOfAnyLength() {
        XenWorld world = XenWorld.registered(By.GPA);
        Duration ever = ChronoUnit.FOREVER.getDuration();
        long argument = argument(world, 1, 14);
        Background<PollOutcome> polling = new Background<>(() -> world.cpu.poll(argument, true, ever));
        XenWorld.until("the guest polls", () -> world.xen.polling().isSet(0) || polling.isDone());
        world.pass(1);
        assertThat(polling.join()).isEqualTo(PollOutcome.TIMED_OUT);
        for (Duration none : List.of(Duration.ZERO, Duration.ofNanos(-1), ever.negated())) {
            assertThat(world.cpu.poll(argument(world, NEVER, 14), true, none)).isEqualTo(PollOutcome.BUSY);
            assertThat(world.xen.awaitTimers(none)).isFalse();
        }
        assertThat(world.cpu.setSingleShotTimer(world.xen.guestNanos() + 1)).isEqualTo(Outcome.OK);
        world.time.advance(2);
        assertThat(world.xen.awaitTimers(ever)).isTrue();
    }

    @Test
    void anotherReasonEndsThePollToo() {
        XenWorld world = XenWorld.registered(By.GPA);
        Background<PollOutcome> polling = halted(world, false, NEVER);
        world.cpu.wake();
        assertThat(polling.join()).isEqualTo(PollOutcome.WOKEN);
        atRest(world);
    }

    @Test
    void aPortOfAnotherVcpuEndsThePoll() {
        XenWorld world = new XenWorld(By.GPA, 70);
        world.register();
        XenVcpu poller = world.xen.vcpu(69);
        long argument = argument(world, NEVER, 14);
        Background<PollOutcome> polling = new Background<>(() -> poller.poll(argument, false, PATIENCE));
        XenWorld.until("the guest polls", () -> world.xen.polling().isSet(69));
        assertThat(world.send(14)).as("to the first vCPU").isEqualTo(Delivery.RAISED);
        assertThat(polling.join()).isEqualTo(PollOutcome.WOKEN);
        assertThat(world.cpu.clearVcpuInfo()).isEqualTo(Outcome.OK);
        world.audit();
    }

    @Test
    void anEventThatIsParkedEndsAPollOfAnotherPortAtOnce() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        world.send(16);
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15);
        assertThat(world.cpu.startPoll(argument, false)).isEqualTo(PollOutcome.WOKEN);
        world.audit();
    }
}
