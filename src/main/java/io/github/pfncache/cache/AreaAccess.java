package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.Interleaving;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Function;

/**
 * One access to a {@link GuestArea}: owns the read locks of all its pages, or of none. Offsets are bytes from the start
 * of the area; values are little endian and may lie across a page boundary, where they are not atomic.
 *
 * <p>Each page written is marked dirty, and no other, before its lock is dropped. Not thread-safe, bound to its thread,
 * as {@link GuestAccess}.
 */
public final class AreaAccess implements AutoCloseable {

    private final CacheTarget target;
    private final int length;

    // Confined to the thread that opened the access.

    /** One access for each page, by ascending address; empty unless usable. */
    private GuestAccess[] parts;
    private Outcome outcome;

    private AreaAccess(CacheTarget target, int length, GuestAccess[] parts, Outcome outcome) {
        this.target = target;
        this.length = length;
        this.parts = parts;
        this.outcome = outcome;
    }

    static AreaAccess refused(GuestArea.Segments segments, Outcome outcome) {
        return new AreaAccess(segments.target(), segments.length(), new GuestAccess[0], outcome);
    }

    /** Locks and checks every page in the order of the caches; lets all go again if one is not usable. */
    static AreaAccess open(GuestArea.Segments segments, Function<GfnPfnCache, GuestAccess> how) {
        int pages = segments.caches().size();
        GuestAccess[] parts = new GuestAccess[pages];
        Outcome outcome = pages == 0 ? Outcome.INACTIVE : Outcome.OK;
        int opened = 0;
        while (opened < pages && outcome == Outcome.OK) { // bounded by the pages of the area
            GuestAccess part = how.apply(segments.caches().get(opened));
            parts[opened] = part;
            opened++;
            outcome = part.outcome();
        }
        if (outcome == Outcome.OK) {
            return new AreaAccess(segments.target(), segments.length(), parts, Outcome.OK);
        }
        closeAll(parts, opened);
        return refused(segments, outcome);
    }

    /**
     * Whether the accessors work.
     *
     * @return true iff every page was checked and the access is not closed
     */
    public boolean isUsable() {
        return parts.length > 0;
    }

    /**
     * How it came out.
     *
     * @return OK if usable; otherwise why not
     */
    public Outcome outcome() {
        return outcome;
    }

    /**
     * Size of the area.
     *
     * @return bytes
     */
    public int length() {
        return length;
    }

    /**
     * Reads bytes.
     *
     * @param offset bytes from the start of the area
     * @param into filled whole
     * @throws IllegalArgumentException if they do not lie inside the area
     */
    public void get(int offset, byte[] into) {
        split(offset, into.length, (part, at, done, width) -> {
            byte[] bytes = new byte[width];
            part.get(at, bytes);
            System.arraycopy(bytes, 0, into, done, width);
        });
    }

    /**
     * Writes bytes.
     *
     * @param offset bytes from the start of the area
     * @param from written whole
     * @throws IllegalArgumentException if they do not lie inside the area
     */
    public void put(int offset, byte[] from) {
        split(offset, from.length, (part, at, done, width) -> {
            byte[] bytes = new byte[width];
            System.arraycopy(from, done, bytes, 0, width);
            part.put(at, bytes);
        });
    }

    /**
     * Reads a byte.
     *
     * @param offset bytes from the start of the area
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside the area
     */
    public byte getByte(int offset) {
        return buffer(offset, Byte.BYTES).get(0);
    }

    /**
     * Writes a byte, in one piece.
     *
     * @param offset bytes from the start of the area
     * @param value the value
     * @throws IllegalArgumentException if it does not lie inside the area
     */
    public void putByte(int offset, byte value) {
        split(offset, Byte.BYTES, (part, at, done, width) -> part.putByte(at, value));
    }

    /**
     * Reads four bytes.
     *
     * @param offset bytes from the start of the area
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside the area
     */
    public int getInt(int offset) {
        return buffer(offset, Integer.BYTES).getInt(0);
    }

    /**
     * Writes four bytes.
     *
     * @param offset bytes from the start of the area
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside the area
     */
    public void putInt(int offset, int value) {
        put(offset, littleEndian(Integer.BYTES).putInt(0, value).array());
    }

    /**
     * Reads eight bytes.
     *
     * @param offset bytes from the start of the area
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside the area
     */
    public long getLong(int offset) {
        return buffer(offset, Long.BYTES).getLong(0);
    }

    /**
     * Writes eight bytes.
     *
     * @param offset bytes from the start of the area
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside the area
     */
    public void putLong(int offset, long value) {
        put(offset, littleEndian(Long.BYTES).putLong(0, value).array());
    }

    /** What is done with the part of a range that lies in one page. */
    private interface Part {
        void use(GuestAccess part, int offsetInPart, int done, int width);
    }

    private void split(int offset, int width, Part use) {
        if (parts.length == 0) {
            throw new IllegalStateException("access is closed or was refused: " + outcome);
        }
        if (!Pages.rangeFits(offset, width, length)) {
            throw new IllegalArgumentException(
                    "offset=" + offset + " width=" + width + " exceeds length=" + length + " at " + target);
        }
        int start = 0;
        for (GuestAccess part : parts) { // bounded by the pages of the area
            int from = Math.max(offset, start);
            int to = Math.min(offset + width, start + part.length());
            if (from < to) {
                if (from > offset) {
                    Interleaving.reached("next page of an area");
                }
                use.use(part, from - start, from - offset, to - from);
            }
            start += part.length();
        }
    }

    private ByteBuffer buffer(int offset, int width) {
        ByteBuffer bytes = littleEndian(width);
        get(offset, bytes.array());
        return bytes;
    }

    private static ByteBuffer littleEndian(int width) {
        return ByteBuffer.allocate(width).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Ends the access: marks the pages written dirty, drops all locks. Idempotent.
     *
     * @throws IllegalStateException if it belongs to another thread; it stays open
     */
    @Override
    public void close() {
        GuestAccess[] open = parts;
        if (open.length > 0) {
            open[0].requireOwner(); // before anything has changed: the thread that opened it can still close it
        }
        parts = new GuestAccess[0];
        if (outcome == Outcome.OK) {
            outcome = Outcome.INACTIVE;
        }
        closeAll(open, open.length);
    }

    /** In the reverse of the order of locking. */
    private static void closeAll(GuestAccess[] parts, int opened) {
        for (int i = opened - 1; i >= 0; i--) { // bounded by the pages of the area
            parts[i].close();
        }
    }

    @Override
    public String toString() {
        return "AreaAccess[" + outcome + " length=" + length + " at " + target + "]";
    }
}
