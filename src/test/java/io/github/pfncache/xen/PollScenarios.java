package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.GPA;
import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.explore.ScenarioRun;
import java.time.Duration;

/** Polls, alone and against those who send. */
public final class PollScenarios {

    private static final long NEVER = 0;

    private PollScenarios() {}

    /** With interrupts off. Under an explorer a halt lasts until nobody else can run. */
    private static PollOutcome poll(XenWorld world, long timeout, int... ports) {
        return pollFrom(world, world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, timeout, ports));
    }

    /** BUSY if the guest would halt. */
    private static PollOutcome glance(XenWorld world, int... ports) {
        return world.cpu.poll(world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, NEVER, ports), false, Duration.ZERO);
    }

    private static PollOutcome pollFrom(XenWorld world, long argument) {
        return world.cpu.poll(argument, false, Duration.ofMinutes(1));
    }

    private static void atRest(XenWorld world) {
        assertThat(world.xen.polling().isSet(0)).as("poll bit at rest").isFalse();
        world.audit();
    }

    private static void requireToldOfEverything(XenWorld world) {
        assertThat(world.cpu.poller().foundUntold()).as("wake-ups that were lost").isZero();
        atRest(world);
    }

    /** Ports beyond the limit, near and far, also behind good ones. */
    public static void portsBeyondTheLimit(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("poll", () -> {
            for (int port : new int[] {4096, 1 << 20, -1}) {
                PollOutcome outcome = glance(world, 1, port);
                assertThat(outcome).as("poll of a port beyond the limit").isEqualTo(PollOutcome.INVALID);
            }
            assertThat(glance(world, 4095)).as("poll of the last port").isEqualTo(PollOutcome.BUSY);
        });
        stage.afterwards(() -> atRest(world));
    }

    /** The number of the pending port lies behind a page boundary, or across it. */
    public static void portsAcrossAPage(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.runstate().clear(); // it lies there
        world.send(77);
        long boundary = GPA + 2 * Pages.PAGE_SIZE;
        stage.thread("poll", () -> {
            for (int before = 1; before < 12; before++) { // also in the middle of a number
                long argument = world.guest.schedPoll(SCRATCH, boundary - before, NEVER, 1, 2, 77);
                assertThat(world.cpu.poll(argument, false, Duration.ZERO))
                        .as("poll of ports across a page")
                        .isEqualTo(PollOutcome.WOKEN);
            }
        });
        stage.afterwards(() -> atRest(world));
    }

    /** Polls that end in every way leave nothing behind. */
    public static void everyWayToEnd(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("poll", () -> {
            glance(world, 14);
            requireNoPollBit(world);
            world.cpu.startPoll(world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, NEVER, 4096), false);
            requireNoPollBit(world);
            pollFrom(world, world.guest.schedPollOf(SCRATCH, Pages.INVALID_GPA - 3, NEVER, 2));
            requireNoPollBit(world);
            world.send(14);
            poll(world, NEVER, 14);
            requireNoPollBit(world);
        });
        stage.afterwards(() -> atRest(world));
    }

    private static void requireNoPollBit(XenWorld world) {
        assertThat(world.xen.polling().isSet(0)).as("poll bit after a poll").isFalse();
    }

    /** The shared page cannot be read, or there is none: the guest has to look itself. */
    public static void sharedPageThatCannotBeRead(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("poll", () -> {
            world.makeUnwritable(SHARED_INFO);
            assertThat(glance(world, 14)).as("poll of an unreadable page").isEqualTo(PollOutcome.WOKEN);
            world.makeWritable(SHARED_INFO);
            world.xen.clearSharedInfo();
            assertThat(glance(world, 14)).as("poll of no page").isEqualTo(PollOutcome.WOKEN);
        });
        stage.afterwards(() -> atRest(world));
    }

    /** A masked port is polled when it is sent to. */
    public static void pollAgainstSend(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.guest.mask(SHARED_INFO, 15);
        pollOf15Against(stage, world);
    }

    /** An unmasked port is polled; the guest has been told of its word, and has not looked. */
    public static void pollAgainstSendIntoAPendingWord(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.send(16);
        pollOf15Against(stage, world);
    }

    private static void pollOf15Against(ScenarioRun stage, XenWorld world) {
        stage.thread("poll", () ->
                assertThat(poll(world, NEVER, 15)).as("poll of the port that is sent to").isEqualTo(PollOutcome.WOKEN));
        stage.thread("send", () -> world.sendAtomic(15));
        stage.afterwards(() -> requireToldOfEverything(world));
    }

    /** The shared page goes and comes back while one thread polls and another sends. */
    public static void pollAgainstSendAndToggle(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.guest.mask(SHARED_INFO, 15);
        stage.thread("poll", () -> assertThat(poll(world, NEVER, 15)).as("poll").isEqualTo(PollOutcome.WOKEN));
        stage.thread("send", () -> world.sendAtomic(15));
        stage.thread("toggle", () -> {
            world.xen.clearSharedInfo();
            world.xen.setSharedInfo(world.target(SHARED_INFO));
        });
        stage.afterwards(() -> {
            requireToldOfEverything(world);
            world.run();
            assertThat(world.guest.isPending(SHARED_INFO, 15)).as("port pending at rest").isTrue();
        });
    }
}
