package io.github.pfncache.stress;

import io.github.pfncache.address.Pages;
import java.lang.invoke.VarHandle;

/**
 * A few bytes of guest memory with one writer: 1, 2, 4 or 8, at any alignment. What the writer puts there proves where
 * and when it comes from: half of the bits count the writes, the other half are a check of the count and the place. So
 * a reader of the lane can tell an old value, a mixed one, and another lane's.
 *
 * <pre>{@code
 * long stamp = lane.next();
 * if (cache.storeLong(0, stamp) == Outcome.OK) {
 *     lane.written();
 * }
 *
 * long mark = lane.mark();                       // on any thread
 * Lane.Reading reading = lane.judge(mark, access.getLong(0));
 * }</pre>
 *
 * <p>One thread writes, any number reads. A reader on another thread needs a lane that memory reads in one piece: at a
 * multiple of its width.
 *
 * <p><b>Memory order.</b> The number of a write is issued before the data is written, and done after it; a reader looks
 * at what is done before it reads, and at what is issued after. So the value it reads is one of those in between, or
 * something is wrong.
 *
 * @since 0.1.0
 */
public final class StampedField {

    private final ReferenceModel model;
    private final long offset;
    private final int width;
    private final boolean lossy;

    // Written by the owner's thread only, read by any.

    private volatile long issued;
    private volatile long done;

    /** How a value that was read fits. */
    public enum Reading {
        /** One that the lane held between the mark and now. */
        WHOLE,
        /** An older one, or what was there before the first: a write is missing. */
        LOST,
        /** None that was ever written there. */
        TORN
    }

    StampedField(ReferenceModel model, long offset, int width, boolean lossy) {
        this.model = model;
        this.offset = offset;
        this.width = width;
        this.lossy = lossy;
    }

    /**
     * Where it is.
     *
     * @return bytes from the start of the model's memory
     */
    public long offset() {
        return offset;
    }

    /**
     * Its size.
     *
     * @return bytes: 1, 2, 4 or 8
     */
    public int width() {
        return width;
    }

    /**
     * What to write now. The owner calls it again, and gets the same, until {@link #written}.
     *
     * @return the value; its low bits if the lane is narrower than 8 bytes
     */
    public long next() {
        long number = done + 1;
        issued = number;
        VarHandle.storeStoreFence(); // issued before the data; pairs with the fence in judge()
        return encode(number);
    }

    /** What {@link #next} said is in memory now. The owner calls it once the write was done, and only then. */
    public void written() {
        done = issued; // after the data; pairs with the read in mark()
    }

    /**
     * To be taken before the lane is read.
     *
     * @return what {@link #judge} wants
     */
    public long mark() {
        return done; // before the data
    }

    /**
     * Judges a value, and counts a bad one in the model's {@link ReferenceModel#verify verdict}.
     *
     * @param mark from before it was read
     * @param value what was read; the bits beyond the lane's width do not matter
     * @return how it fits
     */
    public Reading judge(long mark, long value) {
        VarHandle.loadLoadFence(); // the data before what is issued; pairs with the fence in next()
        Reading reading = classify(mark, issued, value);
        if (reading != Reading.WHOLE) {
            model.misread(this, reading, value, mark);
        }
        return reading;
    }

    /** Judges what is in memory at rest; null if it is right, otherwise what is wrong. */
    Defect judgeAtRest(long value) {
        long expected = done == 0 ? 0 : encode(done);
        if (value == expected || lossy && value == 0) {
            return null;
        }
        if (value == encode(done + 1) && issued > done) {
            return Defect.STRAY; // written, though the writer was told that it was not
        }
        return classify(done, done, value) == Reading.TORN ? Defect.TORN : Defect.LOST;
    }

    private Reading classify(long from, long to, long value) {
        long bits = value & mask(Byte.SIZE * width);
        if (bits == 0 && (from == 0 || lossy)) {
            return Reading.WHOLE;
        }
        if (bits != encode(bits)) {
            return bits == 0 ? Reading.LOST : Reading.TORN;
        }
        long first = Math.max(1, from);
        long number = first + (bits - first & mask(half())); // the first from there on that looks like this
        return number <= to ? Reading.WHOLE : Reading.LOST;
    }

    /** What a write of some number puts there; only the low half of the number matters. */
    private long encode(long number) {
        long low = number & mask(half());
        return low | (check(low) & mask(half())) << half();
    }

    private long check(long low) {
        long mixed = (low + 1) * 0x9e37_79b9_7f4a_7c15L ^ (offset + 1) * 0xc2b2_ae3d_27d4_eb4fL;
        mixed = (mixed ^ mixed >>> 29) * 0xbf58_476d_1ce4_e5b9L;
        return mixed ^ mixed >>> 32;
    }

    private int half() {
        return Byte.SIZE * width / 2;
    }

    private static long mask(int bits) {
        return -1L >>> Long.SIZE - bits;
    }

    @Override
    public String toString() {
        return "lane at " + Pages.hex(offset) + " width=" + width + " after " + done + " writes";
    }
}
