package io.github.pfncache.load;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.stress.StampedField;
import io.github.pfncache.stress.ReferenceModel;
import java.util.ArrayList;
import java.util.List;

/**
 * 512 bytes of guest memory with some lanes for each writer, the devices first and then the vCPUs: what one cache of a
 * device shows. Immutable, but for the lanes.
 *
 * @param gpa its first byte
 * @param otherGpa where it is when its slot has moved; the same if it does not
 * @param offset where it is in the model
 * @param lanes by writer, then by number
 */
record Block(long gpa, long otherGpa, long offset, List<List<StampedField>> lanes) {

    static final int SIZE = 512;
    static final int LANES = 4;

    /** Bytes in front of the lanes of a block, which the end of the page before may need for a lane of its own. */
    private static final int FIRST_LANE = 16;

    private static final int STRIDE = Long.BYTES * (StressOptions.MAX_DEVICES + StressOptions.MAX_VCPUS);
    private static final int[] WIDTHS = {8, 4, 2, 1};

    /** All blocks of some pages of host memory. */
    static List<Block> of(
            ReferenceModel model, int writers, int page, int npages, long gpa, long otherGpa, boolean lossy) {
        List<Block> blocks = new ArrayList<>();
        for (long at = 0; at < (long) npages << Pages.PAGE_SHIFT; at += SIZE) { // bounded by the pages
            long offset = ((long) page << Pages.PAGE_SHIFT) + at;
            List<List<StampedField>> lanes = new ArrayList<>();
            for (int writer = 0; writer < writers; writer++) { // bounded by the options
                List<StampedField> own = new ArrayList<>();
                for (int i = 0; i < LANES; i++) { // bounded by the constant
                    long place = offset + FIRST_LANE + STRIDE * i + Long.BYTES * writer;
                    own.add(lossy ? model.lossyLane(place, WIDTHS[i]) : model.lane(place, WIDTHS[i]));
                }
                lanes.add(List.copyOf(own));
            }
            blocks.add(new Block(gpa + at, otherGpa + at, offset, List.copyOf(lanes)));
        }
        return blocks;
    }

    /** Where a lane is in the block. */
    int at(StampedField lane) {
        return (int) (lane.offset() - offset);
    }

    /** Reads a lane of the block that an access shows, and judges it. */
    void read(GuestAccess access, StampedField lane) {
        long mark = lane.mark();
        int at = at(lane);
        long value = switch (lane.width()) {
            case 1 -> access.getByte(at);
            case 2 -> access.getShort(at);
            case 4 -> access.getInt(at);
            default -> access.getLong(at);
        };
        lane.judge(mark, value);
    }

    /** Writes a lane of the block that an access shows; on the thread that owns it. */
    void write(GuestAccess access, StampedField lane) {
        long value = lane.next();
        int at = at(lane);
        switch (lane.width()) {
            case 1 -> access.putByte(at, (byte) value);
            case 2 -> access.putShort(at, (short) value);
            case 4 -> access.putInt(at, (int) value);
            default -> access.putLong(at, value);
        }
        lane.written();
    }

    /**
     * Reads a lane by a single load, and judges it.
     *
     * @return whether there was anything to read
     */
    boolean load(GfnPfnCache cache, StampedField lane) {
        long mark = lane.mark();
        long value = load(cache, lane, 0);
        if (value == 0) { // a zero, or nothing: another answer for nothing tells them apart
            value = load(cache, lane, 1);
            if (value == 1) {
                return false;
            }
        }
        lane.judge(mark, value);
        return true;
    }

    private long load(GfnPfnCache cache, StampedField lane, int otherwise) {
        int at = at(lane);
        return switch (lane.width()) {
            case 1 -> cache.loadByte(at, (byte) otherwise);
            case 2 -> cache.loadShort(at, (short) otherwise);
            case 4 -> cache.loadInt(at, otherwise);
            default -> cache.loadLong(at, otherwise);
        };
    }

    /** Writes a lane by a single store; on the thread that owns it. */
    Outcome store(GfnPfnCache cache, StampedField lane) {
        long value = lane.next();
        int at = at(lane);
        Outcome outcome = switch (lane.width()) {
            case 1 -> cache.storeByte(at, (byte) value);
            case 2 -> cache.storeShort(at, (short) value);
            case 4 -> cache.storeInt(at, (int) value);
            default -> cache.storeLong(at, value);
        };
        if (outcome == Outcome.OK) {
            lane.written();
        }
        return outcome;
    }
}
