package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIMER_PORT;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/** Events on their way to the guest, timers, and where their structures are. */
public final class EventScenarios {

    private static final String ONCE = "thrown once";

    private EventScenarios() {}

    private static void requireHandled(XenWorld world, Integer... ports) {
        assertThat(world.runAndHandle()).as("ports that the guest handles").containsExactly(ports);
        assertThat(world.runAndHandle()).as("ports that it handles again").isEmpty();
        world.audit();
    }

    /** A timer whose time has come fires in the call that arms it. */
    public static void timerThatIsDue(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("guest", () -> world.cpu.setSingleShotTimer(world.clock.getClock()));
        stage.afterwards(() -> requireHandled(world, TIMER_PORT));
    }

    /** The timer's time comes while there is no shared page. */
    public static void timerWithoutASharedPage(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("guest", () -> {
            world.xen.clearSharedInfo();
            world.cpu.setSingleShotTimer(world.clock.getClock() + 5);
            world.pass(5);
            world.xen.setSharedInfo(world.target(SHARED_INFO));
        });
        stage.afterwards(() -> requireHandled(world, TIMER_PORT));
    }

    /** What a port is bound to outside the guest answers with an event of its own. */
    public static void answerFromOutside(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.events().bindExternal(197, () -> world.sendAtomic(66));
        stage.thread("guest", () -> world.xen.events().send(197));
        stage.afterwards(() -> requireHandled(world, 66));
    }

    /** An event from interrupt-like context finds everything at hand, and then the pages moved. */
    public static void sendFromAtomicContext(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("interrupt", () -> {
            assertThat(world.sendAtomic(66)).as("send").isEqualTo(Delivery.RAISED);
            world.makeUnwritable(SHARED_INFO);
            world.makeWritable(SHARED_INFO);
            assertThat(world.sendAtomic(67)).as("send to a page that moved").isEqualTo(Delivery.DEFERRED);
        });
        stage.afterwards(() -> requireHandled(world, 66, 67));
    }

    /** An upcall waits in a page that cannot be looked at without waiting. */
    public static void hasInterruptFromAtomicContext(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.send(66);
        stage.thread("interrupt", () -> {
            assertThat(world.cpu.hasInterrupt(CallContext.ATOMIC)).as("has an interrupt").isTrue();
            world.makeUnwritable(SHARED_INFO);
            world.makeWritable(SHARED_INFO);
            assertThat(world.cpu.hasInterrupt(CallContext.ATOMIC)).as("may have an interrupt").isTrue();
        });
        stage.afterwards(() -> requireHandled(world, 66));
    }

    /** Events are parked, then the guest changes its mode, then it registers a structure for them. */
    public static void parkedEventsAcrossModes(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("host", () -> {
            world.cpu.clearVcpuInfo();
            world.send(66);
            world.send(1000);
            switchTo(world, GuestMode.COMPAT);
            world.cpu.setVcpuInfo(world.target(VCPU_INFO));
        });
        stage.afterwards(() -> requireHandled(world, 66, 1000));
    }

    private static void switchTo(XenWorld world, GuestMode mode) {
        assertThat(world.xen.setMode(mode)).as("mode switch").isEqualTo(Outcome.OK);
        world.guest.compat = mode == GuestMode.COMPAT;
    }

    /** The page of deferred events has to be asked for, and the page-fault handler throws the first time. */
    public static void handlerThrowsInDelivery(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        throwingOnce(world);
        stage.thread("guest", () -> {
            for (int port : new int[] {40, 41, 100}) {
                assertThat(world.sendAtomic(port)).as("send to a page that is away").isEqualTo(Delivery.DEFERRED);
            }
            assertThatThrownBy(world::run).as("the first run").hasMessage(ONCE);
        });
        stage.afterwards(() -> requireHandled(world, 40, 41, 100));
    }

    /** The shared page has to be asked for in a change of mode, and the page-fault handler throws the first time. */
    public static void handlerThrowsInAModeSwitch(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        throwingOnce(world);
        stage.thread("guest", () -> {
            assertThatThrownBy(() -> world.xen.setMode(GuestMode.COMPAT)).as("the first call").hasMessage(ONCE);
            switchTo(world, GuestMode.COMPAT);
            world.send(66);
        });
        stage.afterwards(() -> requireHandled(world, 66));
    }

    private static void throwingOnce(XenWorld world) {
        AtomicBoolean thrown = new AtomicBoolean();
        HvaRange sharedPage = HvaRange.ofPages(XenWorld.HVA, 1);
        world.host.evict(XenWorld.HVA, 1);
        world.host.registerFaultHandler(
                sharedPage,
                fault -> {
                    if (!thrown.getAndSet(true)) {
                        throw new IllegalStateException(ONCE);
                    }
                    return PageFaultHandler.Decision.RESOLVE;
                },
                true,
                false);
    }

    /** An event is parked while the mode changes; then the guest registers a structure for it. */
    public static void parkAgainstMode(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        world.guest.compat = true;
        stage.thread("mode", () -> world.xen.setMode(GuestMode.COMPAT));
        stage.thread("send", () -> world.sendAtomic(1000));
        stage.afterwards(() -> {
            world.cpu.setVcpuInfo(world.target(VCPU_INFO));
            requireHandled(world, 1000);
        });
    }

    /** An event is parked, and parked ones are handed over, while the mode changes. */
    public static void parkAgainstModeAndHandOver(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        world.send(66);
        stage.thread("mode", () -> world.xen.setMode(GuestMode.COMPAT));
        stage.thread("send", () -> world.sendAtomic(1000));
        stage.thread("register", () -> world.cpu.setVcpuInfo(world.target(VCPU_INFO)));
        stage.afterwards(() -> {
            world.guest.compat = true;
            world.run();
            // Bits that were handed over before the switch the guest has to re-scale itself: here it looks everywhere.
            for (int word = 0; word < 32; word++) {
                world.guest.select(VCPU_INFO, word);
            }
            world.guest.putByte(VCPU_INFO, 1);
            requireHandled(world, 66, 1000);
        });
    }

    /** The guest goes to the other mode and looks at the clocks where that mode has them. */
    public static void wallClockAcrossModes(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("guest", () -> {
            switchTo(world, GuestMode.COMPAT);
            assertThat(world.guest.intAt(SHARED_INFO + 0x900)).as("version of the clock at 0x900").isNotZero();
            assertThat(world.guest.wallClock(SHARED_INFO)).as("wall clock").isEqualTo(XenWorld.BOOT_REALTIME);
        });
        stage.afterwards(world::audit);
    }

    /** An event comes before the guest has turned its interrupt controller on. */
    public static void eventBeforeTheInterruptController(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setUpcallVector(0xf3);
        stage.thread("guest", () -> {
            world.sendAtomic(66);
            world.cpu.setInterruptControllerEnabled(true);
        });
        stage.afterwards(() -> {
            assertThat(world.interrupts).as("interrupts").hasValue(1);
            requireHandled(world, 66);
        });
    }

    /** A port is unbound while it is sent to. */
    public static void sendAgainstUnbind(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.events().bindLoopback(127, world.cpu, 15);
        Delivery[] sent = new Delivery[1];
        stage.thread("send", () -> assertThatCode(() -> sent[0] = world.xen.events().send(127))
                .as("send while the port is unbound")
                .doesNotThrowAnyException());
        stage.thread("unbind", () -> world.xen.events().unbind(127));
        stage.afterwards(() -> {
            assertThat(sent[0]).as("delivery").isIn(Delivery.RAISED, Delivery.UNBOUND);
            requireHandled(world, sent[0] == Delivery.RAISED ? new Integer[] {15} : new Integer[0]);
        });
    }

    /** Where the structures are, by the kind of address that the guest gave. */
    public static void whereTheStructuresAre(ScenarioRun stage) {
        stage.thread("guest", () -> {
            for (By by : By.values()) {
                XenWorld world = XenWorld.registered(by);
                assertThat(world.xen.sharedInfo()).as("where the shared page is").isEqualTo(world.target(SHARED_INFO));
                assertThat(world.cpu.vcpuInfo()).as("where the vcpu_info is").isEqualTo(world.target(VCPU_INFO));
                assertThat(world.cpu.timeInfo()).as("where the time is").isEqualTo(world.target(XenWorld.TIME_INFO));
                assertThat(world.cpu.runstate().target())
                        .as("where the runstate is")
                        .isEqualTo(world.target(XenWorld.RUNSTATE));
            }
        });
    }

    /** Every structure is cleared in a guest that has memory at frame 0. */
    public static void clearWithMemoryAtFrame0(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        long hva = XenWorld.HVA + (1L << 30);
        world.host.mapAnonymous(hva, 1, Protection.READ_WRITE);
        world.vm.memslots().set(2, 0, 0, 4096, hva);
        world.vm.vcpu(0).writeMsr(0x4b564d01, XenWorld.TIME_INFO + 0x100 | 1);
        stage.thread("guest", () -> {
            assertThat(world.xen.clearSharedInfo()).as("clear").isEqualTo(Outcome.OK);
            assertThat(world.cpu.clearVcpuInfo()).as("clear").isEqualTo(Outcome.OK);
            assertThat(world.cpu.clearTimeInfo()).as("clear").isEqualTo(Outcome.OK);
            assertThat(world.cpu.runstate().clear()).as("clear").isEqualTo(Outcome.OK);
            world.vm.vcpu(0).writeMsr(0x4b564d01, 0);
        });
        stage.afterwards(() -> {
            CacheTarget[] left = {
                world.xen.sharedInfo(), world.cpu.vcpuInfo(), world.cpu.timeInfo(), world.cpu.runstate().target()
            };
            assertThat(left).as("what is left").containsOnlyNulls();
            world.audit();
        });
    }

    /** The shared page goes and comes back, by gpa and by hva, while events are sent in both contexts. */
    public static void sendAgainstToggle(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("send", () -> {
            world.sendAtomic(66);
            world.send(67);
        });
        stage.thread("toggle", () -> {
            world.xen.clearSharedInfo();
            world.xen.setSharedInfo(new CacheTarget.ByHva(XenWorld.hva(SHARED_INFO)));
        });
        stage.afterwards(() -> requireHandled(world, 66, 67));
    }

    /** The vcpu_info lies at an address that only words of four bytes are aligned to. */
    public static void selectorBetweenWords(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        long place = VCPU_INFO + Integer.BYTES;
        stage.thread("guest", () -> {
            assertThat(world.cpu.setVcpuInfo(world.target(place))).as("registration").isEqualTo(Outcome.OK);
            assertThat(catchThrowable(() -> world.send(66)) == null).as("send").isTrue();
            List<Integer> ports = new ArrayList<>();
            world.run(() -> ports.addAll(world.guest.handleUpcall(place, SHARED_INFO)));
            assertThat(ports).as("ports that the guest handles").containsExactly(66);
        });
        stage.afterwards(world::audit);
    }

    /** The slot of an interrupt's structures goes: whoever looks is told that there may be one, or is not. */
    public static void interruptAfterTheSlotWent() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.send(66);
        assertThat(world.vm.memslots().delete(XenWorld.SLOT)).isEqualTo(Memslots.Change.DONE);
        assertThat(world.cpu.hasInterrupt(CallContext.ATOMIC)).isTrue();
        assertThat(world.cpu.hasInterrupt(CallContext.MAY_SLEEP)).isTrue();
        world.slot(0);
        requireHandled(world, 66);
    }

    /** There is an interrupt, then the page goes, then the guest enters: it takes none, and takes it later. */
    public static void interruptThatIsGoneWhenItIsTaken() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setUpcallVector(0xf3);
        world.send(66);
        assertThat(world.cpu.hasInterrupt(CallContext.MAY_SLEEP)).isTrue();
        world.makeUnwritable(VCPU_INFO);
        assertThat(world.cpu.pendingVector()).isZero();
        world.makeWritable(VCPU_INFO);
        assertThat(world.cpu.pendingVector()).isEqualTo(0xf3);
        requireHandled(world, 66);
    }
}
