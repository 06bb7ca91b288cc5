package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** The accessors one by one: each reads and writes its own bytes of the page. */
final class GuestAccessTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int AT = 0x123;
    private static final int LENGTH = 32;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots();
    private final CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT);
    private final GfnPfnCache cache = domain.newCache(LENGTH);

    GuestAccessTest() {
        host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
        memslots.set(1, 0, GPA, Pages.PAGE_SIZE, HVA);
        byte[] page = new byte[Pages.PAGE_SIZE];
        for (int i = 0; i < page.length; i++) { // bounded by the page
            page[i] = (byte) (i - AT + 1);
        }
        host.poke(HVA, page);
        cache.activate(GPA + AT);
    }

    @Test
    void readsAreLittleEndianAndRelativeToTheWindow() {
        try (GuestAccess access = cache.access()) {
            assertThat(access.getByte(2)).isEqualTo((byte) 3);
            assertThat(access.getShort(2)).isEqualTo((short) 0x0403);
            assertThat(access.getInt(2)).isEqualTo(0x06050403);
            assertThat(access.getLong(2)).isEqualTo(0x0a09080706050403L);
            byte[] bytes = new byte[3];
            access.get(2, bytes);
            assertThat(bytes).containsExactly(3, 4, 5);
        }
    }

    @Property(tries = 100)
    void aBitIsReadAsItWasWrittenAndItsNeighboursStay(@ForAll @IntRange(max = LENGTH * 8 - 1) int bit) {
        try (GuestAccess access = cache.access()) {
            for (int each = 0; each < LENGTH * 8; each++) { // bounded by the window
                boolean expected = (each / 8 + 1 >> each % 8 & 1) != 0;
                assertThat(access.testBit(0, each)).isEqualTo(expected);
            }
            boolean before = access.testBit(0, bit);
            assertThat(access.testAndSetBit(0, bit)).isEqualTo(before);
            assertThat(access.testBit(0, bit)).isTrue();
            assertThat(access.testAndSetBit(0, bit)).isTrue();
            assertThat(access.testAndClearBit(0, bit)).isTrue();
            assertThat(access.testBit(0, bit)).isFalse();
            assertThat(access.testAndClearBit(0, bit)).isFalse();
            assertThat(access.getByte(bit / 8)).isEqualTo((byte) (bit / 8 + 1 & ~(1 << bit % 8)));
            if (before) {
                access.testAndSetBit(0, bit);
            }
        }
    }

    @Test
    void aBitOutsideTheWindowIsRefused() {
        try (GuestAccess access = cache.access()) {
            assertThatThrownBy(() -> access.testBit(0, LENGTH * 8)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> access.testBit(LENGTH - 1, 8)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> access.testBit(0, -1)).isInstanceOf(IllegalArgumentException.class);
            assertThat(access.testBit(LENGTH - 1, 5)).isTrue();
        }
    }

    @Test
    void anAccessSaysWhatItIs() {
        GuestAccess access = cache.access();
        assertThat(access).hasToString("GuestAccess[OK length=32]");
        assertThat(access.length()).isEqualTo(LENGTH);
        access.close();
        assertThat(access).hasToString("GuestAccess[OK closed length=32]");
        assertThatThrownBy(() -> access.getByte(0))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
    }

    @Test
    void aGuardThatWasNotCheckedReadsNothing() {
        try (GuestAccess guard = cache.readLock()) {
            assertThatThrownBy(() -> guard.getByte(0))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("not checked");
            assertThat(guard.check()).isTrue();
            assertThat(guard.getByte(0)).isEqualTo((byte) 1);
        }
    }

    @Test
    void anAreaSaysItsLengthAndTarget() {
        GuestArea area = domain.newArea();
        area.activate(GPA + AT, 40);
        assertThat(area.target()).isEqualTo(new CacheTarget.ByGpa(GPA + AT));
        try (AreaAccess access = area.access()) {
            assertThat(access.length()).isEqualTo(40);
        }
        area.deactivate();
        assertThat(area.target()).isNull();
    }
}
