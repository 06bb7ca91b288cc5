package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static io.github.pfncache.pvclock.ClockWorld.HVA;
import static io.github.pfncache.pvclock.Kvmclock.MSR_SYSTEM_TIME;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What an update writes, and what becomes of it when the memory is not there. */
final class KvmclockUpdateTest {

    private static final int STOPPED = PvclockTimeInfo.FLAG_GUEST_STOPPED;
    private static final int STABLE = PvclockTimeInfo.FLAG_TSC_STABLE;

    final ClockWorld world = new ClockWorld(2);

    @AfterEach
    void audit() {
        world.audit();
    }

    @Nested
    class GuestStopped {

        @Test
        void isShownAndRetainedUntilTheGuestClearsIt() {
            world.fill((byte) 0);
            world.settle(0, GPA + 0x100);
            assertThat(world.clock.guestStopped(world.vm.vcpu(0))).isEqualTo(Outcome.OK);
            world.run(0);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STOPPED | STABLE);
            world.clock.setClock(1);
            world.run(0);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STOPPED | STABLE);
            world.poke(GPA + 0x100 + PvclockTimeInfo.FLAGS, (byte) STABLE);
            world.clock.setClock(2);
            world.run(0);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STABLE);
        }

        @Test
        void isNotSaidByOtherClocksOnceAnUpdateHasComeThatDoesNotSayIt() {
            world.settle(0, GPA + 0x100);
            world.clock.guestStopped(world.vm.vcpu(0));
            world.run(0);
            assertThat(world.clock.timeFor(world.vm.vcpu(0)).has(STOPPED)).isTrue();
            world.guestWrites(0, MSR_SYSTEM_TIME, 0);
            assertThat(world.clock.timeFor(world.vm.vcpu(0)).has(STOPPED)).as("the clock is off").isFalse();
        }

        @Test
        void isForThatVcpuOnly() {
            world.fill((byte) 0);
            world.settle(0, GPA + 0x100);
            world.settle(1, GPA + 0x200);
            world.clock.guestStopped(world.vm.vcpu(1));
            world.clock.setClock(1);
            world.run(0);
            world.run(1);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STABLE);
            assertThat(world.flags(GPA + 0x200)).isEqualTo(STABLE | STOPPED);
        }

        @Test
        void isRefusedWhileTheClockIsOff() {
            assertThat(world.clock.guestStopped(world.vm.vcpu(0))).isEqualTo(Outcome.INACTIVE);
            world.fill((byte) 0);
            world.settle(0, GPA + 0x100);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STABLE);
        }

        @Test
        void isConsumedByALostWrite() {
            world.fill((byte) 0);
            world.settle(0, GPA + 0x100);
            world.deleteSlot();
            world.clock.guestStopped(world.vm.vcpu(0));
            world.run(0);
            world.slot(0);
            world.clock.setClock(1);
            world.run(0);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STABLE);
        }

        @Test
        void isKeptWhileTheClockIsOffAtTheEntry() {
            world.fill((byte) 0);
            world.settle(0, GPA + 0x100);
            world.clock.guestStopped(world.vm.vcpu(0));
            world.vm.vcpu(0).writeMsr(MSR_SYSTEM_TIME, 0);
            world.run(0);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STABLE);
            world.guestWrites(0, MSR_SYSTEM_TIME, GPA + 0x101);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STABLE | STOPPED);
        }
    }

    @Nested
    class Memory {

        @Test
        void aLostWriteIsNotMadeUpFor() {
            world.settle(0, GPA + 0x100);
            int before = world.version(GPA + 0x100);
            world.host.protect(HVA, 1, Protection.READ);
            world.clock.setClock(1);
            world.run(0);
            world.host.protect(HVA, 1, Protection.READ_WRITE);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(before);
            world.clock.setClock(2);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(before + 2);
        }

        @Test
        void marksThePageDirtyIffTheWriteLanded() {
            world.logged();
            world.settle(0, GPA + 0x2100);
            assertThat(world.dirty()).containsExactly(2L);
            world.host.protect(HVA + 0x2000, 1, Protection.NONE);
            world.clock.setClock(1);
            world.run(0);
            assertThat(world.dirty()).isEmpty();
            world.host.protect(HVA + 0x2000, 1, Protection.READ_WRITE);
        }

        /**
         * On a thread that is inside an invalidation of the page nothing can be written, but nothing is lost either.
         */
        @Test
        void aWriteThatHadToBePutOffIsMadeAtTheNextEntry() {
            world.settle(0, GPA + 0x100);
            world.poke(GPA + 0x100 + PvclockTimeInfo.FLAGS, (byte) 0);
            int before = world.version(GPA + 0x100);
            List<Integer> during = new ArrayList<>();
            world.host.registerNotifier(new MmuNotifier() {
                @Override
                public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                    world.clock.guestStopped(world.vm.vcpu(0));
                    world.run(0);
                    during.add(world.version(GPA + 0x100));
                    return true;
                }

                @Override
                public void invalidateRangeEnd(HvaRange range) {}
            });
            world.host.protect(HVA, 1, Protection.READ_WRITE);
            world.host.migrate(HVA);
            assertThat(during).isNotEmpty().containsOnly(before);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(before + 2);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STABLE | STOPPED);
        }

        @Test
        void aWriteThatAPageFaultHandlerThrewOutOfIsMadeAtTheNextEntry() {
            world.settle(0, GPA + 0x100);
            world.host.discard(HVA, 1);
            PageFaultHandler broken = fault -> {
                throw new IllegalStateException("no network");
            };
            world.host.registerFaultHandler(HvaRange.ofPages(HVA, 1), broken, true, false);
            world.clock.guestStopped(world.vm.vcpu(0));
            assertThatThrownBy(() -> world.run(0)).hasMessage("no network");
            world.host.unregisterFaultHandler(broken);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(2);
            assertThat(world.flags(GPA + 0x100)).isEqualTo(STABLE | STOPPED);
        }

        /** It is to come after the update that was cut short, however late that is made. */
        @Test
        void theUpdateALittleLaterIsOfTheEntryThatMadeTheFirst() {
            world.fill((byte) 0);
            world.settle(0, GPA + 0x100);
            world.register(0, GPA + 0x100);
            world.host.discard(HVA, 1);
            PageFaultHandler broken = fault -> {
                throw new IllegalStateException("no network");
            };
            world.host.registerFaultHandler(HvaRange.ofPages(HVA, 1), broken, true, false);
            assertThatThrownBy(() -> world.run(0)).hasMessage("no network");
            world.host.unregisterFaultHandler(broken);
            world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(2);
            world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).as("a little later").isEqualTo(4);
        }

        @Test
        void freshPagesStartAtVersionZero() {
            world.settle(0, GPA + 0x100);
            world.host.discard(HVA, 1);
            world.clock.setClock(1);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).isEqualTo(2);
        }
    }
}
