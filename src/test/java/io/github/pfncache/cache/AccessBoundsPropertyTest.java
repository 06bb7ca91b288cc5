package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import java.time.Duration;
import java.util.Arrays;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** [I7] An access touches exactly its bytes, or it is refused and no byte of guest or host memory changes. */
class AccessBoundsPropertyTest {

    private static final int NPAGES = 4;
    private static final int BYTES = NPAGES * Pages.PAGE_SIZE;
    private static final byte FILL = (byte) 0xa5;

    /** Guest physical memory ends here; two of the four pages are the last ones a slot can hold. */
    private static final long LAST_GPA = 1L << 52;

    private static final long HVA = 0x7f00_0000_0000L;
    private static final long LAST_HVA = HvaRange.USER_END - 2L * Pages.PAGE_SIZE;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(50));
    private final CacheDomain domain = new CacheDomain(memslots, host, new RetryPolicy(4, Duration.ofMillis(50)));

    AccessBoundsPropertyTest() {
        host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
        host.mapAnonymous(LAST_HVA, 2, Protection.READ_WRITE);
        memslots.set(1, 0, 0, 2 * Pages.PAGE_SIZE, HVA);
        memslots.set(2, 0, LAST_GPA - 2 * Pages.PAGE_SIZE, 2 * Pages.PAGE_SIZE, LAST_HVA);
        byte[] fill = new byte[BYTES / 2];
        Arrays.fill(fill, FILL);
        host.poke(HVA, fill);
        host.poke(LAST_HVA, fill);
    }

    /** What one access does at an offset with a width; each writes something that differs from what is there. */
    enum Form {
        BYTE(1),
        SHORT(2),
        INT(4),
        LONG(8),
        BYTES(0),
        SET_BIT(1),
        CLEAR_BIT(1);

        private final int fixedWidth;

        Form(int fixedWidth) {
            this.fixedWidth = fixedWidth;
        }

        int width(int wanted) {
            return fixedWidth == 0 ? wanted : fixedWidth;
        }

        void write(GuestAccess access, int offset, int width) {
            switch (this) {
                case BYTE -> access.putByte(offset, (byte) 0x11);
                case SHORT -> access.putShort(offset, (short) 0x1111);
                case INT -> access.putInt(offset, 0x11111111);
                case LONG -> access.putLong(offset, 0x1111111111111111L);
                case BYTES -> access.put(offset, bytes(width));
                case SET_BIT -> access.testAndSetBit(offset, 1);
                case CLEAR_BIT -> access.testAndClearBit(offset, 0);
                default -> throw new AssertionError(this);
            }
        }

        void fill(byte[] memory, int from, int width) {
            byte value =
                    switch (this) {
                        case SET_BIT -> (byte) (FILL | 2);
                        case CLEAR_BIT -> (byte) (FILL & ~1);
                        default -> 0x11;
                    };
            Arrays.fill(memory, from, from + width, value);
        }

        static byte[] bytes(int width) {
            byte[] bytes = new byte[width];
            Arrays.fill(bytes, (byte) 0x11);
            return bytes;
        }
    }

    @Provide
    Arbitrary<Long> addresses() {
        Arbitrary<Long> edges = Arbitraries.of(
                0L, (long) Pages.PAGE_SIZE, 2L * Pages.PAGE_SIZE, LAST_GPA, LAST_GPA - Pages.PAGE_SIZE, HVA,
                HVA + 2 * Pages.PAGE_SIZE, HvaRange.USER_END, 1L << 63, -1L, -(long) Pages.PAGE_SIZE, 1L << 32);
        Arbitrary<Long> near = Arbitraries.longs().between(-70, 70);
        return edges.flatMap(edge -> near.map(n -> edge + n));
    }

    @Provide
    Arbitrary<Integer> lengths() {
        return Arbitraries.oneOf(
                Arbitraries.of(1, 4, 8, 12, 16, 32, 44, 48, 64, 4095, 4096),
                Arbitraries.integers().between(1, 4096));
    }

    @Provide
    Arbitrary<Integer> offsets() {
        return Arbitraries.oneOf(
                Arbitraries.integers().between(-9, 80),
                Arbitraries.integers().between(4080, 4100),
                Arbitraries.of(Integer.MIN_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE - 7));
    }

    @Property(tries = 4000)
    void oneWindow(
            @ForAll("addresses") long address,
            @ForAll boolean byHva,
            @ForAll("lengths") int length,
            @ForAll("offsets") int offset,
            @ForAll @IntRange(max = 5000) int wantedWidth,
            @ForAll Form form) {
        GfnPfnCache cache = domain.newCache(length);
        int width = form.width(wantedWidth);
        byte[] before = memory();
        Outcome activated = byHva ? cache.activateHva(address) : cache.activate(address);
        int position = position(address, byHva);
        assertThat(activated == Outcome.INVALID).isEqualTo(!isCacheable(address, byHva, length));
        assertThat(activated == Outcome.OK).isEqualTo(isCacheable(address, byHva, length) && position >= 0);

        boolean wrote = false;
        try (GuestAccess access = cache.access()) {
            form.write(access, offset, width);
            wrote = true;
        } catch (IllegalStateException | IllegalArgumentException refused) {
            assertThat(refused.getMessage()).isNotBlank();
        }

        boolean fits = offset >= 0 && (long) offset + width <= length;
        assertThat(wrote).isEqualTo(activated == Outcome.OK && fits);
        if (wrote) {
            form.fill(before, position + offset, width);
        }
        assertThat(memory()).isEqualTo(before);
        restore(before);
        cache.deactivate();
        domain.audit(true);
    }

    @Property(tries = 2000)
    void anArea(
            @ForAll("addresses") long address,
            @ForAll boolean byHva,
            @ForAll @IntRange(min = 1, max = 5000) int length,
            @ForAll("offsets") int offset,
            @ForAll @IntRange(max = 5000) int width) {
        GuestArea area = domain.newArea();
        byte[] before = memory();
        Outcome activated = byHva ? area.activateHva(address, length) : area.activate(address, length);
        boolean wrote = false;
        try (AreaAccess access = area.access()) {
            access.put(offset, Form.bytes(width));
            wrote = true;
        } catch (IllegalStateException | IllegalArgumentException refused) {
            assertThat(refused.getMessage()).isNotBlank();
        }
        boolean backed = true;
        for (int i = 0; i < length && backed; i++) {
            backed = !wraps(address, i) && position(address + i, byHva) >= 0;
        }
        assertThat(activated == Outcome.OK).isEqualTo(backed);
        assertThat(wrote).isEqualTo(backed && offset >= 0 && (long) offset + width <= length);
        if (wrote) {
            for (int i = 0; i < width; i++) {
                before[position(address + offset + i, byHva)] = 0x11;
            }
        }
        assertThat(memory()).isEqualTo(before);
        restore(before);
        area.deactivate();
        domain.audit(true);
    }

    private static boolean wraps(long address, int done) {
        return Long.compareUnsigned(address + done, address) < 0;
    }

    /** Independent of the code under test: by BigInteger-free reasoning on the page of the first and the last byte. */
    private static boolean isCacheable(long address, boolean byHva, int length) {
        long last = address + length - 1;
        boolean onePage = address >>> 12 == last >>> 12;
        return onePage && (byHva ? address >= 0 && last < 1L << 56 : address != -1L);
    }

    /** Index in {@link #memory} of the byte at an address, or -1. */
    private static int position(long address, boolean byHva) {
        if (byHva) {
            return within(address, HVA, 0) + within(address, LAST_HVA, BYTES / 2) + 1;
        }
        return within(address, 0, 0) + within(address, LAST_GPA - BYTES / 2, BYTES / 2) + 1;
    }

    private static int within(long address, long start, int index) {
        return address >= start && address < start + BYTES / 2 ? index + (int) (address - start) : -1;
    }

    private byte[] memory() {
        byte[] all = new byte[BYTES];
        byte[] half = new byte[BYTES / 2];
        host.peek(HVA, half);
        System.arraycopy(half, 0, all, 0, half.length);
        host.peek(LAST_HVA, half);
        System.arraycopy(half, 0, all, half.length, half.length);
        return all;
    }

    private void restore(byte[] changed) {
        Arrays.fill(changed, 0, BYTES / 2, FILL);
        host.poke(HVA, Arrays.copyOf(changed, BYTES / 2));
        host.poke(LAST_HVA, Arrays.copyOf(changed, BYTES / 2));
    }
}
