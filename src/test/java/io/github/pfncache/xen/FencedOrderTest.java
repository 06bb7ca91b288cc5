package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.TIME_INFO;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.interleaving.SteppingLoader;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.PvclockReader;
import io.github.pfncache.pvclock.StealTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * What is done by each fence, and what is not: a fence that is taken out, made weaker or moved shows on no processor
 * that has a test run of seconds, and a store on the wrong side of one on none that keeps stores in order.
 */
final class FencedOrderTest {

    private static final int ODD = 1;

    /** The library with a step at each access and each fence. */
    private static final Consumer<String> CASES = loaded();

    @SuppressWarnings("unchecked") // the interface is the platform's, so both loaders mean the same
    private static Consumer<String> loaded() {
        return (Consumer<String>) new SteppingLoader(
                        FencedOrderTest.class.getClassLoader(), true, "xen.", "pvclock.")
                .made(Cases.class);
    }

    @TestFactory
    Stream<DynamicTest> eachFenceHasWhatIsBeforeItDoneAndNothingElse() {
        return Arrays.stream(Case.values()).map(each -> DynamicTest.dynamicTest(each.name(), () ->
                CASES.accept(each.name())));
    }

    enum Case {
        KVMCLOCK,
        TIME_INFO,
        CLOCK_IN_VCPU_INFO,
        WALL_CLOCK_REGISTER,
        WALL_CLOCK_NATIVE,
        WALL_CLOCK_COMPAT,
        STEAL_TIME,
        RUNSTATE_NATIVE,
        RUNSTATE_COMPAT,
        READER,
        POLL,
        UPCALL,
        CONTROLLER,
        HAND_OVER
    }

    /** The cases, in the library that has the steps. */
    public static final class Cases implements Consumer<String> {

        private final XenWorld world = new XenWorld(By.GPA);

        @Override
        public void accept(String name) {
            new Cases().check(Case.valueOf(name));
        }

        private void check(Case which) {
            switch (which) {
                case KVMCLOCK -> {
                    world.vm.vcpu(0).writeMsr(Kvmclock.MSR_SYSTEM_TIME, TIME_INFO | Kvmclock.ENABLE);
                    requireVersioned(TIME_INFO, 32, 0, this::run, this::stopAndRun);
                }
                case TIME_INFO -> {
                    world.cpu.setTimeInfo(world.target(TIME_INFO));
                    requireVersioned(TIME_INFO, 32, 0, this::run);
                }
                case CLOCK_IN_VCPU_INFO -> {
                    world.cpu.setVcpuInfo(world.target(VCPU_INFO));
                    requireVersioned(VCPU_INFO, 64, 32, this::run);
                }
                case WALL_CLOCK_REGISTER -> requireVersioned(TIME_INFO - 6, 12, 0, () ->
                        world.vm.vcpu(0).writeMsr(Kvmclock.MSR_WALL_CLOCK, TIME_INFO - 6));
                case WALL_CLOCK_NATIVE -> requireVersioned(SHARED_INFO + 0xc00, 16, 0, () ->
                        world.xen.setSharedInfo(world.target(SHARED_INFO)));
                case WALL_CLOCK_COMPAT -> {
                    world.xen.setMode(GuestMode.COMPAT);
                    requireVersioned(SHARED_INFO + 0x900, 0x28, 0, () ->
                            world.xen.setSharedInfo(world.target(SHARED_INFO)));
                }
                case STEAL_TIME -> {
                    StealTime steal = StealTime.attach(world.vm);
                    world.vm.vcpu(0).writeMsr(StealTime.MSR_STEAL_TIME, TIME_INFO | StealTime.ENABLE);
                    requireVersioned(TIME_INFO, 64, 8, () -> {
                        steal.addSteal(world.vm.vcpu(0), 0x0102_0304_0506L);
                        world.run();
                    });
                }
                case RUNSTATE_NATIVE -> requireFlagged(GuestMode.NATIVE, 48, 15);
                case RUNSTATE_COMPAT -> requireFlagged(GuestMode.COMPAT, 44, 11);
                case READER -> requireReader();
                case POLL -> requirePoll();
                case UPCALL -> requireUpcall();
                case CONTROLLER -> requireController();
                case HAND_OVER -> requireHandOver();
            }
        }

        private void run() {
            world.clock.requestUpdateOfAll();
            world.run();
        }

        private void stopAndRun() {
            world.clock.guestStopped(world.vm.vcpu(0));
            world.run();
        }

        /** What the current thread comes through while it does something. */
        private byte[] bytes(long gpa, int length) {
            byte[] bytes = new byte[length];
            world.host.peek(XenWorld.hva(gpa), bytes);
            return bytes;
        }

        /**
         * At the first fence of a write the mark is set and nothing else has changed; at the second all has but the
         * mark.
         *
         * @param marked what the marked byte is by its former value
         */
        private void requireMarked(long gpa, int length, int mark, IntUnaryOperator marked, Runnable write) {
            world.time.advance(0x0102_0304_0506L); // in most of its bytes
            byte[] before = bytes(gpa, length);
            List<byte[]> seen = new ArrayList<>();
            OnLooker.during(write, point -> {
                if (point.equals("VarHandle.storeStoreFence")) {
                    seen.add(bytes(gpa, length));
                }
            });
            byte[] after = bytes(gpa, length);
            byte set = (byte) marked.applyAsInt(before[mark]);
            before[mark] = set;
            assertThat(after).as("is written").isNotEqualTo(before);
            after[mark] = set;
            assertThat(seen).as("fences").hasSize(2);
            assertThat(seen.get(0)).as("at the first").isEqualTo(before);
            assertThat(seen.get(1)).as("at the second").isEqualTo(after);
        }

        private void requireVersioned(long gpa, int length, int version, Runnable... writes) {
            writes[0].run(); // with what is written once only
            for (Runnable write : writes) {
                requireMarked(gpa, length, version, before -> before + 1 | ODD, write);
            }
        }

        private void requireFlagged(GuestMode mode, int length, int flag) {
            world.xen.setMode(mode);
            world.xen.setRunstateUpdateFlag(true);
            for (long gpa : new long[] {TIME_INFO, TIME_INFO - flag, TIME_INFO - flag - 1}) { // in one page, in two
                world.cpu.runstate().register(world.target(gpa));
                requireMarked(gpa, length, flag, before -> 0x80, () -> world.cpu.runstate().set(RunState.BLOCKED));
                requireMarked(gpa, length, flag, before -> 0x80, () -> world.cpu.runstate().set(RunState.OFFLINE));
            }
        }

        private void requireReader() {
            List<String> seen = new ArrayList<>();
            PvclockReader reader = new PvclockReader(offset -> {
                seen.add("" + offset);
                return 2;
            });
            OnLooker.during(reader::read, seen::add);
            String fence = "VarHandle.loadLoadFence";
            assertThat(seen).as("version, fence, body, fence, version").startsWith("0", fence).endsWith(fence, "0");
            assertThat(seen.subList(2, seen.size() - 2))
                    .containsExactlyInAnyOrder("8", "12", "16", "20", "24", "28");
        }

        private void requirePoll() {
            world.register();
            long argument = world.guest.schedPoll(XenWorld.SCRATCH, XenWorld.SCRATCH + 0x40, 0, 15);
            List<String> seen = new ArrayList<>();
            OnLooker.during(() -> world.cpu.startPoll(argument, false), point -> seen.add(
                    point.equals("VarHandle.fullFence") && world.xen.polling().isSet(0) ? "fence after bit" : point));
            assertThat(seen).as("fences").containsOnlyOnce("fence after bit").doesNotContain("VarHandle.fullFence");
            assertThat(seen.subList(0, seen.indexOf("fence after bit"))).doesNotContain("GuestAccess.testBit");
            assertThat(seen).contains("GuestAccess.testBit");
        }

        private void requireUpcall() {
            world.register();
            world.cpu.setUpcallVector(0x30);
            world.cpu.setInterruptControllerEnabled(true);
            List<String> seen = new ArrayList<>();
            OnLooker.during(() -> world.send(66), point -> seen.add(
                    point.equals("VarHandle.fullFence") && bytes(VCPU_INFO, 1)[0] != 0
                            ? "fence after upcall"
                            : point));
            assertThat(seen).containsOnlyOnce("fence after upcall").doesNotContain("VarHandle.fullFence");
            assertThat(seen.subList(0, seen.indexOf("fence after upcall")))
                    .as("looks at the controller before")
                    .doesNotContain("UpcallLine.vector", "UpcallLine.enabled");
            assertThat(seen).contains("UpcallLine.vector", "UpcallLine.enabled");
        }

        private void requireController() {
            world.register();
            world.cpu.setUpcallVector(0x30);
            List<String> seen = new ArrayList<>();
            OnLooker.during(() -> world.cpu.setInterruptControllerEnabled(true), seen::add);
            assertThat(seen).startsWith("UpcallLine.enabled").containsOnlyOnce("VarHandle.fullFence");
            assertThat(seen.subList(0, seen.indexOf("VarHandle.fullFence")))
                    .as("looks at the upcall before")
                    .doesNotContain("GuestAccess.getByte");
            assertThat(seen).contains("GuestAccess.getByte");
        }

        /** A bit that is parked again while it is handed over stays: so it is parked no more when that begins. */
        private void requireHandOver() {
            world.register();
            world.cpu.clearVcpuInfo();
            world.send(66);
            world.send(3000);
            List<Boolean> parked = new ArrayList<>();
            OnLooker.during(() -> world.cpu.setVcpuInfo(world.target(VCPU_INFO)), point -> {
                if (point.equals("GuestAccess.testAndSetBit") || point.equals("GuestAccess.putByte")) {
                    parked.add(world.cpu.info().hasParked());
                }
            });
            assertThat(parked).as("two words, the upcall").containsExactly(false, false, false);
            assertThat(world.runAndHandle()).containsExactly(66, 3000);
        }
    }
}
