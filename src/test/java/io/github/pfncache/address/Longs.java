package io.github.pfncache.address;

import java.math.BigInteger;
import java.util.Arrays;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Tuple;

/** Addresses, numbers and lengths where arithmetic goes wrong, and the same numbers without a width. */
final class Longs {

    private static final long[] EDGES = {
        0, Pages.PAGE_SIZE, 2 * Pages.PAGE_SIZE, 1L << 31, 1L << 32, Pages.GFN_END, 1L << 52, HvaRange.USER_END,
        1L << 62, Long.MIN_VALUE
    };

    private Longs() {}

    /** Any 64-bit value, most of them within two of an edge: of a page, an {@code int}, a space, the sign. */
    static Arbitrary<Long> nearEdges() {
        return Arbitraries.frequencyOf(
                Tuple.of(3, Arbitraries.of(edges()).flatMap(
                        edge -> Arbitraries.longs().between(-2, 2).map(step -> edge + step))),
                Tuple.of(1, Arbitraries.longs()));
    }

    /** The addresses of pages, most of them at an edge. */
    static Arbitrary<Long> pageAligned() {
        return nearEdges().map(value -> value << Pages.PAGE_SHIFT);
    }

    static BigInteger signed(long value) {
        return BigInteger.valueOf(value);
    }

    static BigInteger unsigned(long value) {
        return new BigInteger(Long.toUnsignedString(value));
    }

    private static Long[] edges() {
        return Arrays.stream(EDGES).boxed().toArray(Long[]::new);
    }
}
