package io.github.pfncache.xen;

import static io.github.pfncache.xen.HostileWorld.OTHER;
import static io.github.pfncache.xen.HostileWorld.SCRATCH;
import static io.github.pfncache.xen.HostileWorld.SHARED_INFO;
import static io.github.pfncache.xen.HostileWorld.VCPU_INFO;
import static io.github.pfncache.xen.HostileWorld.at;
import static io.github.pfncache.xen.HostileWorld.page;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Code of the adopter that throws, or comes back, at each of its calls in each operation: afterwards the operation is
 * repeated, and the machine is as if nothing had happened.
 */
final class CodeOfOthersTest {

    private static final Duration SHORT = Duration.ofMillis(2);
    private static final long AHEAD = 50_000_000;
    private static final int MOST_CALLS = 200;

    /** What is called in a machine that is quiet, all of whose pages are evicted first. */
    private record Operation(String name, Consumer<HostileWorld> prepare, Consumer<HostileWorld> run) {
        boolean isAtomic() {
            return name.contains("atomic") || name.startsWith("preempt");
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static Operation op(String name, Consumer<HostileWorld> run) {
        return new Operation(name, world -> {}, run);
    }

    private static final class Thrown extends Error {
        private static final long serialVersionUID = 1;
    }

    static Stream<Operation> operations() {
        return Stream.of(
                op("run", HostileWorld::run),
                new Operation("deferred events", CodeOfOthersTest::deferThree, HostileWorld::run),
                new Operation("deferred events by a worker", CodeOfOthersTest::deferThree,
                        world -> world.xen.events().deliverDeferred()),
                new Operation("parked events", world -> {
                    world.evict(VCPU_INFO);
                    world.send(40, CallContext.ATOMIC);
                    world.send(100, CallContext.ATOMIC);
                }, HostileWorld::run),
                op("deliver", world -> world.send(70, CallContext.MAY_SLEEP)),
                op("deliver, atomic", world -> world.send(70, CallContext.ATOMIC)),
                new Operation("loopback", world -> world.xen.events().bindLoopback(5, world.cpu, 15),
                        world -> world.xen.events().send(5)),
                op("compat mode", world -> world.xen.setMode(GuestMode.COMPAT)),
                new Operation("compat mode with deferred events", CodeOfOthersTest::deferThree,
                        world -> world.xen.setMode(GuestMode.COMPAT)),
                new Operation("native mode", world -> world.xen.setMode(GuestMode.COMPAT),
                        world -> world.xen.setMode(GuestMode.NATIVE)),
                op("shared info", world -> world.xen.setSharedInfo(at(OTHER))),
                new Operation("shared info with deferred events", CodeOfOthersTest::deferThree,
                        world -> world.xen.setSharedInfo(at(OTHER))),
                op("no shared info", world -> world.xen.clearSharedInfo()),
                op("vcpu info", world -> world.cpu.setVcpuInfo(at(page(9)))),
                op("no vcpu info", world -> world.cpu.clearVcpuInfo()),
                op("time info", world -> world.cpu.setTimeInfo(at(page(9) + 32))),
                op("no time info", world -> world.cpu.clearTimeInfo()),
                op("runstate", world -> world.cpu.runstate().register(at(page(9) - 20))),
                op("no runstate", world -> world.cpu.runstate().clear()),
                op("state", world -> world.cpu.runstate().set(RunState.BLOCKED)),
                op("adjusted times", world -> world.cpu.runstate().adjust(RunState.RUNNABLE, 0, -7, 7, 0, 0)),
                op("preemption", world -> world.cpu.runstate().preempted()),
                op("clock register", world -> world.vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, page(9) + 32 | 1)),
                op("clock register of the guest",
                        world -> world.vcpu.guestWriteMsr(Kvmclock.MSR_SYSTEM_TIME_OLD, page(9) + 32 | 1)),
                op("clock off", world -> world.vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, 0)),
                op("wall clock register", world -> world.vcpu.writeMsr(Kvmclock.MSR_WALL_CLOCK, page(9) + 32)),
                op("steal time register", world -> world.vcpu.writeMsr(StealTime.MSR_STEAL_TIME, page(9) | 1)),
                new Operation("stolen time", world -> world.steal.addSteal(world.vcpu, 12_345), HostileWorld::run),
                op("preempted", world -> world.steal.preempted(world.vcpu)),
                op("clock set", world -> world.clock.setClock(7 * AHEAD)),
                new Operation("run with the clock set", world -> world.clock.setClock(7 * AHEAD), HostileWorld::run),
                new Operation("run of a stopped guest", world -> world.clock.guestStopped(world.vcpu),
                        HostileWorld::run),
                op("timer in the past", world -> world.cpu.setSingleShotTimer(1)),
                op("timer restored", world -> world.cpu.setTimer(new TimerState(21, -1, 1))),
                new Operation("timer that is due", world -> {
                    world.cpu.setSingleShotTimer(world.clock.getClock() + AHEAD);
                    world.pass(AHEAD);
                }, world -> world.xen.runTimers()),
                new Operation("timer that is awaited", world -> {
                    world.cpu.setSingleShotTimer(world.clock.getClock() + AHEAD);
                    world.pass(AHEAD);
                }, world -> world.xen.awaitTimers(SHORT)),
                new Operation("poll", world -> world.argument(40, 0), world -> world.cpu.poll(SCRATCH, false, SHORT)),
                new Operation("poll with events kept", world -> {
                    deferThree(world);
                    world.argument(40, 0);
                }, world -> world.cpu.poll(SCRATCH, false, SHORT)),
                new Operation("look for an interrupt", world -> world.send(9, CallContext.MAY_SLEEP),
                        world -> world.cpu.hasInterrupt(CallContext.MAY_SLEEP)),
                new Operation("vector", world -> world.send(9, CallContext.MAY_SLEEP),
                        world -> world.cpu.setUpcallVector(0x50)),
                new Operation("interrupt controller", world -> {
                    world.cpu.setInterruptControllerEnabled(false);
                    world.send(9, CallContext.MAY_SLEEP);
                }, world -> world.cpu.setInterruptControllerEnabled(true)));
    }

    private static void deferThree(HostileWorld world) {
        world.evict(SHARED_INFO);
        for (int port : new int[] {40, 100, 4000}) {
            assertThat(world.send(port, CallContext.ATOMIC)).isEqualTo(Delivery.DEFERRED);
        }
    }

    private static HostileWorld quiet(Operation operation) {
        HostileWorld world = new HostileWorld();
        world.register();
        world.interrupts = 0;
        operation.prepare.accept(world);
        world.evictAll();
        return world;
    }

    /** Lets everything that waits happen. */
    private static void settle(HostileWorld world) {
        world.evictAll();
        world.run();
        world.run();
    }

    private static HostileWorld undisturbed(Operation operation) {
        HostileWorld world = quiet(operation);
        operation.run.accept(world);
        settle(world);
        world.audit();
        return world;
    }

    @ParameterizedTest
    @MethodSource("operations")
    void whatAThrowCutsShortCanBeRepeated(Operation operation) {
        HostileWorld expected = undisturbed(operation);
        int call = 0;
        while (throwsAt(operation, call, expected)) { // bounded by the calls of the operation
            assertThat(++call).isLessThan(MOST_CALLS);
        }
    }

    private static boolean throwsAt(Operation operation, int call, HostileWorld expected) {
        HostileWorld world = quiet(operation);
        Throwable thrown = null;
        world.arm(call, () -> {
            throw new Thrown();
        });
        try {
            operation.run.accept(world);
        } catch (Thrown e) {
            thrown = e;
        }
        boolean reached = world.disarm();
        String when = "throw at call " + call + " of " + operation + " " + world.calls();
        assertThat(thrown != null).as(when + " comes out").isEqualTo(reached);
        assertThat(XenVcpu.holdsNoLock()).as(when).isTrue();
        assertThat(world.xen.polling().isSet(0)).as(when).isFalse();
        world.memory(); // no version is odd
        if (reached) {
            operation.run.accept(world);
        }
        settle(world);
        assertSame(when, world, expected);
        return reached;
    }

    private static void assertSame(String when, HostileWorld world, HostileWorld expected) {
        assertThat(differences(world.memory(), expected.memory())).as(when).isEmpty();
        assertThat(world.registrations()).as(when).isEqualTo(expected.registrations());
        assertThat(world.interrupts > 0).as(when + ": interrupts").isEqualTo(expected.interrupts > 0);
        world.audit();
    }

    private static Map<String, String> differences(byte[] found, byte[] expected) {
        Map<String, String> differences = new TreeMap<>();
        for (int i = 0; i < found.length; i++) { // bounded by the memory
            if (found[i] != expected[i]) {
                differences.put(Pages.hex(HostileWorld.GPA + i), expected[i] + " became " + found[i]);
            }
        }
        return differences;
    }

    // ---- code that comes back

    /** What the code of others does instead of throwing. */
    private static final Map<String, Consumer<HostileWorld>> RETURNS = new TreeMap<>(Map.of(
            "send", world -> world.send(200, CallContext.MAY_SLEEP),
            "send, atomic", world -> world.send(200, CallContext.ATOMIC),
            "modes", world -> {
                world.xen.setMode(GuestMode.COMPAT);
                world.xen.setMode(GuestMode.NATIVE);
            },
            "run", world -> world.run(),
            "registrations", world -> {
                world.xen.setSharedInfo(at(SHARED_INFO));
                world.cpu.setVcpuInfo(at(VCPU_INFO));
                world.cpu.setTimeInfo(at(HostileWorld.TIME_INFO));
                world.cpu.runstate().register(at(HostileWorld.RUNSTATE));
            },
            "registers", world -> {
                world.vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, HostileWorld.KVMCLOCK | 1);
                world.vcpu.writeMsr(StealTime.MSR_STEAL_TIME, HostileWorld.STEAL | 1);
                world.vcpu.writeMsr(Kvmclock.MSR_WALL_CLOCK, HostileWorld.WALL_CLOCK);
            },
            "eviction", HostileWorld::evictAll,
            "timers", world -> {
                world.xen.runTimers();
                world.cpu.setSingleShotTimer(1);
            },
            "poll", world -> world.cpu.poll(SCRATCH, true, Duration.ofMillis(1)),
            "getters", world -> {
                world.registrations();
                world.xen.events().reset();
                world.xen.events().bindLoopback(5, world.cpu, 15);
            }));

    static Stream<String> returns() {
        return RETURNS.keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("returns")
    void whoComesBackFindsNothingHalfDone(String back) {
        for (Operation operation : operations().toList()) { // each of them
            boolean reached = !operation.isAtomic() || back.contains("atomic"); // else it may not be called there
            for (int call = 0; reached; call++) { // bounded by the calls of the operation
                assertThat(call).isLessThan(MOST_CALLS);
                HostileWorld world = quiet(operation);
                world.arm(call, () -> {
                    if (!operation.isAtomic()) {
                        world.memory(); // no version is odd
                    }
                    RETURNS.get(back).accept(world);
                });
                String when = back + " at call " + call + " of " + operation + " ";
                try {
                    operation.run.accept(world);
                } catch (RuntimeException | Error e) {
                    throw new AssertionError(when + world.calls(), e);
                }
                reached = world.disarm();
                operation.run.accept(world);
                settle(world);
                world.memory();
                assertThat(world.xen.polling().isSet(0)).as(when).isFalse();
                world.xen.setMode(GuestMode.NATIVE);
                assertThat(world.xen.setSharedInfo(at(SHARED_INFO))).as(when).isEqualTo(Outcome.OK);
                assertThat(world.cpu.setVcpuInfo(at(VCPU_INFO))).as(when).isEqualTo(Outcome.OK);
                world.send(300, CallContext.MAY_SLEEP);
                settle(world);
                assertThat(world.isPending(300)).as(when).isTrue();
                if (back.startsWith("send") && world.calls().size() > call && !operation.name.contains("shared info")) {
                    assertThat(world.isPending(200)).as(when + "sent from inside").isTrue();
                }
                world.audit();
            }
        }
    }

    // ---- the cases that were seen

    @Test
    void deferredEventsOutliveAHandlerThatThrowsOnce() { // E07
        HostileWorld world = new HostileWorld();
        world.register();
        deferThree(world);
        world.arm(0, () -> {
            throw new IllegalStateException("once");
        });
        assertThat(org.assertj.core.api.Assertions.catchThrowable(world::run)).hasMessage("once");
        world.disarm();
        world.run();
        assertThat(List.of(40, 100, 4000)).allMatch(world::isPending);
        assertThat(world.cpu.hasInterrupt(CallContext.MAY_SLEEP)).isTrue();
        world.audit();
    }

    @Test
    void aPatienceMayBeForEver() {
        HostileWorld world = new HostileWorld();
        world.register();
        world.cpu.setSingleShotTimer(world.clock.getClock() + AHEAD);
        world.pass(AHEAD);
        assertThat(world.xen.awaitTimers(ChronoUnit.FOREVER.getDuration())).isTrue();
        world.argument(40, 1);
        Background<PollOutcome> polling =
                new Background<>(() -> world.cpu.poll(SCRATCH, false, ChronoUnit.FOREVER.getDuration()));
        XenWorld.until("the guest polls", () -> world.xen.polling().isSet(0) || polling.isDone());
        world.pass(1);
        assertThat(polling.join()).isEqualTo(PollOutcome.TIMED_OUT);
    }
}
