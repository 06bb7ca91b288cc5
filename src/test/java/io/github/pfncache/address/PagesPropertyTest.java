package io.github.pfncache.address;

import static io.github.pfncache.address.Longs.signed;
import static io.github.pfncache.address.Longs.unsigned;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Against the same arithmetic on numbers that do not overflow. */
final class PagesPropertyTest {

    private static final BigInteger PAGE = signed(Pages.PAGE_SIZE);
    private static final BigInteger WORD_END = BigInteger.ONE.shiftLeft(Long.SIZE);

    @Provide
    Arbitrary<Long> values() {
        return Longs.nearEdges();
    }

    @Provide
    Arbitrary<Integer> lengths() {
        return Arbitraries.oneOf(Arbitraries.integers().between(-1, Pages.PAGE_SIZE + 1), Arbitraries.integers());
    }

    @Property
    void aPageAndAnOffsetMakeTheAddress(@ForAll("values") long address) {
        assertThat(unsigned(Pages.pageStart(address)).mod(PAGE)).isZero();
        assertThat(Pages.offsetInPage(address)).isBetween(0, Pages.PAGE_SIZE - 1);
        assertThat(Pages.pageStart(address) + Pages.offsetInPage(address)).isEqualTo(address);
        assertThat(Pages.isPageAligned(address)).isEqualTo(Pages.pageStart(address) == address);
    }

    @Property
    void aFrameNumberIsTheUnsignedQuotient(@ForAll("values") long gpa) {
        assertThat(signed(Pages.gpaToGfn(gpa))).isEqualTo(unsigned(gpa).divide(PAGE));
        assertThat(Pages.gfnToGpa(Pages.gpaToGfn(gpa))).isEqualTo(Pages.pageStart(gpa));
    }

    @Property
    void bytesFitInAPageIfTheirLastOneIsInIt(@ForAll("values") long address, @ForAll("lengths") int length) {
        BigInteger last = unsigned(address).add(signed(length)).subtract(BigInteger.ONE);
        boolean inOne = length > 0 && last.divide(PAGE).equals(unsigned(address).divide(PAGE));
        assertThat(Pages.fitsInPage(address, length)).isEqualTo(inOne);
    }

    @Property
    void aRangeFitsIfItsEndIsNotBeyondTheLimit(
            @ForAll("values") long offset, @ForAll("values") long width, @ForAll("values") long limit) {
        boolean fits = offset >= 0 && width >= 0
                && signed(offset).add(signed(width)).compareTo(signed(limit)) <= 0;
        assertThat(Pages.rangeFits(offset, width, limit)).isEqualTo(fits);
    }

    @Property
    void aRangeThatEndsAtTheLimitFits(@ForAll("values") long offset, @ForAll("values") long limit) {
        boolean inOrder = offset >= 0 && limit >= 0 && offset <= limit;
        assertThat(Pages.rangeFits(offset, limit - offset, limit)).isEqualTo(inOrder);
        assertThat(inOrder && limit < Long.MAX_VALUE && Pages.rangeFits(offset, limit - offset + 1, limit)).isFalse();
    }

    @Property
    void addressesAreComparedUnsigned(@ForAll("values") long address, @ForAll("values") long other) {
        assertThat(Pages.isBelow(address, other)).isEqualTo(unsigned(address).compareTo(unsigned(other)) < 0);
    }

    @Property
    void aRangeWrapsIfItsEndHasNoAddress(@ForAll("values") long address, @ForAll("values") long length) {
        boolean beyond = unsigned(address).add(unsigned(length)).compareTo(WORD_END) >= 0;
        assertThat(Pages.wraps(address, length)).isEqualTo(beyond);
        assertThat(Pages.wraps(address, -address)).isEqualTo(address != 0);
        assertThat(Pages.wraps(address, 0)).isFalse();
    }

    @Property
    void anAddressInAMessageCanBeReadAgain(@ForAll("values") long address) {
        assertThat(Pages.hex(address)).startsWith("0x").isLowerCase();
        assertThat(Long.parseUnsignedLong(Pages.hex(address).substring(2), 16)).isEqualTo(address);
    }

    @Example
    void theEndsOfTheSpacesAreWhereTheyAre() {
        assertThat(Pages.gfnToGpa(Pages.GFN_END)).isEqualTo(1L << 52);
        assertThat(Pages.gpaToGfn(Pages.INVALID_GPA)).isEqualTo((1L << 52) - 1);
        assertThat(Pages.hex(Pages.INVALID_GPA)).isEqualTo("0xffffffffffffffff");
        assertThat(Pages.fitsInPage(-1, 1)).isTrue();
        assertThat(Pages.fitsInPage(-1, 2)).isFalse();
        assertThat(Pages.rangeFits(0, Long.MAX_VALUE, Long.MAX_VALUE)).isTrue();
        assertThat(Pages.rangeFits(1, Long.MAX_VALUE, Long.MAX_VALUE)).isFalse();
    }
}
