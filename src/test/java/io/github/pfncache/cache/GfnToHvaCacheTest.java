package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The older kind of cache: translation remembered, every access a fault of its own, dirty once an update. */
final class GfnToHvaCacheTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final long OTHER_HVA = 0x7e00_0000_0000L;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(50));
    private final CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT);
    private final GfnToHvaCache cache = domain.newGfnToHvaCache(32);

    GfnToHvaCacheTest() {
        host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
        host.mapAnonymous(OTHER_HVA, 2, Protection.READ_WRITE);
        memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 2 * Pages.PAGE_SIZE, HVA);
    }

    /** Also says that no section of the memslots was left open: a slot change is done at once. */
    @AfterEach
    void nothingIsHeld() {
        assertThat(memslots.set(9, 0, 0x900000, Pages.PAGE_SIZE, OTHER_HVA)).isEqualTo(Memslots.Change.DONE);
        domain.audit(true);
    }

    private long[] dirty() {
        return memslots.harvestDirty(1).harvest().pages();
    }

    private long byteAt(long hva) {
        byte[] bytes = new byte[1];
        host.peek(hva, bytes);
        return bytes[0];
    }

    @Test
    void aLengthIsOneByteToOnePage() {
        assertThatThrownBy(() -> domain.newGfnToHvaCache(0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> domain.newGfnToHvaCache(4097)).isInstanceOf(IllegalArgumentException.class);
        assertThat(domain.newGfnToHvaCache(1).activate(GPA + 4095)).isEqualTo(Outcome.OK);
        assertThat(domain.newGfnToHvaCache(4096).activate(GPA)).isEqualTo(Outcome.OK);
    }

    @Test
    void aWindowThatCrossesAPageIsInvalidAndTheOldOneStays() {
        assertThat(cache.activate(GPA + 64)).isEqualTo(Outcome.OK);
        assertThat(cache.activate(GPA + Pages.PAGE_SIZE - 31)).isEqualTo(Outcome.INVALID);
        assertThat(cache.update(window -> window.put(0, 1, 5))).isEqualTo(Outcome.OK);
        assertThat(byteAt(HVA + 64)).isEqualTo(5);
    }

    @Test
    void numbersAreLittleEndianAndOfTheWidthGiven() {
        cache.activate(GPA + 0x1010);
        AtomicLong read = new AtomicLong();
        assertThat(cache.update(window -> {
                    window.put(8, 8, 0x1122334455667788L);
                    window.put(8, 1, 0xabcL);
                    read.set(window.get(9, 4));
                }))
                .isEqualTo(Outcome.OK);
        assertThat(read).hasValue(0x44556677L);
        assertThat(byteAt(HVA + 0x1018)).isEqualTo((byte) 0xbc);
        assertThat(byteAt(HVA + 0x101f)).isEqualTo(0x11);
        assertThat(dirty()).containsExactly(1);
    }

    @Test
    void anAccessOutsideTheWindowIsACallersFault() {
        cache.activate(GPA);
        int[][] outside = {{25, 8}, {32, 1}, {-1, 1}, {Integer.MAX_VALUE, 8}, {0, 0}, {0, 9}, {0, -1}};
        for (int[] at : outside) {
            assertThatThrownBy(() -> cache.update(window -> window.get(at[0], at[1])))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("length=32");
            assertThatThrownBy(() -> cache.update(window -> window.put(at[0], at[1], 1)))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(cache.update(window -> window.put(24, 8, -1))).isEqualTo(Outcome.OK);
        assertThat(byteAt(HVA + 31)).isEqualTo(-1);
        assertThat(byteAt(HVA + 32)).isZero();
    }

    @Test
    void anInactiveCacheRunsNothing() {
        AtomicBoolean ran = new AtomicBoolean();
        assertThat(cache.update(window -> ran.set(true))).isEqualTo(Outcome.INACTIVE);
        cache.activate(GPA);
        cache.deactivate();
        assertThat(cache.update(window -> ran.set(true))).isEqualTo(Outcome.INACTIVE);
        assertThat(ran).isFalse();
    }

    @Test
    void withoutAWritableSlotNothingRuns() {
        AtomicBoolean ran = new AtomicBoolean();
        cache.activate(0x500000);
        assertThat(cache.update(window -> ran.set(true))).isEqualTo(Outcome.FAULT);
        memslots.set(2, Memslot.FLAG_READONLY, 0x500000, Pages.PAGE_SIZE, OTHER_HVA);
        assertThat(cache.update(window -> ran.set(true))).isEqualTo(Outcome.FAULT);
        assertThat(ran).isFalse();
    }

    @Test
    void theTranslationFollowsTheMemslots() {
        cache.activate(GPA + 8);
        cache.update(window -> window.put(0, 1, 1));
        memslots.set(1, 0, 0, 0, 0);
        memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 2 * Pages.PAGE_SIZE, OTHER_HVA);
        assertThat(cache.update(window -> window.put(0, 1, 2))).isEqualTo(Outcome.OK);
        assertThat(byteAt(HVA + 8)).isEqualTo(1);
        assertThat(byteAt(OTHER_HVA + 8)).isEqualTo(2);
    }

    @Test
    void afterAFaultNothingMoreIsAccessedAndThePageIsDirtyAllTheSame() {
        cache.activate(GPA);
        host.protect(HVA, 1, Protection.READ);
        AtomicLong read = new AtomicLong(1);
        host.poke(HVA, new byte[] {7});
        assertThat(cache.update(window -> {
                    window.put(0, 1, 1);
                    read.set(window.get(0, 1));
                }))
                .isEqualTo(Outcome.FAULT);
        assertThat(read).hasValue(0);
        assertThat(byteAt(HVA)).isEqualTo(7);
        assertThat(dirty()).containsExactly(0);
        host.protect(HVA, 1, Protection.READ_WRITE);
        assertThat(cache.update(window -> read.set(window.get(0, 1)))).isEqualTo(Outcome.OK);
        assertThat(read).hasValue(7);
    }

    @Test
    void aReadOfAnUnmappedPageFaultsAndKeepsLaterWritesAway() {
        cache.activate(GPA);
        host.protect(HVA, 1, Protection.NONE);
        AtomicLong read = new AtomicLong(1);
        assertThat(cache.update(window -> {
                    read.set(window.get(0, 8));
                    host.protect(HVA, 1, Protection.READ_WRITE);
                    window.put(0, 1, 9);
                }))
                .isEqualTo(Outcome.FAULT);
        assertThat(read).hasValue(0);
        assertThat(byteAt(HVA)).isZero();
    }

    @Test
    void itSaysWhereItPoints() {
        cache.activate(GPA + 8);
        assertThat(cache).hasToString("GfnToHvaCache[length=32 gpa=0x100008 -> uhva=" + Pages.hex(-1) + "]");
    }
}
