package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static io.github.pfncache.pvclock.ClockWorld.HVA;
import static io.github.pfncache.pvclock.ClockWorld.NPAGES;
import static io.github.pfncache.pvclock.Kvmclock.MSR_SYSTEM_TIME;
import static io.github.pfncache.pvclock.Kvmclock.MSR_SYSTEM_TIME_OLD;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.MsrHandler;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What real KVM was seen to do with a kvmclock, rule by rule. */
final class KvmclockTest {

    private static final int[] REGISTERS = {
        MSR_SYSTEM_TIME, MSR_SYSTEM_TIME_OLD, Kvmclock.MSR_WALL_CLOCK, Kvmclock.MSR_WALL_CLOCK_OLD
    };

    private static final int STABLE = PvclockTimeInfo.FLAG_TSC_STABLE;
    private static final int POISON = 0xaaaaaaaa;

    final ClockWorld world = new ClockWorld(2);

    @AfterEach
    void audit() {
        world.audit();
    }

    void assertUpdates(long gpa, int updates) {
        assertThat(world.version(gpa)).as("version at 0x%x", gpa).isEqualTo(POISON + 2 * updates);
    }

    @Nested
    class Registration {

        @Test
        void isToldToAPerson() {
            world.register(0, GPA + 0x100);
            assertThat(world.clock).hasToString(
                    "Kvmclock[kvmclock of " + world.vm.vcpu(0) + " register=" + Pages.hex(GPA + 0x101)
                            + ", kvmclock of " + world.vm.vcpu(1) + " register=0x0]");
        }

        @Test
        void writesAtTheNextEntryOnly() {
            world.register(0, GPA + 0x100);
            assertUpdates(GPA + 0x100, 0);
            world.run(0);
            assertUpdates(GPA + 0x100, 1);
            world.run(0);
            assertUpdates(GPA + 0x100, 1);
        }

        @Test
        void byTheGuestWritesBeforeItGoesOn() {
            int[] seen = new int[1];
            Vcpu cpu = world.vm.vcpu(0);
            cpu.run(() -> {
                cpu.guestWriteMsr(MSR_SYSTEM_TIME, GPA + 0x101);
                seen[0] = world.version(GPA + 0x100);
            });
            assertThat(seen[0]).isEqualTo(POISON + 2);
        }

        @Test
        void overwritesExactlyTheStructureAtAnyAlignment() {
            world.register(0, GPA + 102);
            world.run(0);
            byte[] page = world.bytes(GPA, 4096).array();
            for (int i = 0; i < page.length; i++) { // every byte of the page
                if (i < 102 || i >= 102 + PvclockTimeInfo.SIZE) {
                    assertThat(page[i]).as("byte %d", i).isEqualTo(ClockWorld.FILL);
                }
            }
            assertThat(world.bytes(GPA + 102 + 4, 4).getInt()).isZero();
            assertThat(world.bytes(GPA + 102 + 30, 2).getShort()).isZero();
        }

        @Test
        void mayEndWithItsPage() {
            world.register(0, GPA + 4096 - PvclockTimeInfo.SIZE);
            world.run(0);
            assertUpdates(GPA + 4096 - PvclockTimeInfo.SIZE, 1);
        }

        @Test
        void acrossPagesIsAcceptedAndNeverWritten() {
            long crossing = GPA + 4096 - PvclockTimeInfo.SIZE + 2;
            assertThat(world.vm.vcpu(0).writeMsr(MSR_SYSTEM_TIME, crossing | 1)).isTrue();
            world.run(0);
            assertUpdates(crossing, 0);
            assertThat(world.vm.vcpu(0).readMsr(MSR_SYSTEM_TIME)).isEqualTo(crossing | 1);
            assertThat(world.clock.guestStopped(world.vm.vcpu(0))).isEqualTo(Outcome.INACTIVE);
        }

        @Test
        void acrossPagesKeepsTheFormerClockAlive() {
            world.settle(0, GPA + 0x100);
            world.register(0, GPA + 4096 - 16);
            int before = world.version(GPA + 0x100);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(before + 2);
            assertThat(world.vm.vcpu(0).readMsr(MSR_SYSTEM_TIME)).isEqualTo(GPA + 4096 - 16 | 1);
            world.vm.vcpu(0).writeMsr(MSR_SYSTEM_TIME, 0);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(before + 2);
        }

        @Test
        void withoutTheEnableBitTurnsTheClockOff() {
            world.settle(0, GPA + 0x100);
            int before = world.version(GPA + 0x100);
            world.vm.vcpu(0).writeMsr(MSR_SYSTEM_TIME, GPA + 0x200);
            world.clock.setClock(5);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(before);
            assertUpdates(GPA + 0x200, 0);
            assertThat(world.vm.caches().activeCaches()).isEmpty();
        }

        @Test
        void bothNumbersAreOneRegister() {
            world.vm.vcpu(0).writeMsr(MSR_SYSTEM_TIME_OLD, 0x1234567);
            assertThat(world.vm.vcpu(0).readMsr(MSR_SYSTEM_TIME)).isEqualTo(0x1234567);
            world.vm.vcpu(0).writeMsr(MSR_SYSTEM_TIME, -1);
            assertThat(world.vm.vcpu(0).readMsr(MSR_SYSTEM_TIME_OLD)).isEqualTo(-1);
            assertThat(world.vm.vcpu(1).readMsr(MSR_SYSTEM_TIME_OLD)).isZero();
        }

        @Test
        void whereThereIsNoMemoryIsAcceptedAndActive() {
            world.settle(0, GPA + 0x100);
            int before = world.version(GPA + 0x100);
            for (long gpa : new long[] {0x900100, 1L << 63, 1L << 52, 0xffff_ffff_ffff_f000L}) {
                world.register(0, gpa);
                world.run(0);
                assertThat(world.clock.guestStopped(world.vm.vcpu(0))).isEqualTo(Outcome.OK);
            }
            assertThat(world.version(GPA + 0x100)).isEqualTo(before);
        }

        @Test
        void beforeTheSlotExistsHealsAtTheNextTrigger() {
            world.deleteSlot();
            world.settle(0, GPA + 0x100);
            world.slot(0);
            world.run(0);
            assertUpdates(GPA + 0x100, 0);
            world.clock.setClock(0);
            world.run(0);
            assertUpdates(GPA + 0x100, 1);
        }

        @Test
        void faultsThePageInAtOnce() {
            world.host.discard(HVA, NPAGES);
            assertThat(world.host.isPresent(HVA)).isFalse();
            world.register(0, GPA + 0x100);
            assertThat(world.host.isPresent(HVA)).isTrue();
            assertThat(world.host.isPresent(HVA + 4096)).isFalse();
        }

        @Test
        void inAReadOnlySlotWritesNothing() {
            world.deleteSlot();
            world.slot(Memslot.FLAG_READONLY);
            world.settle(0, GPA + 0x100);
            assertUpdates(GPA + 0x100, 0);
        }

        @Test
        void isPossibleOnceForAVm() {
            assertThatIllegalStateException().isThrownBy(() -> Kvmclock.attach(world.vm));
        }

        @Test
        void takesAllItsRegistersOrNone() {
            MsrHandler other = new MsrHandler() {
                @Override
                public long read(Vcpu vcpu, int index) {
                    return 0;
                }

                @Override
                public boolean write(Vcpu vcpu, int index, long value) {
                    return true;
                }
            };
            for (int taken : REGISTERS) {
                Vm vm = Vm.builder().build();
                vm.handleMsr(taken, other);
                assertThatIllegalStateException().isThrownBy(() -> Kvmclock.attach(vm));
                assertThatIllegalStateException().as("still there").isThrownBy(() -> vm.handleMsr(taken, other));
                IntStream.of(REGISTERS).filter(each -> each != taken).forEach(each -> vm.handleMsr(each, other));
                vm.close();
            }
        }
    }

    @Nested
    class Triggers {

        @Test
        void immediateExitConsumesNothing() {
            world.register(0, GPA + 0x100);
            world.vm.vcpu(0).setImmediateExit(true);
            world.run(0);
            assertUpdates(GPA + 0x100, 0);
            world.vm.vcpu(0).setImmediateExit(false);
            world.run(0);
            assertUpdates(GPA + 0x100, 1);
        }

        @Test
        void severalBeforeOneEntryMakeOneWrite() {
            world.register(0, GPA + 0x100);
            world.clock.setClock(1);
            world.clock.setClock(2);
            world.clock.guestStopped(world.vm.vcpu(0));
            world.run(0);
            world.run(0);
            assertUpdates(GPA + 0x100, 1);
        }

        @Test
        void firstEntryOfAVcpuUpdatesAll() {
            world.register(0, GPA + 0x100);
            world.run(0);
            world.run(1);
            world.run(0);
            assertUpdates(GPA + 0x100, 2);
        }

        @Test
        void settingTheClockUpdatesAll() {
            world.settle(0, GPA + 0x100);
            world.settle(1, GPA + 0x200);
            int first = world.version(GPA + 0x100);
            int second = world.version(GPA + 0x200);
            world.clock.setClock(7);
            world.run(0);
            world.run(1);
            assertThat(world.version(GPA + 0x100)).isEqualTo(first + 2);
            assertThat(world.version(GPA + 0x200)).isEqualTo(second + 2);
        }

        @Test
        void registrationUpdatesAllVcpusOnceMore100MillisecondsLater() {
            world.settle(0, GPA + 0x100);
            int before = world.version(GPA + 0x100);
            world.register(1, GPA + 0x200);
            world.run(1);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).as("only vCPU 1 was registered").isEqualTo(before);
            world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS - 1);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).as("not yet").isEqualTo(before);
            world.time.advance(1);
            world.run(0);
            world.run(0);
            world.run(1);
            assertThat(world.version(GPA + 0x100)).isEqualTo(before + 2);
            assertUpdates(GPA + 0x200, 2);
            world.time.advance(10 * Kvmclock.DELAYED_UPDATE_NANOS);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).as("once").isEqualTo(before + 2);
        }

        @Test
        void laterRegistrationsDoNotPutTheDelayedUpdateOff() {
            world.settle(0, GPA + 0x100);
            int before = world.version(GPA + 0x100);
            for (int i = 0; i < 10; i++) { // ten times a tenth of the delay
                world.register(1, GPA + 0x200);
                world.run(1);
                world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS / 10);
            }
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(before + 2);
        }

        @Test
        void writesOfARequestedVcpuOnly() {
            world.settle(0, GPA + 0x100);
            world.settle(1, GPA + 0x200);
            int first = world.version(GPA + 0x100);
            int second = world.version(GPA + 0x200);
            world.clock.requestUpdate(world.vm.vcpu(1));
            world.run(0);
            world.run(1);
            assertThat(world.version(GPA + 0x100)).isEqualTo(first);
            assertThat(world.version(GPA + 0x200)).isEqualTo(second + 2);
        }

        @Test
        void changingTheRegisterOnVcpu0UpdatesAllAndTurnsStability() {
            world.settle(1, GPA + 0x200);
            world.settle(0, GPA + 0x100);
            assertThat(world.flags(GPA + 0x200) & STABLE).isEqualTo(STABLE);
            int second = world.version(GPA + 0x200);
            world.guestWrites(0, MSR_SYSTEM_TIME_OLD, GPA + 0x101);
            world.run(1);
            assertThat(world.version(GPA + 0x200)).isEqualTo(second + 2);
            assertThat(world.flags(GPA + 0x100) & STABLE).isZero();
            assertThat(world.flags(GPA + 0x200) & STABLE).isZero();
            world.guestWrites(0, MSR_SYSTEM_TIME, GPA + 0x101);
            world.run(1);
            assertThat(world.version(GPA + 0x200)).isEqualTo(second + 4);
            assertThat(world.flags(GPA + 0x200) & STABLE).isEqualTo(STABLE);
        }

        @Test
        void whichRegisterTheHostOrAnotherVcpuUsesDoesNotMatter() {
            world.vm.vcpu(0).writeMsr(MSR_SYSTEM_TIME_OLD, GPA + 0x101);
            for (long value : new long[] {GPA + 0x201, GPA + 0x101}) { // also where the first vCPU has it
                world.guestWrites(1, MSR_SYSTEM_TIME_OLD, value);
                world.run(0);
                assertThat(world.flags(GPA + 0x100) & STABLE).isEqualTo(STABLE);
            }
        }

        @Test
        void listenersHearEveryUpdateOfAVcpuWithOrWithoutAKvmclock() {
            List<Integer> heard = new ArrayList<>();
            world.clock.addUpdateListener(vcpu -> heard.add(vcpu.id()));
            world.register(0, GPA + 0x100);
            world.clock.addUpdateListener(vcpu -> heard.add(world.version(GPA + 0x100)));
            world.run(0);
            world.run(0);
            assertThat(heard).as("after the kvmclock was written").containsExactly(0, POISON + 2);
            world.run(1);
            assertThat(heard).containsExactly(0, POISON + 2, 1, POISON + 2);
        }

        @Test
        void aForeignVcpuIsRefused() {
            Vcpu foreign = Vm.builder().build().vcpu(0);
            assertThatIllegalArgumentException().isThrownBy(() -> world.clock.requestUpdate(foreign));
            assertThatIllegalArgumentException().isThrownBy(() -> world.clock.timeFor(foreign));
            assertThatIllegalArgumentException().isThrownBy(() -> world.clock.guestStopped(foreign));
        }
    }
}
