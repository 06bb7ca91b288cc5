package io.github.pfncache.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.SplittableRandom;

/** Raw 8-byte access to a buffer, in every memory order: the baselines. */
final class Words {

    /** Coordinates: the buffer, and the offset in bytes. */
    static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final long SEED = 5;

    private Words() {}

    /**
     * Numbers below a bound, made beforehand: a generator on the way would cost as much as what is measured.
     *
     * @param count a power of two, for the masking of an index
     */
    static int[] random(int count, int bound) {
        return new SplittableRandom(SEED).ints(count, 0, bound).toArray();
    }
}
