package io.github.pfncache.address;

import static io.github.pfncache.address.Longs.signed;
import static io.github.pfncache.address.Pages.GFN_END;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.LongRange;

final class GfnRangeTest {

    @Provide
    Arbitrary<Long> values() {
        return Longs.nearEdges();
    }

    @Property
    void aRangeIsNotEmptyAndInsideTheGuestPhysicalSpace(@ForAll("values") long start, @ForAll("values") long npages) {
        boolean inside = start >= 0 && npages > 0
                && signed(start).add(signed(npages)).compareTo(signed(GFN_END)) <= 0;
        if (inside) {
            assertThat(new GfnRange(start, npages).end()).isEqualTo(start + npages);
        } else {
            assertThatIllegalArgumentException().isThrownBy(() -> new GfnRange(start, npages))
                    .withMessageContaining(Pages.hex(start)).withMessageContaining("npages=" + npages);
        }
    }

    @Property
    void aRangeContainsWhatIsBetweenItsEnds(
            @ForAll @LongRange(max = GFN_END - 1) long start, @ForAll @LongRange(max = GFN_END - 1) long last,
            @ForAll("values") long gfn) {
        GfnRange range = new GfnRange(Math.min(start, last), Math.abs(start - last) + 1);
        assertThat(range.contains(gfn)).isEqualTo(gfn >= Math.min(start, last) && gfn <= Math.max(start, last));
        assertThat(range.contains(start) && range.contains(last)).isTrue();
    }

    @Example
    void endIsExclusive() {
        GfnRange range = new GfnRange(16, 4);
        assertThat(range.end()).isEqualTo(20);
        assertThat(range.contains(15)).isFalse();
        assertThat(range.contains(16)).isTrue();
        assertThat(range.contains(19)).isTrue();
        assertThat(range.contains(20)).isFalse();
        assertThat(range.contains(-1)).isFalse();
        assertThat(range).hasToString("gfn [0x10, 0x14)");
    }

    @Example
    void theWholeSpaceIsARange() {
        GfnRange whole = new GfnRange(0, GFN_END);
        assertThat(whole.contains(GFN_END - 1)).isTrue();
        assertThat(whole.contains(GFN_END)).isFalse();
        assertThat(whole.overlaps(new GfnRange(GFN_END - 1, 1))).isTrue();
    }

    @Example
    void neighboursDoNotOverlap() {
        GfnRange range = new GfnRange(16, 4);
        assertThat(range.overlaps(new GfnRange(12, 4))).isFalse();
        assertThat(range.overlaps(new GfnRange(20, 1))).isFalse();
        assertThat(range.overlaps(new GfnRange(12, 5))).isTrue();
        assertThat(range.overlaps(new GfnRange(19, 1))).isTrue();
        assertThat(range.overlaps(new GfnRange(17, 1))).isTrue();
        assertThat(range.overlaps(new GfnRange(0, 64))).isTrue();
    }
}
