package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.FILL;
import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static io.github.pfncache.pvclock.ClockWorld.HVA;
import static io.github.pfncache.pvclock.StealTime.MSR_STEAL_TIME;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.vm.Vm;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What real KVM was seen to do with steal time, rule by rule. */
final class StealTimeTest {

    private static final long AT = GPA + 0x40;

    final ClockWorld world = new ClockWorld(2);

    @AfterEach
    void audit() {
        world.audit();
    }

    boolean register(long value) {
        return world.vm.vcpu(0).writeMsr(MSR_STEAL_TIME, value);
    }

    int version() {
        return world.version(AT + 8);
    }

    long steal() {
        return world.bytes(AT, 8).getLong();
    }

    int preemptedByte() {
        return world.bytes(AT + 16, 1).get();
    }

    @Nested
    class Register {

        @Test
        void reservedBitsAreRejectedAndTheOldValueIsKept() {
            assertThat(register(AT | 1)).isTrue();
            for (int bit = 1; bit <= 5; bit++) {
                assertThat(register(GPA + 0x80 | 1L << bit | 1)).as("bit %d", bit).isFalse();
                assertThat(register(GPA + 0x80 | 1L << bit)).as("bit %d, disabled", bit).isFalse();
                assertThat(world.guestWrites(0, MSR_STEAL_TIME, 1L << bit)).as("bit %d, guest", bit).isFalse();
                assertThat(world.vm.vcpu(0).readMsr(MSR_STEAL_TIME)).isEqualTo(AT | 1);
            }
            int before = version();
            world.run(0);
            assertThat(version()).isEqualTo(before + 2);
        }

        @Test
        void takesAnyAddressWhetherOrNotThereIsMemory() {
            for (long value : new long[] {0x200001, 1L << 63 | 1, 0xffff_ffff_ffff_ffc1L, AT}) {
                assertThat(register(value)).isTrue();
                world.run(0);
                assertThat(world.vm.vcpu(0).readMsr(MSR_STEAL_TIME)).isEqualTo(value);
            }
            assertThat(version()).isEqualTo(0xaaaaaaaa);
        }

        @Test
        void isOnePerVcpu() {
            register(AT | 1);
            assertThat(world.vm.vcpu(1).readMsr(MSR_STEAL_TIME)).isZero();
            world.run(1);
            assertThat(version()).isEqualTo(0xaaaaaaaa);
        }

        @Test
        void aNewAddressLeavesTheOldOne() {
            register(AT | 1);
            world.run(0);
            register(GPA + 0x2080 | 1);
            world.run(0);
            assertThat(version()).isEqualTo(0xaaaaaaac);
            assertThat(world.version(GPA + 0x2088)).isEqualTo(0xaaaaaaac);
        }

        @Test
        void isPossibleOnceForAVm() {
            assertThatIllegalStateException().isThrownBy(() -> StealTime.attach(world.vm));
        }
    }

    @Nested
    class Runs {

        @Test
        void everyRunWritesEvenVersions() {
            register(AT | 1);
            for (int run = 1; run <= 3; run++) {
                world.run(0);
                assertThat(version()).isEqualTo(0xaaaaaaaa + 2 * run);
            }
        }

        @Test
        void versionsGrowBy2OrFromOddOnesBy3() {
            register(AT | 1);
            int[][] cases = {
                {0, 2}, {1, 4}, {2, 4}, {3, 6}, {-2, 0}, {-1, 2}, {Integer.MAX_VALUE, Integer.MIN_VALUE + 2}
            };
            for (int[] c : cases) {
                world.pokeInt(AT + 8, c[0]);
                world.run(0);
                assertThat(version()).as("from %08x", c[0]).isEqualTo(c[1]);
            }
        }

        @Test
        void writeStealVersionAndPreemptedOnly() {
            register(AT | 1);
            world.steal.addSteal(world.vm.vcpu(0), 1);
            world.run(0);
            byte[] page = world.bytes(GPA, Pages.PAGE_SIZE).array();
            for (int i = 0; i < page.length; i++) { // every byte of the page
                boolean written = i >= 0x40 && i < 0x4c || i == 0x50;
                assertThat(written || page[i] == FILL).as("byte %x", i).isTrue();
            }
        }

        @Test
        void addWhatWasStolenToWhatTheGuestsMemoryHolds() {
            register(AT | 1);
            world.poke(AT, new byte[8]);
            world.steal.addSteal(world.vm.vcpu(0), 70);
            world.steal.addSteal(world.vm.vcpu(0), 7);
            world.run(0);
            assertThat(steal()).isEqualTo(77);
            world.run(0);
            assertThat(steal()).isEqualTo(77);
            world.poke(AT, (byte) 1, (byte) 1);
            world.steal.addSteal(world.vm.vcpu(0), 1);
            world.run(0);
            assertThat(steal()).isEqualTo(0x102);
            assertThatIllegalArgumentException().isThrownBy(() -> world.steal.addSteal(world.vm.vcpu(0), -1));
        }

        @Test
        void withoutMemoryLoseNothing() {
            world.poke(AT, new byte[8]);
            register(AT | 1);
            world.deleteSlot();
            world.steal.addSteal(world.vm.vcpu(0), 5);
            world.run(0);
            world.slot(0);
            world.run(0);
            assertThat(steal()).isEqualTo(5);
            assertThat(version()).isEqualTo(0xaaaaaaac);
        }

        @Test
        void markThePageDirtyEvenIfTheWriteFaulted() {
            world.logged();
            register(GPA + 0x2041);
            world.run(0);
            assertThat(world.dirty()).containsExactly(2L);
            for (Protection protection : new Protection[] {Protection.READ, Protection.NONE}) {
                world.host.protect(HVA + 0x2000, 1, protection);
                world.run(0);
                assertThat(world.dirty()).as("%s", protection).containsExactly(2L);
            }
            world.host.protect(HVA + 0x2000, 1, Protection.READ_WRITE);
            assertThat(world.version(GPA + 0x2048)).isEqualTo(0xaaaaaaac);
        }

        @Test
        void inAReadOnlySlotWriteNothing() {
            world.deleteSlot();
            world.slot(Memslot.FLAG_READONLY);
            register(AT | 1);
            world.run(0);
            assertThat(version()).isEqualTo(0xaaaaaaaa);
        }

        @Test
        void comeBeforeARegisterWriteOfTheirOwnGuest() {
            world.guestWrites(0, MSR_STEAL_TIME, AT | 1);
            assertThat(version()).isEqualTo(0xaaaaaaaa);
        }
    }

    @Nested
    class Preemption {

        Outcome preempt() {
            Outcome[] outcome = new Outcome[1];
            // Any wait or sleep in here would be a broken rule.
            HeldLocks.atomically(() -> outcome[0] = world.steal.preempted(world.vm.vcpu(0)));
            return outcome[0];
        }

        @Test
        void isShownUntilTheNextRun() {
            register(AT | 1);
            world.run(0);
            assertThat(preemptedByte()).isZero();
            assertThat(preempt()).isEqualTo(Outcome.OK);
            assertThat(preemptedByte()).isEqualTo(1);
            assertThat(version()).as("version").isEqualTo(0xaaaaaaac);
            world.run(0);
            assertThat(preemptedByte()).isZero();
        }

        @Test
        void marksThePageDirty() {
            world.logged();
            register(AT | 1);
            world.run(0);
            world.dirty();
            preempt();
            assertThat(world.dirty()).containsExactly(0L);
        }

        @Test
        void isNotShownBeforeTheFirstRunNorWhenOff() {
            assertThat(preempt()).isEqualTo(Outcome.INACTIVE);
            register(AT | 1);
            assertThat(preempt()).isEqualTo(Outcome.INACTIVE);
            world.run(0);
            register(0);
            assertThat(preempt()).isEqualTo(Outcome.INACTIVE);
            assertThat(preemptedByte()).isZero();
        }

        @Test
        void givesUpWhenThePageHasGoneAndWorksAgainAfterTheNextRun() {
            register(AT | 1);
            world.run(0);
            world.host.discard(HVA, 1);
            assertThat(preempt()).isEqualTo(Outcome.BUSY);
            assertThat(world.host.isPresent(HVA)).as("not faulted in").isFalse();
            world.run(0);
            assertThat(preempt()).isEqualTo(Outcome.OK);
            assertThat(preemptedByte()).isEqualTo(1);
        }

        @Test
        void followsTheSlots() {
            register(AT | 1);
            world.run(0);
            world.vm.memslots().set(2, 0, 0x900000, Pages.PAGE_SIZE, HVA + 0x3000);
            assertThat(preempt()).as("another slot").isEqualTo(Outcome.OK);
            world.run(0);
            Memslot own = world.vm.memslots().table().find(Pages.gpaToGfn(AT));
            world.vm.memslots().setFlags(own.id(), own.flags() ^ Memslot.FLAG_LOG_DIRTY_PAGES);
            assertThat(preempt()).as("translated by older slots").isEqualTo(Outcome.BUSY);
            world.run(0);
            assertThat(preempt()).isEqualTo(Outcome.OK);
        }

        @Test
        void aForeignVcpuIsRefused() {
            Vm other = Vm.builder().build();
            assertThatIllegalArgumentException().isThrownBy(() -> world.steal.preempted(other.vcpu(0)));
            assertThatIllegalArgumentException().isThrownBy(() -> world.steal.addSteal(other.vcpu(0), 1));
        }
    }
}
