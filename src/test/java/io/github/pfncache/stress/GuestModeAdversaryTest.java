package io.github.pfncache.stress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** An emulated CPU with a TLB of its own, whose host does all that it may; and one that forgets to drop pages. */
final class GuestModeAdversaryTest {

    private static final long HVA = 0x7f00_0000_0000L;
    private static final long GPA = 0x10_0000;
    private static final int NPAGES = 16;
    private static final int SAFEPOINT = 50;

    private Vm vm = vm(true);

    /** The page used last; written by the CPU, read by the host. */
    private volatile long hotGpa = GPA;

    private static Vm vm(boolean checked) {
        HostMemory host = HostMemory.builder().chunkBytes(0x4000, 0x40000).checked(checked).build();
        Vm vm = Vm.builder().host(host).build();
        host.mapAnonymous(HVA, NPAGES, Protection.READ_WRITE);
        vm.memslots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, NPAGES * Pages.PAGE_SIZE, HVA);
        return vm;
    }

    /** Adds to random numbers in memory, raw; answers how many are wrong at the end. */
    private long wrongNumbers(int steps, UnaryOperator<GuestMode.Dropped> between) {
        ByteBuffer[] mine = new ByteBuffer[NPAGES];
        GuestMode mode = vm.newGuestMode(between.apply(gpa -> mine[(int) (gpa - GPA >>> Pages.PAGE_SHIFT)] = null));
        long[] expected = new long[NPAGES];
        vm.guestMemory().write(GPA, new byte[NPAGES * Pages.PAGE_SIZE]);
        SplittableRandom random = new SplittableRandom(3);
        mode.enter();
        for (int step = 0; step < steps; step++) { // bounded
            int page = random.nextInt(NPAGES);
            hotGpa = GPA + (long) page * Pages.PAGE_SIZE;
            if (mine[page] == null) {
                HeldPage held = mode.hold(GPA + (long) page * Pages.PAGE_SIZE, true);
                assertThat(held.outcome()).isEqualTo(Outcome.OK);
                mine[page] = held.bytes();
            }
            mine[page].putLong(64, mine[page].getLong(64) + step);
            expected[page] += step;
            if (step % SAFEPOINT == 0) {
                mode.poll();
                Thread.yield(); // there may be one processor only
            }
        }
        mode.leave();
        long wrong = 0;
        for (int page = 0; page < NPAGES; page++) { // bounded by the pages
            byte[] found = new byte[Long.BYTES];
            vm.guestMemory().read(GPA + (long) page * Pages.PAGE_SIZE + 64, found);
            wrong += ByteBuffer.wrap(found).order(ByteOrder.LITTLE_ENDIAN).getLong() == expected[page] ? 0 : 1;
        }
        mode.close();
        return wrong;
    }

    private Adversary.Builder adversary() {
        return Adversary.of(vm).seed(7).migrating().evicting().writeProtecting().resting(Duration.ZERO)
                .preferring(() -> hotGpa);
    }

    @Test
    void anEmulatorThatDropsWhatItIsToldToIsRight() {
        try (Adversary adversary = adversary().forking().followingDirtyLog(0).start()) {
            int run = 0;
            do { // bounded; most often the first is enough
                assertThat(wrongNumbers(100_000, dropped -> dropped)).isZero();
            } while (adversary.actions().get("migrate") == 0 && ++run < 1_000);
            assertThat(adversary.actions().get("migrate")).isPositive();
        }
        VmAudit.atRest(vm);
    }

    @Test
    void anEmulatorThatForgetsADropIsFoundOut() {
        vm = vm(false); // else the host finds stray writes in free frames before the guest's numbers are looked at
        ForgetfulDrops[] forgetful = new ForgetfulDrops[1];
        try (Adversary adversary = adversary().start()) {
            long wrong = 0;
            for (int run = 0; run < 1_000 && wrong == 0; run++) { // bounded; most often the first is enough
                wrong = wrongNumbers(50_000, dropped -> forgetful[0] = new ForgetfulDrops(dropped, 3));
            }
            assertThat(adversary.hasFailed()).isFalse();
            assertThat(forgetful[0].forgotten()).isPositive();
            assertThat(wrong).isPositive();
        }
    }

    @Test
    void aRateAndAShareOfDropsArePositive() {
        assertThatThrownBy(() -> Adversary.of(vm).perSecond(0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new ForgetfulDrops(gpa -> {}, 0)).isInstanceOf(IllegalArgumentException.class);
        try (Adversary adversary = adversary().perSecond(1_000).start()) {
            assertThat(wrongNumbers(20_000, dropped -> dropped)).isZero();
            assertThat(adversary.hasFailed()).isFalse();
        }
    }
}
