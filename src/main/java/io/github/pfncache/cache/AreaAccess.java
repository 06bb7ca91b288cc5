package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostWindow;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.rules.Interleaving;

/**
 * One access to a {@link GuestArea}: owns the read locks of all its pages, or of none. Offsets are bytes from the start
 * of the area; values are little endian and may lie across a page boundary, where they are not atomic.
 *
 * <p>Each page written is marked dirty, and no other, before its lock is dropped. Not thread-safe, bound to its thread,
 * as {@link GuestAccess}. On an area of one page or two it costs no allocation where the compiler keeps it in
 * registers; on a larger one it is a small object and an array.
 *
 * @since 0.1.0
 */
public final class AreaAccess extends TypedAccess {

    private final GuestArea.Segments segments;

    // Holds of the read sides, by ascending address; without meaning unless usable.

    private final int firstHold;
    private final int secondHold;
    /** Those of the third page and beyond, null if there are none. */
    private final int[] moreHolds;

    // Confined to the thread that opened the access.

    /** One bit for each page, by ascending address. */
    private int written;

    /**
     * Locks and checks every page in the order of the caches; lets all go again if one is not usable.
     *
     * @param waits whether it is part of an access that may wait for locks; if not, an outcome says so
     * @param latest until when to wait for locks; null not to wait now
     */
    AreaAccess(GuestArea.Segments segments, boolean waits, Deadline latest) {
        int pages = segments.caches().size();
        this.segments = segments;
        this.moreHolds = pages > 2 ? new int[pages - 2] : null;
        long holds = lock(segments, waits, latest, moreHolds);
        this.firstHold = (int) holds;
        this.secondHold = (int) (holds >> Integer.SIZE);
        this.owner = Hold.isHold(firstHold) ? Thread.currentThread() : null;
        this.outcome = Hold.outcomeOf(firstHold);
    }

    /** Locks every page or none; the first hold and above it the second, or a refusal of {@link GuestAccess}. */
    private static long lock(GuestArea.Segments segments, boolean waits, Deadline latest, int[] more) {
        int pages = segments.caches().size();
        int hold = Hold.codeOf(Outcome.INACTIVE);
        int first = hold;
        int second = 0;
        int opened = 0;
        boolean kept = false;
        try {
            while (opened < pages) { // bounded by the pages of the area
                GuardedMapping mapping = mapping(segments, opened);
                if (waits) {
                    hold = latest == null ? mapping.lockUsable() : mapping.lockUsable(latest);
                } else {
                    hold = mapping.tryLockUsable();
                }
                if (!Hold.isHold(hold)) {
                    return waits ? Hold.codeOf(Outcome.BUSY) : hold;
                }
                first = opened == 0 ? hold : first;
                second = opened == 1 ? hold : second;
                if (opened > 1) {
                    more[opened - 2] = hold;
                }
                opened++;
            }
            if (isOfTwoMoments(segments)) {
                return Hold.codeOf(Outcome.BUSY); // the refresh finds what is older
            }
            kept = true;
            return (long) second << Integer.SIZE | first & 0xffffffffL;
        } finally {
            if (!kept) { // also when a rule is broken
                unlock(segments, 0, opened, first, second, more);
            }
        }
    }

    /** Whether a slot has changed between one page's translation and another's: it may have other memory now. */
    private static boolean isOfTwoMoments(GuestArea.Segments segments) {
        for (int page = 1; page < segments.caches().size(); page++) { // bounded by the pages of the area
            Memslot one = mapping(segments, page - 1).where().slot();
            Memslot next = mapping(segments, page).where().slot();
            if (one != next && one != null && next != null && one.isSameSlotAs(next)) {
                return true;
            }
        }
        return false;
    }

    /** The same access, with another reason for not being usable. */
    AreaAccess refusedBy(Outcome reason) {
        outcome = reason;
        return this;
    }

    // The methods that do more than a little are static: the object itself is seen by none of them, and need not exist.

    private static GuardedMapping mapping(GuestArea.Segments segments, int page) {
        return segments.caches().get(page).mapping;
    }

    /** Gives back the holds of the first pages, in the reverse of the order of locking. */
    private static void unlock(GuestArea.Segments segments, int written, int pages, int first, int second, int[] more) {
        for (int page = pages - 1; page >= 0; page--) { // bounded by the pages of the area
            GuardedMapping mapping = mapping(segments, page);
            try {
                if ((written & 1 << page) != 0) {
                    mapping.markDirty(); // under the lock: afterwards the cache may point elsewhere [rule L12]
                }
            } finally {
                mapping.lock.readUnlock(page == 0 ? first : page == 1 ? second : more[page - 2]);
            }
        }
    }

    /**
     * Whether the accessors work.
     *
     * @return true iff every page was checked and the access is not closed
     */
    @Override
    public boolean isUsable() {
        return owner != null;
    }

    /**
     * Size of the area.
     *
     * @return bytes
     */
    @Override
    public int length() {
        return segments.length();
    }

    @Override
    void copyOut(int offset, byte[] into, int at, int count) {
        requireUsable(offset, count);
        copy(segments, offset, into, at, count, false);
    }

    @Override
    void copyIn(int offset, byte[] from, int at, int count) {
        requireUsable(offset, count);
        written |= pagesOf(segments, offset, count); // before the write: an exception in it must not lose the mark
        copy(segments, offset, from, at, count, true);
    }

    @Override
    long get(int offset, int width) {
        requireUsable(offset, width);
        return get(segments, offset, width);
    }

    @Override
    void put(int offset, int width, long value) {
        requireUsable(offset, width);
        written |= pagesOf(segments, offset, width); // as above
        put(segments, offset, width, value);
    }

    @Override
    HostMapping mappingToWrite(int offset, int width) {
        requireUsable(offset, width);
        requireAligned(offset, width);
        written |= pagesOf(segments, offset, width); // one page, as they are aligned
        return window(segments, pageOf(segments, offset), 0).mapping();
    }

    @Override
    int inPage(int offset) {
        return inPage(segments, offset);
    }

    // Below, the access itself is handed to no method, so that the compiler can keep it in registers.

    private static long get(GuestArea.Segments segments, int offset, int width) {
        int page = pageOf(segments, offset);
        if (pageOf(segments, offset + width - 1) == page) {
            return window(segments, page, 0).get(inPage(segments, offset), width);
        }
        long value = 0;
        for (int i = 0; i < width; i++) { // bounded by the width; allocates nothing: it may be within a structure
            int each = pageOf(segments, offset + i);
            value |= (window(segments, each, each - page).get(inPage(segments, offset + i), 1) & 0xff) << Byte.SIZE * i;
        }
        return value;
    }

    private static void put(GuestArea.Segments segments, int offset, int width, long value) {
        int page = pageOf(segments, offset);
        if (pageOf(segments, offset + width - 1) == page) {
            window(segments, page, 0).put(inPage(segments, offset), width, value);
            return;
        }
        for (int i = 0; i < width; i++) { // bounded by the width; allocates nothing, as above
            int each = pageOf(segments, offset + i);
            window(segments, each, each - page).put(inPage(segments, offset + i), 1, value >> Byte.SIZE * i);
        }
    }

    /** Copies bytes into the area or out of it, page by page. */
    private static void copy(GuestArea.Segments segments, int offset, byte[] array, int at, int count, boolean in) {
        int done = 0;
        while (done < count) { // bounded by the pages of the area
            int inPage = inPage(segments, offset + done);
            HostWindow window = window(segments, pageOf(segments, offset + done), done);
            int width = Math.min(count - done, Pages.PAGE_SIZE - inPage);
            if (in) {
                window.put(inPage, array, at + done, width);
            } else {
                window.get(inPage, array, at + done, width);
            }
            done += width;
        }
    }

    /** The pages of some bytes, a bit each. */
    private static int pagesOf(GuestArea.Segments segments, int offset, int count) {
        return count == 0 ? 0 : (2 << pageOf(segments, offset + count - 1)) - (1 << pageOf(segments, offset));
    }

    private static int pageOf(GuestArea.Segments segments, int offset) {
        return segments.start() + offset >>> Pages.PAGE_SHIFT;
    }

    private static int inPage(GuestArea.Segments segments, int offset) {
        return Pages.offsetInPage(segments.start() + offset);
    }

    private static HostWindow window(GuestArea.Segments segments, int page, int before) {
        if (before > 0) {
            Interleaving.reached("next page of an area");
        }
        return mapping(segments, page).window();
    }

    private void requireUsable(int offset, int width) {
        requireOwner();
        if (!Pages.rangeFits(offset, width, segments.length())) {
            throw new IllegalArgumentException("offset=" + offset + " width=" + width
                    + " exceeds length=" + segments.length() + " at " + segments.target());
        }
    }

    /**
     * Ends the access: marks the pages written dirty, drops all locks. Idempotent.
     *
     * @throws IllegalStateException if it belongs to another thread; it stays open
     */
    @Override
    public void close() {
        if (owner != null) {
            requireOwner(); // before anything has changed: the thread that opened it can still close it
            owner = null;
            outcome = Outcome.INACTIVE;
            unlock(segments, written, segments.caches().size(), firstHold, secondHold, moreHolds);
        }
    }

    @Override
    public String toString() {
        return "AreaAccess[" + outcome + " length=" + length() + " at " + segments.target() + "]";
    }
}
