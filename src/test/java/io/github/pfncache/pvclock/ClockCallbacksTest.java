package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static io.github.pfncache.pvclock.ClockWorld.HVA;
import static io.github.pfncache.pvclock.Kvmclock.MSR_SYSTEM_TIME;
import static io.github.pfncache.pvclock.Kvmclock.MSR_SYSTEM_TIME_OLD;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vm;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Listeners, handlers and clocks of the adopter that throw, come back, or tell extreme times. */
final class ClockCallbacksTest {

    private static final int STOPPED = PvclockTimeInfo.FLAG_GUEST_STOPPED;
    private static final int STABLE = PvclockTimeInfo.FLAG_TSC_STABLE;
    private static final long PLACE = GPA + 0x100;

    private final ClockWorld world = new ClockWorld(2);
    private final List<String> told = new ArrayList<>();

    @AfterEach
    void audit() {
        world.audit();
    }

    private static void fail() {
        throw new IllegalStateException("not now");
    }

    /** At the next fault in the first page, the handler throws. */
    private void refuseThePageOnce() {
        world.host.evict(HVA, 1);
        boolean[] thrown = new boolean[1];
        PageFaultHandler once = fault -> {
            if (!thrown[0]) {
                thrown[0] = true;
                fail();
            }
            return PageFaultHandler.Decision.RESOLVE;
        };
        world.host.registerFaultHandler(HvaRange.ofPages(HVA, 1), once, true, false);
    }

    // ---- listeners

    @Test
    void eachListenerHearsAnUpdateOnceThoughOneThrows() {
        world.settle(0, PLACE);
        boolean[] fails = {true};
        world.clock.addUpdateListener(vcpu -> told.add("first"));
        world.clock.addUpdateListener(vcpu -> {
            if (fails[0]) {
                fail();
            }
            told.add("second");
        });
        world.clock.addUpdateListener(vcpu -> told.add("third"));
        int version = world.version(PLACE);
        world.clock.requestUpdate(world.vm.vcpu(0));
        assertThatThrownBy(() -> world.run(0)).hasMessage("not now");
        assertThatThrownBy(() -> world.run(0)).hasMessage("not now");
        assertThat(told).as("those after it are told meanwhile").containsExactly("first", "third");
        fails[0] = false;
        world.run(0);
        world.run(0);
        assertThat(told).containsExactlyInAnyOrder("first", "second", "third");
        assertThat(world.version(PLACE)).as("the clock was written").isEqualTo(version + 2);
    }

    @Test
    void anUpdateThatComesAfterAListenerThrewIsToldOnce() {
        world.settle(0, PLACE);
        boolean[] fails = {true};
        world.clock.addUpdateListener(vcpu -> {
            if (fails[0]) {
                fail();
            }
            told.add("first");
        });
        world.clock.addUpdateListener(vcpu -> told.add("second"));
        world.clock.requestUpdate(world.vm.vcpu(0));
        assertThatThrownBy(() -> world.run(0)).hasMessage("not now");
        fails[0] = false;
        world.clock.requestUpdate(world.vm.vcpu(0));
        world.run(0);
        world.run(0);
        assertThat(told).as("one update makes up for the other").containsExactly("first", "second");
    }

    @Test
    void aListenerThatLetsTheVcpuEnterIsNotToldAgainByThat() {
        world.settle(0, PLACE);
        world.clock.addUpdateListener(vcpu -> {
            told.add("first");
            vcpu.enterAgain();
        });
        world.clock.addUpdateListener(vcpu -> told.add("second"));
        world.clock.requestUpdate(world.vm.vcpu(0));
        world.run(0);
        assertThat(told).containsExactly("first", "second");
    }

    @Test
    void aListenerThatRequestsAnUpdateIsToldOfThatByTheNextEntry() {
        world.settle(0, PLACE);
        world.clock.addUpdateListener(vcpu -> {
            told.add("told");
            world.clock.requestUpdateOfAll();
        });
        world.clock.requestUpdate(world.vm.vcpu(0));
        int version = world.version(PLACE);
        for (int entry = 1; entry <= 3; entry++) { // a few
            world.run(0);
            assertThat(told).hasSize(entry);
            assertThat(world.version(PLACE)).isEqualTo(version + 2 * entry);
        }
    }

    // ---- what waits for an entry

    @Test
    void theFirstEntryUpdatesAllVcpusAndOnceMoreALittleLater() {
        world.clock.addUpdateListener(vcpu -> told.add(vcpu + " of " + vcpu.vm().vcpus().size()));
        world.run(0);
        world.run(1);
        world.run(0);
        world.run(1);
        assertThat(told).as("by the first entry of each").containsOnly("vcpu 0 of 2", "vcpu 1 of 2").hasSize(3);
        told.clear();
        world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS - 1);
        world.run(0);
        assertThat(told).as("not yet").isEmpty();
        world.time.advance(1);
        world.run(1);
        world.run(0);
        assertThat(told).as("later").containsExactly("vcpu 1 of 2", "vcpu 0 of 2");
    }

    @Test
    void aClockThatThrowsTakesNoRequestAway() {
        boolean[] fails = {false};
        long[] now = {0};
        HostClock hostile = new HostClock() {
            @Override
            public long monotonicNanos() {
                if (fails[0]) {
                    fail();
                }
                return now[0];
            }

            @Override
            public long realtimeNanos() {
                return now[0];
            }
        };
        Vm vm = Vm.builder().clock(hostile).build();
        Kvmclock clock = Kvmclock.attach(vm);
        clock.addUpdateListener(vcpu -> told.add("told"));
        fails[0] = true;
        assertThatThrownBy(() -> vm.vcpu(0).run(() -> {})).hasMessage("not now");
        assertThat(told).isEmpty();
        fails[0] = false;
        vm.vcpu(0).run(() -> {});
        assertThat(told).as("the first entry").hasSize(1);
        now[0] = Kvmclock.DELAYED_UPDATE_NANOS;
        fails[0] = true;
        assertThatThrownBy(() -> vm.vcpu(0).run(() -> {})).hasMessage("not now");
        fails[0] = false;
        vm.vcpu(0).run(() -> {});
        assertThat(told).as("and the delayed one").hasSize(2);
    }

    /** A delay is over when it has passed, wherever the clock's numbers wrap around. */
    @ParameterizedTest
    @ValueSource(longs = {Long.MIN_VALUE, -1, 0, Long.MAX_VALUE - 50_000_000, Long.MAX_VALUE})
    void theDelayIsADifferenceOfTimes(long start) {
        long[] now = {start};
        HostClock clock = new HostClock() {
            @Override
            public long monotonicNanos() {
                return now[0];
            }

            @Override
            public long realtimeNanos() {
                return 0;
            }
        };
        TscSource tsc = new TscSource() {
            @Override
            public long read() {
                return now[0];
            }

            @Override
            public long frequencyHz() {
                return 1_000_000_000;
            }
        };
        Vm vm = Vm.builder().clock(clock).build();
        Kvmclock.attach(vm, tsc).addUpdateListener(vcpu -> told.add("told"));
        vm.vcpu(0).run(() -> {});
        for (long passed : new long[] {0, Kvmclock.DELAYED_UPDATE_NANOS - 1}) {
            now[0] = start + passed;
            vm.vcpu(0).run(() -> {});
            assertThat(told).as("not yet").hasSize(1);
        }
        now[0] += 5_000_000_000L; // more than 32 bits of nanoseconds
        vm.vcpu(0).run(() -> {});
        assertThat(told).hasSize(2);
        vm.vcpu(0).run(() -> {});
        assertThat(told).as("once").hasSize(2);
    }

    // ---- a page-fault handler

    @Test
    void aRegisterWriteWhosePageIsRefusedCountsInAllItDoes() {
        world.settle(1, GPA + 0x2100);
        world.guestWrites(0, MSR_SYSTEM_TIME, PLACE | 1);
        int other = world.version(GPA + 0x2100);
        world.run(1);
        assertThat(world.flags(GPA + 0x2100) & STABLE).isEqualTo(STABLE);
        refuseThePageOnce();
        assertThatThrownBy(() -> world.guestWrites(0, MSR_SYSTEM_TIME_OLD, PLACE + 0x40 | 1)).hasMessage("not now");
        assertThat(world.vm.vcpu(0).readMsr(MSR_SYSTEM_TIME)).isEqualTo(PLACE + 0x40 | 1);
        world.run(0);
        assertThat(world.version(PLACE + 0x40)).as("written by the next entry").isEqualTo(UNTIL_WRITTEN);
        world.run(1);
        assertThat(world.version(GPA + 0x2100)).as("and all others are updated").isGreaterThan(other);
        assertThat(world.flags(GPA + 0x2100) & STABLE).as("by the old register").isZero();
        int again = world.version(PLACE + 0x40);
        world.time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
        world.run(0);
        assertThat(world.version(PLACE + 0x40)).as("once more a little later").isEqualTo(again + 2);
    }

    /** Memory that was evicted comes back as it was: full of 0xAA. */
    private static final int UNTIL_WRITTEN = 0xaaaaaaac;

    @Test
    void theGuestHearsThatItWasStoppedOnceHoweverOftenThePageIsRefused() {
        world.fill((byte) 0);
        world.settle(0, PLACE);
        refuseThePageOnce();
        world.clock.guestStopped(world.vm.vcpu(0));
        assertThatThrownBy(() -> world.run(0)).hasMessage("not now");
        assertThat(world.clock.timeFor(world.vm.vcpu(0)).has(STOPPED)).as("not told yet").isFalse();
        world.run(0);
        assertThat(world.flags(PLACE)).isEqualTo(STABLE | STOPPED);
        assertThat(world.clock.timeFor(world.vm.vcpu(0)).flags()).as("so say its other clocks")
                .isEqualTo(STABLE | STOPPED);
        assertThat(world.clock.timeFor(world.vm.vcpu(1)).flags()).as("not those of others").isEqualTo(STABLE);
        world.poke(PLACE + PvclockTimeInfo.FLAGS, (byte) 0);
        world.clock.requestUpdateOfAll();
        world.run(0);
        assertThat(world.flags(PLACE)).as("once").isEqualTo(STABLE);
        assertThat(world.clock.timeFor(world.vm.vcpu(0)).flags()).isEqualTo(STABLE);
    }

    @Test
    void aClockThatAHandlerSwitchesOffTellsThatTheGuestWasStoppedWhenItIsOnAgain() {
        world.fill((byte) 0);
        world.settle(0, PLACE);
        world.host.evict(HVA, 1);
        world.host.registerFaultHandler(HvaRange.ofPages(HVA, 1), fault -> {
            world.vm.vcpu(0).writeMsr(Kvmclock.MSR_SYSTEM_TIME, 0);
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        world.clock.guestStopped(world.vm.vcpu(0));
        world.run(0);
        assertThat(world.clock.timeFor(world.vm.vcpu(0)).has(STOPPED)).as("not told yet").isFalse();
        world.register(0, PLACE);
        world.run(0);
        assertThat(world.flags(PLACE) & STOPPED).isEqualTo(STOPPED);
    }

    @Test
    void aClockWithoutMemoryTellsNobodyThatTheGuestWasStopped() {
        world.settle(0, PLACE);
        world.host.protect(HVA, 1, Protection.NONE);
        world.clock.guestStopped(world.vm.vcpu(0));
        world.run(0);
        world.host.protect(HVA, 1, Protection.READ_WRITE);
        assertThat(world.clock.timeFor(world.vm.vcpu(0)).has(STOPPED)).isFalse();
    }
}
