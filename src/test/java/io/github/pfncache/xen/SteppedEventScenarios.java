package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.explore.ScenarioRun;
import java.util.ArrayList;
import java.util.List;

/**
 * Events that are sent, parked and deferred, each a race of two or three short calls, for an explorer that may switch
 * before each of their accesses.
 */
public final class SteppedEventScenarios {

    private static final int VECTOR = 0xf3;
    /** A port that a 32-bit guest does not have. */
    private static final int NATIVE_PORT = 2000;

    private SteppedEventScenarios() {}

    // ---- events

    /** The guest handles what it finds while an event comes. */
    public static void sendAgainstGuest(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        List<Integer> handled = new ArrayList<>();
        stage.thread("send", () -> world.sendAtomic(66));
        stage.thread("guest", () -> handled.addAll(world.guest.handleUpcallAtOnePage(VCPU_INFO, SHARED_INFO, 66)));
        stage.afterwards(() -> world.requireHandledOnce(handled, 66));
    }

    /** The guest handles what it finds while an event comes into a word of which it was told. */
    public static void sendIntoTheSameWordAgainstGuest(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.send(66);
        List<Integer> handled = new ArrayList<>();
        stage.thread("send", () -> world.sendAtomic(67));
        stage.thread("guest", () -> handled.addAll(world.guest.handleUpcallAtOnePage(VCPU_INFO, SHARED_INFO, 66, 67)));
        stage.afterwards(() -> world.requireHandledOnce(handled, 66, 67));
    }

    /** The guest unmasks a port, and looks at it, while an event comes. */
    public static void sendAgainstUnmask(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.guest.mask(SHARED_INFO, 15);
        boolean[] seen = new boolean[1];
        stage.thread("send", () -> world.sendAtomic(15));
        stage.thread("guest", () -> seen[0] = world.guest.unmask(SHARED_INFO, 15));
        stage.afterwards(() -> {
            assertThat(seen[0] || world.guest.isUpcallPending(VCPU_INFO)).as("somebody saw it").isTrue();
            world.audit();
        });
    }

    /** Of two events of one word one raises the upcall, and none is lost. */
    public static void sendAgainstSendOfAnotherPort(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        Delivery[] done = new Delivery[2];
        stage.thread("send", () -> done[0] = world.sendAtomic(66));
        stage.thread("another", () -> done[1] = world.sendAtomic(67));
        stage.afterwards(() -> {
            assertThat(done).containsExactlyInAnyOrder(Delivery.RAISED, Delivery.JOINED);
            world.requireHandledOnce(new ArrayList<>(), 66, 67);
        });
    }

    /** Two events of one port are one, and one of them is told so. */
    public static void sendAgainstSendOfTheSamePort(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        Delivery[] done = new Delivery[2];
        stage.thread("send", () -> done[0] = world.sendAtomic(66));
        stage.thread("another", () -> done[1] = world.sendAtomic(66));
        stage.afterwards(() -> {
            assertThat(done).containsExactlyInAnyOrder(Delivery.RAISED, Delivery.COALESCED);
            world.requireHandledOnce(new ArrayList<>(), 66);
        });
    }

    /** An event of the old mode is in guest memory before the mode has changed, or nowhere. */
    public static void sendAgainstMode(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        byte[] masks = new byte[128]; // where the old mode has pending bits
        stage.thread("send", () -> world.sendAtomic(NATIVE_PORT));
        stage.thread("mode", () -> {
            world.xen.setMode(GuestMode.COMPAT);
            world.host.poke(XenWorld.HVA + 0x880, masks);
        });
        stage.afterwards(() -> {
            byte[] found = new byte[masks.length];
            world.host.peek(XenWorld.HVA + 0x880, found);
            assertThat(found).as("masks of the new mode").isEqualTo(masks);
            world.audit();
        });
    }

    /** A port that is none is refused also while the mode changes, when nothing can be looked at. */
    public static void sendToNoPortAgainstMode(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        stage.thread("mode", () -> world.xen.setMode(GuestMode.COMPAT));
        stage.thread("send", () -> assertThat(world.sendAtomic(-1)).as("send").isEqualTo(Delivery.INVALID));
        stage.afterwards(world::audit);
    }

    // ---- parked events

    /** What was parked is handed over while the guest handles what it finds, and another event is parked. */
    public static void handOverAgainstGuestAndSend(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        world.send(66);
        List<Integer> handled = new ArrayList<>();
        stage.thread("register", () -> world.cpu.setVcpuInfo(world.target(VCPU_INFO)));
        stage.thread("guest", () -> handled.addAll(world.guest.handleUpcallAtOnePage(VCPU_INFO, SHARED_INFO, 66, 130)));
        stage.thread("send", () -> world.sendAtomic(130));
        stage.afterwards(() -> world.requireHandledOnce(handled, 66, 130));
    }

    /** What was parked is handed over while another event is parked. */
    public static void handOverAgainstPark(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        world.send(66);
        stage.thread("send", () -> world.sendAtomic(130));
        stage.thread("register", () -> world.cpu.setVcpuInfo(world.target(VCPU_INFO)));
        stage.afterwards(() -> world.requireHandledOnce(new ArrayList<>(), 66, 130));
    }

    /** Two events are parked at once. */
    public static void parkAgainstPark(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        stage.thread("send", () -> world.sendAtomic(66));
        stage.thread("another", () -> world.sendAtomic(130));
        stage.afterwards(() -> {
            world.cpu.setVcpuInfo(world.target(VCPU_INFO));
            world.requireHandledOnce(new ArrayList<>(), 66, 130);
        });
    }

    /** Who hands over what somebody else has handed over raises nothing. */
    public static void handOverTwice(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setUpcallVector(VECTOR);
        world.cpu.setInterruptControllerEnabled(true);
        world.makeUnwritable(VCPU_INFO);
        world.cpu.setVcpuInfo(world.target(VCPU_INFO));
        world.cpu.info().raise(GuestMode.NATIVE.vcpuInfo(), 1);
        world.makeWritable(VCPU_INFO);
        stage.thread("worker", () -> world.cpu.injectParked(CallContext.MAY_SLEEP));
        stage.thread("another", () -> world.cpu.injectParked(CallContext.MAY_SLEEP));
        stage.afterwards(() -> {
            assertThat(world.interrupts).as("interrupts").hasValue(1);
            world.requireHandledOnce(new ArrayList<>());
        });
    }

    /** What was parked is handed over by the words of one mode, whole, while the mode changes. */
    public static void handOverAgainstMode(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        world.send(1000);
        stage.thread("register", () -> world.cpu.setVcpuInfo(world.target(VCPU_INFO)));
        stage.thread("mode", () -> world.xen.setMode(GuestMode.COMPAT));
        stage.afterwards(() -> {
            world.run();
            long wide = world.guest.longAt(VCPU_INFO + Long.BYTES);
            long narrow = Integer.toUnsignedLong(world.guest.intAt(VCPU_INFO + Integer.BYTES));
            assertThat(List.of(wide, narrow)).as("selectors").isIn(List.of(1L << 15, 0L), List.of(0L, 3L << 30));
            world.audit();
        });
    }

    // ---- deferred events

    /** Two events find no shared page. */
    public static void deferAgainstDefer(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.clearSharedInfo();
        stage.thread("send", () -> world.sendAtomic(40));
        stage.thread("another", () -> world.sendAtomic(41));
        stage.afterwards(() -> {
            world.xen.setSharedInfo(world.target(SHARED_INFO));
            world.requireHandledOnce(new ArrayList<>(), 40, 41);
        });
    }

    /** An event that somebody tries to deliver, in vain, waits all the time. */
    public static void lookAgainstAttempt(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.clearSharedInfo();
        world.sendAtomic(40);
        stage.thread("worker", () -> world.xen.events().deliverDeferred());
        stage.thread("look", () -> assertThat(world.cpu.hasWork()).as("an event waits").isTrue());
        stage.afterwards(() -> {
            world.xen.setSharedInfo(world.target(SHARED_INFO));
            world.requireHandledOnce(new ArrayList<>(), 40);
        });
    }

    /** An event that is delivered, and parked by that, waits all the time. */
    public static void lookAgainstParking(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        world.makeUnwritable(SHARED_INFO);
        world.sendAtomic(40);
        world.makeWritable(SHARED_INFO);
        world.xen.shared().refresh();
        stage.thread("worker", () -> world.xen.events().deliverDeferred());
        stage.thread("look", () -> assertThat(world.cpu.hasWork()).as("an event waits").isTrue());
        stage.afterwards(() -> {
            world.cpu.setVcpuInfo(world.target(VCPU_INFO));
            world.requireHandledOnce(new ArrayList<>(), 40);
        });
    }

    /** Two workers deliver one event, and the guest handles it meanwhile. */
    public static void attemptAgainstAttemptAndGuest(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.makeUnwritable(SHARED_INFO);
        world.sendAtomic(40);
        world.makeWritable(SHARED_INFO);
        world.xen.shared().refresh();
        List<Integer> handled = new ArrayList<>();
        stage.thread("worker", () -> world.xen.events().deliverDeferred());
        stage.thread("another", () -> world.xen.events().deliverDeferred());
        stage.thread("guest", () -> handled.addAll(world.guest.handleUpcallAtOnePage(VCPU_INFO, SHARED_INFO, 40)));
        stage.afterwards(() -> world.requireHandledOnce(handled, 40));
    }

    /** An entry finds an event that was deferred before it, or it is kicked for. */
    public static void deferAgainstEntry(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.clearSharedInfo();
        boolean[] found = new boolean[1];
        stage.thread("send", () -> world.sendAtomic(40));
        stage.thread("entry", () -> {
            world.kicks.set(0); // the entry serves them
            found[0] = world.cpu.hasWork();
        });
        stage.afterwards(() -> {
            assertThat(found[0] || world.kicks.get() > 0).as("found or kicked for").isTrue();
            world.audit();
        });
    }

    // ---- the emulator, told again

    /** An emulator that refuses to be told on one thread, and whether it was told after that. */
    private static final class Line {

        private final XenWorld world;
        private Thread refuses;
        private boolean toldLast;

        Line(XenWorld world) {
            this.world = world;
            world.called = () -> {
                toldLast = Thread.currentThread() != refuses;
                if (!toldLast) {
                    throw new IllegalStateException("not now");
                }
            };
        }

        void refuse(int port) {
            refuses = Thread.currentThread();
            try {
                world.sendAtomic(port);
            } catch (IllegalStateException refused) {
                assertThat(refused).hasMessage("not now");
            } finally {
                refuses = null;
            }
        }
    }

    /** A kick is refused while an earlier one is said again. */
    public static void refusedKickAgainstTellingAgain(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        Line line = new Line(world);
        line.refuse(66);
        stage.thread("tell", () -> world.sendAtomic(67));
        stage.thread("refused", () -> line.refuse(130));
        stage.afterwards(() -> {
            world.sendAtomic(131);
            assertThat(line.toldLast).as("told since the last refusal").isTrue();
            world.requireHandledOnce(new ArrayList<>(), 66, 67, 130, 131);
        });
    }

    /** An interrupt is refused while the vCPU enters because of an earlier one. */
    public static void refusedInterruptAgainstEntry(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setUpcallVector(VECTOR);
        world.cpu.setInterruptControllerEnabled(true);
        Line line = new Line(world);
        line.refuse(66);
        world.guest.handleUpcall(VCPU_INFO, SHARED_INFO);
        stage.thread("entry", world::run);
        stage.thread("refused", () -> line.refuse(130));
        stage.afterwards(() -> {
            world.run();
            assertThat(line.toldLast).as("told since the last refusal").isTrue();
            world.requireHandledOnce(new ArrayList<>(), 130);
        });
    }

    /** The interrupt controller comes on while an event comes. */
    public static void sendAgainstInterruptController(ScenarioRun stage) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.setUpcallVector(VECTOR);
        stage.thread("send", () -> world.sendAtomic(66));
        stage.thread("enable", () -> world.cpu.setInterruptControllerEnabled(true));
        stage.afterwards(() -> {
            world.run();
            assertThat(world.interrupts).as("interrupts").hasPositiveValue();
            world.requireHandledOnce(new ArrayList<>(), 66);
        });
    }
}
