package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import java.util.stream.LongStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

/** Which entry of a TLB a page has. */
final class TlbEntriesTest {

    private static final int REGIONS = 16;
    private static final int SMALL_REGIONS = 64;

    private static void requireAnEntryForEach(long gfn, int regions, int distance) {
        assertThat(LongStream.range(0, regions)
                        .mapToObj(r -> TlbEntries.indexOf(
                                Pages.gfnToGpa(gfn + (r << distance)), GuestTlb.DEFAULT_ENTRIES)))
                .doesNotHaveDuplicates();
    }

    @Property
    void pagesThatLieAPowerOfTwoApartDoNotShareAnEntry(
            @ForAll @LongRange(max = (1L << 31) - 1) long gfn,
            @ForAll @IntRange(min = 8, max = 26) int distance,
            @ForAll @IntRange(min = 4, max = 16) int size) {
        int entries = 1 << size;
        int other = TlbEntries.indexOf(Pages.gfnToGpa(gfn + (1L << distance)), entries);
        assertThat(TlbEntries.indexOf(Pages.gfnToGpa(gfn), entries)).isBetween(0, entries - 1).isNotEqualTo(other);
    }

    @Property
    void theSamePlaceOfManyRegionsHasAnEntryForEach(
            @ForAll @LongRange(max = (1L << 31) - 1) long gfn, @ForAll @IntRange(min = 8, max = 25) int distance) {
        requireAnEntryForEach(gfn, REGIONS, distance);
    }

    @Property
    void theSamePlaceOfManySmallRegionsHasAnEntryForEach(
            @ForAll @LongRange(max = (1L << 31) - 1) long gfn, @ForAll @IntRange(min = 0, max = 10) int distance) {
        requireAnEntryForEach(gfn, SMALL_REGIONS, distance);
    }

    @Property
    void ofAsManyConsecutivePagesAsThereAreEntriesAlmostAllHaveOne(
            @ForAll @LongRange(max = (1L << 31) - 1) long gfn, @ForAll @IntRange(min = 2, max = 16) int size) {
        int entries = 1 << size;
        long used = LongStream.range(gfn, gfn + entries)
                .map(g -> TlbEntries.indexOf(Pages.gfnToGpa(g), entries)).distinct().count();
        assertThat(used).isGreaterThanOrEqualTo(entries - 1 - entries / 35);
    }

    @Property
    void neighboursNeverShareAnEntryWhereverTheyAre(
            @ForAll @LongRange(max = (1L << 52) - 1) long gfn, @ForAll @IntRange(min = 2, max = 16) int size) {
        int entries = 1 << size;
        long next = gfn + 1 & (1L << 52) - 1; // behind the last comes the first
        int here = TlbEntries.indexOf(Pages.gfnToGpa(gfn), entries);
        int there = TlbEntries.indexOf(Pages.gfnToGpa(next), entries);
        assertThat(there - here & entries - 1).isBetween(1, 2);
    }

    @Test
    void neighboursNeverShareAnEntry() {
        for (int entries = GuestTlb.MIN_ENTRIES; entries <= GuestTlb.MAX_ENTRIES; entries *= 2) {
            int size = entries;
            assertThat(LongStream.range(1, 1 << 18).filter(gfn -> {
                int index = TlbEntries.indexOf(Pages.gfnToGpa(gfn), size);
                return index < 0 || index >= size || index == TlbEntries.indexOf(Pages.gfnToGpa(gfn - 1), size);
            }).boxed()).as("frames that share one of " + size + " entries with the frame before").isEmpty();
        }
    }
}
