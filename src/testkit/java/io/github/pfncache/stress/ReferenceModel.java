package io.github.pfncache.stress;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * What a piece of guest memory must contain: what each writer wrote last. The memory is divided into {@link
 * StampedField}s of one writer each; what is no such field must stay zero.
 *
 * <pre>{@code
 * ReferenceModel model = ReferenceModel.of(vm.host(), hva, npages);
 * StampedField lane = model.lane(0x40, 8);
 * ...                                            // writers and readers use their lanes, adversaries do their worst
 * assertThat(model.verify()).matches(Verdict::isClean);
 * }</pre>
 *
 * <p>Memory is known by its host address, which is where a write has to arrive whatever the guest's memory map says.
 * Thread-safe, but for {@link #verify}.
 *
 * @since 0.1.0
 */
public final class ReferenceModel {

    /** Most pages of one model: 256 MiB. */
    public static final long MAX_PAGES = 1 << 16;

    private static final int SHOWN = 20;

    private final HostMemory host;
    private final long hva;
    private final int npages;
    private final Map<Long, StampedField> lanes = new ConcurrentSkipListMap<>();

    /** Which bytes belong to a lane or are left out. Guarded by itself. */
    private final BitSet claimed = new BitSet();

    // Thread-safe by themselves.

    private final LongAdder lost = new LongAdder();
    private final LongAdder torn = new LongAdder();
    private final Queue<String> details = new ConcurrentLinkedQueue<>();

    private ReferenceModel(HostMemory host, long hva, int npages) {
        this.host = host;
        this.hva = hva;
        this.npages = npages;
    }

    /**
     * The model of a piece of memory that is mapped and all zeros.
     *
     * @param host the address space
     * @param hva its first byte, page aligned
     * @param npages its size, 1 to {@link #MAX_PAGES}
     * @return a model without lanes
     * @throws IllegalArgumentException if it is not a range of pages, or too large
     */
    public static ReferenceModel of(HostMemory host, long hva, long npages) {
        if (!Pages.isPageAligned(hva) || npages < 1 || npages > MAX_PAGES) {
            throw new IllegalArgumentException("hva=" + Pages.hex(hva) + " npages=" + npages);
        }
        return new ReferenceModel(host, hva, (int) npages);
    }

    /**
     * Gives some bytes a writer.
     *
     * @param offset first byte, from the start of this memory
     * @param width 1, 2, 4 or 8
     * @return the lane, for one writer
     * @throws IllegalArgumentException if the bytes are not all here, or not all free
     */
    public StampedField lane(long offset, int width) {
        return claim(new StampedField(this, offset, width, false));
    }

    /**
     * Gives some bytes a writer, in memory that may become zero at any time, as discarded memory does.
     *
     * @param offset first byte, from the start of this memory
     * @param width 1, 2, 4 or 8
     * @return the lane, for one writer
     * @throws IllegalArgumentException if the bytes are not all here, or not all free
     */
    public StampedField lossyLane(long offset, int width) {
        return claim(new StampedField(this, offset, width, true));
    }

    private StampedField claim(StampedField lane) {
        if (Integer.bitCount(lane.width()) != 1 || lane.width() > Long.BYTES) {
            throw new IllegalArgumentException("width=" + lane.width() + " is not 1, 2, 4 or 8");
        }
        claim(lane.offset(), lane.width());
        lanes.put(lane.offset(), lane);
        return lane;
    }

    /**
     * Leaves bytes out of the comparison: others write there.
     *
     * @param offset first byte, from the start of this memory
     * @param length number of bytes, at least 1
     * @throws IllegalArgumentException if the bytes are not all here, or not all free
     */
    public void leaveOut(long offset, long length) {
        claim(offset, length);
    }

    private void claim(long offset, long length) {
        if (length < 1 || !Pages.rangeFits(offset, length, (long) npages << Pages.PAGE_SHIFT)) {
            throw new IllegalArgumentException(
                    "offset=" + Pages.hex(offset) + " length=" + length + " exceeds npages=" + npages);
        }
        int from = (int) offset;
        int to = (int) (offset + length);
        synchronized (claimed) {
            int taken = claimed.nextSetBit(from);
            if (taken >= 0 && taken < to) {
                throw new IllegalArgumentException("offset=" + Pages.hex(taken) + " is claimed already");
            }
            claimed.set(from, to);
        }
    }

    /**
     * Compares all of the memory with the model, at rest: no thread writes.
     *
     * @return what is wrong with it, and with what {@link StampedField#judge} was shown up to now
     * @throws IllegalStateException if the memory is not mapped any more
     */
    public Verdict verify() {
        List<String> found = new ArrayList<>(details);
        long[] counts = {lost.sum(), torn.sum(), 0}; // by Defect
        byte[] image = image();
        for (StampedField lane : lanes.values()) { // bounded by the size of the memory
            Defect defect = lane.judgeAtRest(take(image, (int) lane.offset(), lane.width()));
            if (defect != null) {
                counts[defect.ordinal()]++;
                found.add("at rest, " + defect + ": " + lane);
            }
        }
        synchronized (claimed) {
            // Bounded by the size of the memory: every turn starts behind the one before.
            for (int at = claimed.nextClearBit(0); at < image.length; at = claimed.nextClearBit(at + 1)) {
                if (image[at] != 0) {
                    counts[Defect.STRAY.ordinal()]++;
                    found.add("at rest, STRAY: " + Pages.hex(image[at] & 0xff) + " at " + Pages.hex(at));
                }
            }
        }
        return new Verdict(counts[0], counts[1], counts[2], found.subList(0, Math.min(SHOWN, found.size())));
    }

    private byte[] image() {
        byte[] image = new byte[npages << Pages.PAGE_SHIFT];
        HostResult result = host.peek(hva, image);
        if (result != HostResult.OK) {
            throw new IllegalStateException(Pages.hex(hva) + " cannot be read: " + result);
        }
        return image;
    }

    private static long take(byte[] image, int offset, int width) {
        long value = 0;
        for (int i = width - 1; i >= 0; i--) { // bounded by the width of a lane
            value = value << Byte.SIZE | image[offset + i] & 0xff;
        }
        return value;
    }

    void misread(StampedField lane, StampedField.Reading reading, long value, long mark) {
        (reading == StampedField.Reading.LOST ? lost : torn).increment();
        if (details.size() < SHOWN) {
            details.add("read, " + reading + ": " + Pages.hex(value) + " after write " + mark + " of " + lane);
        }
    }
}
