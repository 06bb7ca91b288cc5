package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.vm.DirtyLogFollower.Round;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What still has to be copied, with bitmaps (0 entries) and with rings. */
class DirtyLogFollowerTest {

    private static final int PAGE = 4096;
    private static final long GPA = 0x100000;
    private static final long GFN = 0x100;

    private final List<Long> delivered = new ArrayList<>();

    private static Vm vm(int ringEntries) {
        Vm vm = Vm.builder().vcpus(2).dirtyRing(ringEntries).build();
        vm.ram().add(0, 0, GPA, 4);
        return vm;
    }

    private List<Long> deliver(DirtyLogFollower log) {
        delivered.clear();
        Round round = log.deliver(delivered::add);
        assertThat(round).isEqualTo(new Round(delivered.size(), 0, true));
        return delivered;
    }

    /** A write by a device thread, which has no ring. */
    private static void write(Vm vm, long gfn) {
        assertThat(vm.guestMemory().write(gfn * PAGE + 5, new byte[] {1})).isEqualTo(1);
    }

    private static void writeOnVcpu(Vm vm, int id, long gfn) {
        assertThat(vm.vcpu(id).run(() -> write(vm, gfn))).isEqualTo(Vcpu.Exit.GUEST);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void firstEverythingThenWhatWasWrittenOnceEach(int ringEntries) {
        Vm vm = vm(ringEntries);
        write(vm, GFN + 1); // before anything is logged
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            assertThat(deliver(log)).containsExactly(GFN, GFN + 1, GFN + 2, GFN + 3);
            assertThat(deliver(log)).isEmpty();
            write(vm, GFN + 2);
            writeOnVcpu(vm, 0, GFN + 2);
            writeOnVcpu(vm, 1, GFN);
            assertThat(deliver(log)).containsExactly(GFN, GFN + 2);
            assertThat(deliver(log)).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void whatIsRefusedComesAgainAndWhatFailsToo(int ringEntries) {
        Vm vm = vm(ringEntries);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            assertThat(log.deliver(gfn -> gfn != GFN + 1)).isEqualTo(new Round(3, 1, true));
            write(vm, GFN + 3);
            assertThatThrownBy(() -> log.deliver(gfn -> {
                        throw new IllegalStateException("the line is dead");
                    }))
                    .hasMessage("the line is dead");
            assertThat(deliver(log)).containsExactly(GFN + 1, GFN + 3);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void slotsThatComeMoveAndGoAreFollowed(int ringEntries) {
        Vm vm = vm(ringEntries);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            vm.ram().add(1, 0, 2 * GPA, new byte[2 * PAGE]);
            write(vm, 2 * GFN + 1);
            assertThat(deliver(log)).as("as a whole").containsExactlyInAnyOrder(2 * GFN, 2 * GFN + 1);
            writeOnVcpu(vm, 0, 2 * GFN + 1);
            vm.memslots().move(1, 3 * GPA);
            assertThat(deliver(log)).containsExactly(3 * GFN, 3 * GFN + 1);
            writeOnVcpu(vm, 0, 3 * GFN);
            write(vm, GFN);
            vm.ram().remove(1);
            assertThat(deliver(log)).as("what is gone is not copied").containsExactly(GFN);
            vm.ram().add(1, 0, 3 * GPA, 1);
            assertThat(deliver(log)).as("another slot of the same number").containsExactly(3 * GFN);
        }
    }

    /** More slots have gone than are remembered, and the round that is told so ends in its middle. */
    @Test
    void whatARoundThatFailsWasToldIsForgottenIsDeliveredByTheNext() {
        Vm vm = vm(0);
        IllegalStateException stop = new IllegalStateException("in the middle");
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            for (int gone = 0; gone <= 1024; gone++) {
                vm.memslots().set(1, 0, 2 * GPA, PAGE, vm.memslots().table().byId(0).hva());
                write(vm, 2 * GFN);
                vm.memslots().delete(1);
            }
            assertThatThrownBy(() -> OnLooker.during(() -> log.deliver(gfn -> true), point -> {
                if (point.equals("lock HOST_PAGES")) {
                    throw stop;
                }
            })).isSameAs(stop);
            assertThat(deliver(log)).containsExactly(GFN, GFN + 1, GFN + 2, GFN + 3);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aChangeInTheMiddleMeansThatTheRoundIsNotTheLast(int ringEntries) {
        Vm vm = vm(ringEntries);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            Round round = log.deliver(gfn -> gfn != GFN || vm.ram().add(1, 0, 2 * GPA, 1) == Change.DONE);
            assertThat(round).isEqualTo(new Round(4, 0, false));
            assertThat(deliver(log)).containsExactly(2 * GFN);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aSlotThatCannotBeFollowedNowIsFollowedLater(int ringEntries) {
        Vm vm = vm(ringEntries);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            int token = vm.memslots().enterRead(); // a change of a slot would wait for this thread itself
            assertThat(log.deliver(gfn -> true)).isEqualTo(new Round(0, 0, false));
            vm.memslots().exitRead(token);
            assertThat(deliver(log)).hasSize(4);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void loggingEndsWhereItBegan(int ringEntries) {
        Vm vm = vm(ringEntries);
        vm.ram().add(1, Memslot.FLAG_LOG_DIRTY_PAGES, 2 * GPA, 1);
        vm.ram().add(2, Memslot.FLAG_READONLY, 3 * GPA, 1);
        DirtyLogFollower log = vm.followDirtyLog();
        assertThat(deliver(log)).hasSize(6);
        assertThat(vm.memslots().table()).allMatch(Memslot::logsDirtyPages);
        log.close();
        assertThat(vm.memslots().table().byId(0).flags()).isZero();
        assertThat(vm.memslots().table().byId(1).flags()).isEqualTo(Memslot.FLAG_LOG_DIRTY_PAGES);
        assertThat(vm.memslots().table().byId(2).flags()).isEqualTo(Memslot.FLAG_READONLY);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aLogThatSomebodyTurnedOffMeansEverythingAgain(int ringEntries) {
        Vm vm = vm(ringEntries);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            vm.memslots().setFlags(0, 0);
            write(vm, GFN + 2);
            assertThat(deliver(log)).hasSize(4);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {128})
    void aVcpuWhoseRingIsFullRunsAgainAfterADelivery(int ringEntries) {
        Vm vm = vm(ringEntries);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            vm.vcpu(0).run(() -> {
                for (int i = 0; i < 200; i++) { // more than the ring has entries: the rest goes to the bitmap
                    write(vm, GFN + i % 3);
                }
            });
            assertThat(vm.vcpu(0).run(() -> {})).isEqualTo(Vcpu.Exit.DIRTY_RING_FULL);
            assertThat(deliver(log)).containsExactly(GFN, GFN + 1, GFN + 2);
            assertThat(vm.vcpu(0).run(() -> {})).isEqualTo(Vcpu.Exit.GUEST);
        }
    }
}
