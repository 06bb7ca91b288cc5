package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.RUNSTATE;
import static io.github.pfncache.xen.XenWorld.SCRATCH;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIME_INFO;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.pvclock.Registration;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Calls that cannot be made while another thread makes one: they are answered BUSY, and have changed nothing. */
final class BusyAnswersTest {

    private static final byte[] TRAP = {0x0f, 0x01, (byte) 0xc1};

    /** Every call that may be answered so. */
    enum Call {
        PLACE(world -> world.xen.setSharedInfo(world.target(TIME_INFO))),
        PLACE_BY_FRAME(world -> world.xen.setSharedInfoFrame(Pages.gpaToGfn(TIME_INFO))),
        CLEAR(world -> world.xen.clearSharedInfo()),
        CLEAR_BY_FRAME(world -> world.xen.setSharedInfoFrame(-1)),
        MODE(world -> world.xen.setMode(GuestMode.COMPAT)),
        HYPERCALL_PAGE(world -> world.cpu.writeHypercallPage(GuestMode.COMPAT, Pages.pageStart(SCRATCH), TRAP)),
        RUNSTATE_ELSEWHERE(world -> world.cpu.runstate().register(world.target(TIME_INFO + 0x400))),
        RUNSTATE_WITHOUT_MEMORY(world -> world.cpu.runstate().register(new CacheTarget.ByGpa(0x900_0000))),
        NO_RUNSTATE(world -> world.cpu.runstate().clear());

        private final Function<XenWorld, Outcome> call;

        Call(Function<XenWorld, Outcome> call) {
            this.call = call;
        }

        private boolean isOfRunstate() {
            return name().contains("RUNSTATE");
        }
    }

    /** On another thread, for which every wait is over at once. */
    private static <T> T withoutPatience(Supplier<T> call) {
        return new Background<>(() -> OnLooker.withoutPatience(call)).join();
    }

    /** A call that needs a page, in whose page-fault handler another thread makes the calls. */
    private static List<Outcome> meanwhile(XenWorld world, long page, Runnable holder, Supplier<Outcome> other) {
        List<Outcome> answers = new ArrayList<>();
        world.host.evict(XenWorld.hva(Pages.pageStart(page)), 1);
        PageFaultHandler inside = fault -> {
            if (answers.isEmpty()) {
                answers.add(withoutPatience(other));
            }
            return PageFaultHandler.Decision.RESOLVE;
        };
        world.host.registerFaultHandler(HvaRange.ofPages(XenWorld.hva(Pages.pageStart(page)), 1), inside, true, false);
        holder.run();
        world.host.unregisterFaultHandler(inside);
        return answers;
    }

    private static String state(XenWorld world) {
        return world.xen + " " + world.cpu.runstate() + " " + world.cpu.vcpuInfo() + " " + world.xen.vcpu(1).poller()
                .foundUntold() + " polls=" + world.xen.polling().isSet(1) + " events=" + world.cpu.hasWork();
    }

    private static XenWorld polling() {
        XenWorld world = new XenWorld(By.GPA, 2);
        world.register();
        world.run();
        long argument = world.guest.schedPoll(SCRATCH, SCRATCH + 0x40, 0, 2000);
        assertThat(world.xen.vcpu(1).startPoll(argument, false)).isEqualTo(PollOutcome.BUSY);
        return world;
    }

    @ParameterizedTest
    @EnumSource(Call.class)
    void whatIsAnsweredBusyHasChangedNothing(Call call) {
        XenWorld world = polling();
        XenVcpu other = world.xen.vcpu(1);
        int wallClock = world.guest.intAt(SHARED_INFO + 0xc00);
        String before = state(world);
        List<Outcome> answers = call.isOfRunstate()
                ? meanwhile(world, TIME_INFO, () -> world.cpu.runstate().register(world.target(RUNSTATE)),
                        () -> call.call.apply(world))
                : meanwhile(world, SHARED_INFO, () -> world.xen.setSharedInfo(world.target(SHARED_INFO)),
                        () -> call.call.apply(world));
        assertThat(answers).containsExactly(Outcome.BUSY);
        assertThat(state(world)).isEqualTo(before);
        assertThat(other.awaitPoll(Duration.ZERO)).as("a poll").isEqualTo(PollOutcome.BUSY);
        int once = call.isOfRunstate() ? wallClock : wallClock + 2; // by the call that was made
        assertThat(world.guest.intAt(SHARED_INFO + 0xc00)).as("version of the wall clock").isEqualTo(once);
        world.run();
        assertThat(world.guest.intAt(SHARED_INFO + 0xc00)).as("and none is due").isEqualTo(once);
        assertThat(world.guest.byteAt(Pages.pageStart(SCRATCH) + 0x400)).as("hypercall page").isZero();
        world.time.advance(5);
        world.cpu.runstate().set(RunState.BLOCKED);
        assertThat(world.guest.runstate(RUNSTATE).entry()).as("in its layout, where it was").isEqualTo(
                world.cpu.runstate().times().entryNanos());
        assertThat(world.runAndHandle()).isEmpty();
        other.stopPoll();
        assertThat(call.call.apply(world)).as("afterwards").isNotEqualTo(Outcome.BUSY);
        world.audit();
    }

    /** At an event that is about to be said in the shared page, which is in use by that, another thread calls. */
    private static List<Outcome> whileAnEventIsSaid(
            Supplier<Delivery> send, Delivery expected, Supplier<Outcome> call) {
        List<Outcome> answers = new ArrayList<>();
        OnLooker.during(() -> assertThat(send.get()).isEqualTo(expected), point -> {
            if (point.equals("port pending") && answers.isEmpty()) {
                answers.add(withoutPatience(call));
            }
        });
        return answers;
    }

    @ParameterizedTest
    @EnumSource(value = Call.class, names = {"CLEAR", "CLEAR_BY_FRAME"})
    void aPageThatIsInUseStaysAndSoDoesWhatIsDueThere(Call call) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.host.evict(XenWorld.HVA, 1);
        PageFaultHandler refuses = fault -> {
            throw new IllegalStateException("not now");
        };
        world.host.registerFaultHandler(HvaRange.ofPages(XenWorld.HVA, 1), refuses, true, false);
        assertThatThrownBy(() -> world.xen.setMode(GuestMode.NATIVE)).hasMessage("not now");
        world.host.unregisterFaultHandler(refuses);
        int wallClock = world.guest.intAt(SHARED_INFO + 0xc00);
        List<Outcome> answers =
                whileAnEventIsSaid(() -> world.send(66), Delivery.RAISED, () -> call.call.apply(world));
        assertThat(answers).containsExactly(Outcome.BUSY);
        assertThat(world.xen.sharedInfo()).isEqualTo(world.target(SHARED_INFO));
        assertThat(world.guest.intAt(SHARED_INFO + 0xc00)).as("not yet").isEqualTo(wallClock);
        assertThat(world.runAndHandle()).containsExactly(66);
        assertThat(world.guest.intAt(SHARED_INFO + 0xc00)).as("version").isEqualTo(wallClock + 2);
        assertThat(call.call.apply(world)).as("afterwards").isEqualTo(Outcome.OK);
        world.audit();
    }

    /** A thread that is about to say an event uses the layout: the mode waits for it, and in vain here. */
    @ParameterizedTest
    @EnumSource(value = Call.class, names = {"MODE", "HYPERCALL_PAGE"})
    void aModeThatCannotChangeHasChangedNothing(Call call) {
        XenWorld world = polling();
        XenVcpu other = world.xen.vcpu(1);
        world.cpu.clearVcpuInfo();
        assertThat(world.send(4000)).isEqualTo(Delivery.PARKED);
        int wallClock = world.guest.intAt(SHARED_INFO + 0xc00);
        String before = state(world);
        List<Outcome> answers = whileAnEventIsSaid(
                () -> world.sendAtomic(3000), Delivery.PARKED, () -> call.call.apply(world));
        assertThat(answers).containsExactly(Outcome.BUSY);
        assertThat(state(world)).isEqualTo(before);
        world.run();
        assertThat(other.awaitPoll(Duration.ZERO)).as("a poll").isEqualTo(PollOutcome.BUSY);
        other.stopPoll();
        assertThat(world.guest.intAt(SHARED_INFO + 0xc00)).as("version of the wall clock").isEqualTo(wallClock);
        world.time.advance(5);
        world.cpu.runstate().set(RunState.BLOCKED);
        assertThat(world.guest.runstate(RUNSTATE).entry()).isEqualTo(world.cpu.runstate().times().entryNanos());
        world.cpu.setVcpuInfo(world.target(VCPU_INFO));
        assertThat(world.runAndHandle()).as("parked by the mode that it is").containsExactly(3000, 4000);
        assertThat(call.call.apply(world)).as("afterwards").isEqualTo(Outcome.OK);
        world.audit();
    }

    @Test
    void whatCannotBeWhereItIsRegisteredRequestsNothing() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.run();
        int version = world.guest.intAt(TIME_INFO);
        CacheTarget crossing = world.target(TIME_INFO - 16);
        assertThat(world.cpu.setVcpuInfo(crossing)).isEqualTo(Outcome.INVALID);
        assertThat(world.cpu.setTimeInfo(crossing)).isEqualTo(Outcome.INVALID);
        assertThat(world.cpu.runstate().register(new CacheTarget.ByHva(0xffff_8000_0000_0000L)))
                .isEqualTo(Outcome.INVALID);
        assertThat(world.xen.setSharedInfo(world.target(TIME_INFO - 16))).isEqualTo(Outcome.INVALID);
        world.guest.putByte(RUNSTATE, 0x5a); // the guest's own; an entry that writes would set it right
        byte[] before = world.bytes();
        world.time.advance(5);
        world.vm.vcpu(0).enterAgain();
        assertThat(world.bytes()).isEqualTo(before);
        assertThat(world.guest.intAt(TIME_INFO)).as("version of the clock").isEqualTo(version);
        assertThat(world.cpu.runstate().target()).isEqualTo(world.target(RUNSTATE));
        world.cpu.runstate().set(RunState.BLOCKED);
        assertThat(world.guest.runstate(RUNSTATE).state()).as("is still written").isEqualTo(RunState.BLOCKED.ordinal());
        world.audit();
    }

    @Test
    void aRunstateThatIsBehindIsWrittenThoughARegistrationCannotBe() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.makeUnwritable(RUNSTATE);
        world.makeWritable(RUNSTATE);
        assertThat(world.cpu.runstate().preempted()).isEqualTo(Outcome.BUSY);
        assertThat(world.cpu.runstate().register(new CacheTarget.ByHva(0xffff_8000_0000_0000L)))
                .isEqualTo(Outcome.INVALID);
        world.vm.vcpu(0).enterAgain();
        assertThat(world.guest.runstate(RUNSTATE).state()).isEqualTo(RunState.RUNNABLE.ordinal());
        world.audit();
    }

    /** Of a registration that is busy the place counts, and the cache follows: see {@link Registration}. */
    @Test
    void aPlaceThatIsRegisteredMeanwhileIsWhereTheStructureIsFromThenOn() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.run();
        List<Outcome> answers = meanwhile(world, VCPU_INFO, () -> world.cpu.setVcpuInfo(world.target(VCPU_INFO)),
                () -> world.cpu.setVcpuInfo(world.target(TIME_INFO + 0x800)));
        assertThat(answers).containsExactly(Outcome.BUSY);
        assertThat(world.cpu.vcpuInfo()).isEqualTo(world.target(TIME_INFO + 0x800));
        int former = world.guest.intAt(VCPU_INFO + 32);
        world.run();
        assertThat(world.guest.intAt(TIME_INFO + 0x800 + 32)).as("version of its clock").isEqualTo(2);
        assertThat(world.guest.intAt(VCPU_INFO + 32)).as("at the former place").isEqualTo(former);
        List<Outcome> off = meanwhile(world, TIME_INFO, () -> world.cpu.setTimeInfo(world.target(TIME_INFO)),
                () -> world.cpu.clearTimeInfo());
        assertThat(off).containsExactly(Outcome.BUSY);
        assertThat(world.cpu.timeInfo()).isNull();
        int version = world.guest.intAt(TIME_INFO);
        world.clock.requestUpdateOfAll();
        world.run();
        assertThat(world.guest.intAt(TIME_INFO)).as("what is off").isEqualTo(version);
        world.audit();
    }
}
