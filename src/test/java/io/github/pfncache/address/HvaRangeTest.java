package io.github.pfncache.address;

import static io.github.pfncache.address.HvaRange.USER_END;
import static io.github.pfncache.address.Longs.signed;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

final class HvaRangeTest {

    private static final BigInteger PAGE = signed(Pages.PAGE_SIZE);
    private static final BigInteger END = signed(USER_END);

    @Provide
    Arbitrary<Long> values() {
        return Longs.nearEdges();
    }

    @Provide
    Arbitrary<Long> starts() {
        return Arbitraries.oneOf(Longs.pageAligned(), Longs.nearEdges());
    }

    @Property
    void aRangeIsOfWholePagesOfUserSpace(@ForAll("starts") long start, @ForAll("starts") long end) {
        boolean good = start >= 0 && start < end && end <= USER_END && start % 4096 == 0 && end % 4096 == 0;
        if (good) {
            assertThat(new HvaRange(start, end).npages()).isEqualTo((end - start) / 4096);
        } else {
            assertThatIllegalArgumentException().isThrownBy(() -> new HvaRange(start, end))
                    .withMessageContaining(Pages.hex(start)).withMessageContaining(Pages.hex(end));
        }
    }

    @Property
    void aNumberOfPagesIsARangeOrRefused(@ForAll("starts") long hva, @ForAll("values") long npages) {
        BigInteger end = signed(hva).add(signed(npages).multiply(PAGE));
        if (hva >= 0 && hva % 4096 == 0 && npages > 0 && end.compareTo(END) <= 0) {
            assertThat(HvaRange.ofPages(hva, npages)).isEqualTo(new HvaRange(hva, end.longValueExact()));
        } else {
            assertThatIllegalArgumentException().isThrownBy(() -> HvaRange.ofPages(hva, npages))
                    .withMessageContaining(Pages.hex(hva));
        }
    }

    @Property
    void bytesAreRoundedOutToThePagesThatHoldThem(@ForAll("values") long hva, @ForAll("values") long length) {
        BigInteger end = signed(hva).add(signed(length));
        if (hva >= 0 && length > 0 && end.compareTo(END) <= 0) {
            HvaRange range = HvaRange.roundedOut(hva, length);
            long last = end.longValueExact() - 1;
            assertThat(range.start()).isBetween(hva - 4095, hva);
            assertThat(range.end()).isBetween(last + 1, last + 4096);
            assertThat(range.contains(hva) && range.contains(last)).isTrue();
        } else {
            assertThatIllegalArgumentException().isThrownBy(() -> HvaRange.roundedOut(hva, length))
                    .withMessageContaining(Pages.hex(hva)).withMessageContaining("length=" + length);
        }
    }

    @Example
    void endIsExclusive() {
        HvaRange range = new HvaRange(0x10000, 0x12000);
        assertThat(range.npages()).isEqualTo(2);
        assertThat(range.contains(0xffff)).isFalse();
        assertThat(range.contains(0x10000)).isTrue();
        assertThat(range.contains(0x11fff)).isTrue();
        assertThat(range.contains(0x12000)).isFalse();
        assertThat(range.contains(-1)).isFalse();
        assertThat(range).hasToString("hva [0x10000, 0x12000)");
    }

    @Example
    void thePageOfAnAddressIsOnePage() {
        assertThat(HvaRange.pageOf(0x10fff)).isEqualTo(new HvaRange(0x10000, 0x11000));
        assertThat(HvaRange.pageOf(USER_END - 1)).isEqualTo(new HvaRange(USER_END - 4096, USER_END));
        assertThatIllegalArgumentException().isThrownBy(() -> HvaRange.pageOf(USER_END));
        assertThatIllegalArgumentException().isThrownBy(() -> HvaRange.pageOf(-1));
    }

    @Example
    void aByteOnEachSideOfAnEdgeIsTwoPages() {
        assertThat(HvaRange.roundedOut(0x10fff, 2)).isEqualTo(new HvaRange(0x10000, 0x12000));
        assertThat(HvaRange.roundedOut(0x10fff, 1)).isEqualTo(new HvaRange(0x10000, 0x11000));
        assertThat(HvaRange.roundedOut(0, USER_END)).isEqualTo(HvaRange.WHOLE);
        assertThat(HvaRange.ofPages(0, USER_END >>> 12)).isEqualTo(HvaRange.WHOLE);
    }

    @Example
    void neighboursDoNotOverlap() {
        HvaRange range = new HvaRange(0x10000, 0x14000);
        assertThat(range.overlaps(new HvaRange(0xc000, 0x10000))).isFalse();
        assertThat(range.overlaps(new HvaRange(0x14000, 0x15000))).isFalse();
        assertThat(range.overlaps(new HvaRange(0xc000, 0x11000))).isTrue();
        assertThat(range.overlaps(new HvaRange(0x13000, 0x14000))).isTrue();
        assertThat(range.overlaps(HvaRange.WHOLE)).isTrue();
    }
}
