package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.GPA;
import static io.github.pfncache.xen.XenWorld.RUNSTATE;
import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two or three threads at full speed for most of a second: nothing is corrupted, no event and no wake-up is lost. */
final class XenRaceTest {

    private static final long LOAD_NANOS = Long.getLong("xen.loadMillis", 700) * 1_000_000;

    /** Does something again and again until it is told to stop. */
    private static Background<Integer> repeat(BooleanSupplier stop, Runnable body) {
        return new Background<>(() -> {
            int turns = 0;
            do { // at least once, so that no test is vacuous; bounded by the test's deadline
                body.run();
                turns++;
            } while (!stop.getAsBoolean());
            return turns;
        });
    }

    private static BooleanSupplier afterLoad() {
        long deadline = System.nanoTime() + LOAD_NANOS;
        return () -> System.nanoTime() - deadline >= 0;
    }

    private static void toggleSharedInfo(XenWorld world) {
        world.xen.clearSharedInfo();
        world.xen.setSharedInfo(new CacheTarget.ByGpa(SHARED_INFO));
        world.xen.clearSharedInfo();
        world.xen.setSharedInfo(new CacheTarget.ByHva(XenWorld.hva(SHARED_INFO)));
    }

    @ParameterizedTest
    @EnumSource(CallContext.class)
    void everyEventArrivesWhileTheSharedPageComesAndGoes(CallContext context) { // S24
        XenWorld world = XenWorld.registered(By.GPA);
        BooleanSupplier stop = afterLoad();
        Background<Integer> toggling = repeat(stop, () -> toggleSharedInfo(world));
        int sent = 0;
        do {
            Background<Delivery> sending = new Background<>(() -> world.xen.events().deliver(world.cpu, 66, context));
            XenWorld.until("the event arrives", () -> world.runAndHandle().contains(66));
            assertThat(sending.join()).isNotIn(Delivery.COALESCED, Delivery.INVALID, Delivery.MASKED);
            sent++;
        } while (!stop.getAsBoolean()); // bounded by the load's deadline
        assertThat(toggling.join()).isPositive();
        assertThat(sent).isPositive();
        world.audit();
    }

    @Test
    void everyEventArrivesWhileTheVcpuInfoComesAndGoes() {
        XenWorld world = XenWorld.registered(By.GPA);
        BooleanSupplier stop = afterLoad();
        Background<Integer> toggling = repeat(stop, () -> {
            world.cpu.clearVcpuInfo();
            world.cpu.setVcpuInfo(new CacheTarget.ByHva(XenWorld.hva(VCPU_INFO)));
        });
        int[] ports = {1, 2, 66, 67, 4095};
        int turn = 0;
        do {
            int port = ports[turn++ % ports.length];
            CallContext context = turn % 2 == 0 ? CallContext.ATOMIC : CallContext.MAY_SLEEP;
            Background<Delivery> sending = new Background<>(() -> world.xen.events().deliver(world.cpu, port, context));
            XenWorld.until("the event arrives", () -> world.runAndHandle().contains(port));
            sending.join();
        } while (!stop.getAsBoolean()); // bounded by the load's deadline
        assertThat(toggling.join()).isPositive();
        assertThat(turn).isPositive();
        world.audit();
    }

    @Test
    void aPollEndsWhileTheSharedPageComesAndGoes() { // S25
        XenWorld world = XenWorld.registered(By.GPA);
        world.guest.mask(SHARED_INFO, 15);
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 15);
        BooleanSupplier stop = afterLoad();
        Background<Integer> toggling = repeat(stop, () -> toggleSharedInfo(world));
        AtomicBoolean polling = new AtomicBoolean(true);
        Background<Integer> sending = repeat(() -> !polling.get(), () -> {
            world.sendAtomic(15);
            world.xen.events().deliverDeferred();
        });
        int polls = 0;
        do {
            assertThat(world.cpu.poll(argument, false, Duration.ofSeconds(XenWorld.PATIENCE_SECONDS)))
                    .isEqualTo(PollOutcome.WOKEN);
            world.guest.clearPending(SHARED_INFO, 15);
            polls++;
        } while (!stop.getAsBoolean()); // bounded by the load's deadline
        polling.set(false);
        sending.join();
        toggling.join();
        assertThat(polls).isPositive();
        assertThat(world.xen.polling().isSet(0)).isFalse();
        world.audit();
    }

    @Test
    void theUpdateFlagMarksEveryReadingThatIsNotWhole() {
        XenWorld world = new XenWorld(By.GPA);
        world.xen.setRunstateUpdateFlag(true);
        world.cpu.runstate().register(world.target(RUNSTATE));
        BooleanSupplier stop = afterLoad();
        Background<Integer> writing = repeat(stop, () -> {
            world.time.advance(0x1_0001L);
            world.cpu.runstate().set(RunState.values()[(int) (world.time.monotonicNanos() & 3)]);
        });
        int whole = 0;
        do {
            XenGuest.Runstate read = world.guest.runstate(RUNSTATE);
            assertThat(read.sum()).as("%s", read).isEqualTo(read.entry());
            whole++;
        } while (!stop.getAsBoolean()); // bounded by the load's deadline
        assertThat(writing.join()).isPositive();
        assertThat(whole).isPositive();
        world.audit();
    }

    @Test
    void anAreaThatIsTakenAwayIsNotWrittenAnyMore() {
        XenWorld world = new XenWorld(By.GPA);
        BooleanSupplier stop = afterLoad();
        Background<Integer> writing = repeat(stop, () -> {
            world.time.advance(3);
            world.cpu.runstate().set(RunState.BLOCKED);
            world.cpu.runstate().preempted();
        });
        int turns = 0;
        byte[] empty = new byte[XenWorld.NPAGES * Pages.PAGE_SIZE];
        do {
            By by = By.values()[turns % 2];
            CacheTarget target =
                    by == By.GPA ? new CacheTarget.ByGpa(RUNSTATE) : new CacheTarget.ByHva(XenWorld.hva(RUNSTATE));
            assertThat(world.cpu.runstate().register(target)).isEqualTo(Outcome.OK);
            assertThat(world.cpu.runstate().clear()).isEqualTo(Outcome.OK);
            byte[] bytes = world.bytes();
            int start = (int) (RUNSTATE - GPA);
            assertThat(world.bytes()).as("after it was taken away").isEqualTo(bytes);
            Arrays.fill(bytes, start, start + 48, (byte) 0);
            assertThat(bytes).as("outside the area").isEqualTo(empty);
            turns++;
        } while (!stop.getAsBoolean()); // bounded by the load's deadline
        assertThat(writing.join()).isPositive();
        assertThat(turns).isPositive();
        world.audit();
    }

    @Test
    void aMigratedGuestIsEqualByteForByteWhileEverybodyWrites() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setRunstateUpdateFlag(true);
        world.logDirtyPages();
        byte[] copy = world.bytes();
        AtomicBoolean stopped = new AtomicBoolean();
        Background<Integer> guest = repeat(stopped::get, () -> {
            world.clock.requestUpdate(world.vm.vcpu(0));
            world.runAndHandle();
            world.cpu.runstate().preempted();
        });
        Background<Integer> devices = repeat(stopped::get, () -> {
            world.sendAtomic(66);
            world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
            world.pass(7);
            world.send(TIMER_PORT + 2000);
        });
        BooleanSupplier stop = afterLoad();
        do {
            copyDirty(world, copy);
        } while (!stop.getAsBoolean()); // bounded by the load's deadline
        stopped.set(true);
        assertThat(guest.join()).isPositive();
        assertThat(devices.join()).isPositive();
        copyDirty(world, copy);
        assertThat(copy).isEqualTo(world.bytes());
        assertThat(world.dirty()).isEmpty();
        world.audit();
    }

    /** Harvested first, then copied: what is written after the harvest is dirty again. */
    private static void copyDirty(XenWorld world, byte[] copy) {
        for (long page : world.dirty()) {
            byte[] bytes = new byte[Pages.PAGE_SIZE];
            world.host.peek(XenWorld.HVA + page * Pages.PAGE_SIZE, bytes);
            System.arraycopy(bytes, 0, copy, (int) page * Pages.PAGE_SIZE, bytes.length);
        }
    }

    @Test
    void noTimeThatWasStolenIsLostWhileTheStateChanges() {
        XenWorld world = XenWorld.registered(By.GPA);
        RunstateArea runstate = world.cpu.runstate();
        long before = runstate.times().runnable();
        AtomicBoolean stop = new AtomicBoolean();
        Background<Integer> stealing = repeat(stop::get, () -> runstate.addStolen(1));
        for (int i = 0; i < 100_000; i++) { // bounded by the constant
            runstate.set(RunState.RUNNING);
        }
        stop.set(true);
        int count = stealing.join();
        world.time.advance(XenWorld.SECOND);
        runstate.set(RunState.BLOCKED);
        assertThat(runstate.times().runnable() - before).isEqualTo(count);
        world.audit();
    }

    @Test
    void noEventIsLostOfThoseThatTwoThreadsParkAtOnce() {
        XenWorld world = XenWorld.registered(By.GPA);
        VcpuInfo info = world.cpu.info();
        long[] selector = new long[1];
        for (int round = 0; round < 300; round++) { // bounded by the number of rounds
            world.cpu.clearVcpuInfo();
            AtomicInteger ready = new AtomicInteger();
            Background<Integer> odd = new Background<>(() -> park(info, 1, ready));
            park(info, 0, ready);
            odd.join();
            assertThat(world.cpu.setVcpuInfo(world.target(VCPU_INFO))).isEqualTo(Outcome.OK);
            info.place().tryUpdate(access -> {
                selector[0] = access.getLong(8);
                access.putLong(8, 0);
            });
            assertThat(selector[0]).as("round " + round).isEqualTo(-1);
        }
        world.audit();
    }

    /** Every second word, from the first on, once both threads are there. */
    private static int park(VcpuInfo info, int first, AtomicInteger ready) {
        ready.incrementAndGet();
        XenWorld.until("both are ready", () -> ready.get() == 2);
        int parked = 0;
        for (int word = first; word < Long.SIZE; word += 2) { // the words
            parked += info.raise(GuestMode.NATIVE.vcpuInfo(), word) == Delivery.PARKED ? 1 : 0;
        }
        return parked;
    }
}
