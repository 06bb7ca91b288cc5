package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;

/**
 * A load or a store of up to eight bytes of which some lie in one page and the others in the next, through the caches
 * of the two. Not atomic, byte by byte; but a store is made whole or not at all.
 */
final class PageCrossing {

    private PageCrossing() {}

    /** Loads the bytes {@code from} to {@code to} of an access, all in the page of one cache, the first at gpa. */
    static Outcome load(GfnPfnCache page, long gpa, byte[] bytes, int from, int to, long deadline) {
        try (GuestAccess access = page.access(deadline)) {
            int offset = Pages.offsetInPage(gpa);
            for (int i = from; i < to && access.isUsable(); i++) { // bounded by the eight bytes of an access
                bytes[i] = access.getByte(offset + i - from);
            }
            return access.outcome();
        }
    }

    /**
     * Stores into two pages, both or none: the first is held while the second is tried. If that one needs a refresh,
     * the first is let go before, because a refresh may wait for somebody who waits for it ([rule L8]).
     *
     * @param inFirst how many of the bytes are the last of the first page; the others are the first of the second
     * @return OK; otherwise nothing was written
     */
    static Outcome store(
            CacheDomain domain, GfnPfnCache first, GfnPfnCache second, int inFirst, int width, long value,
            long deadline) {
        int readers = domain.memslots.enterRead(); // no stream of slot changes to chase, as in Refreshing
        try {
            for (int attempt = 0; attempt < domain.retry.attempts(); attempt++) { // bounded by the retry policy
                try (GuestAccess low = first.access(deadline)) {
                    if (!low.isUsable()) {
                        return low.outcome();
                    }
                    // Tried and never waited for: so the order in which the two were made does not matter [rule L14].
                    try (GuestAccess high = second.tryAccess()) {
                        if (high.isUsable()) {
                            put(low, high, inFirst, width, value);
                            return Outcome.OK;
                        }
                    }
                }
                Outcome refreshed = second.refresh(Deadline.at(domain, deadline));
                if (refreshed != Outcome.OK) {
                    return refreshed;
                }
            }
            return Outcome.BUSY;
        } finally {
            domain.memslots.exitRead(readers);
        }
    }

    private static void put(GuestAccess low, GuestAccess high, int inFirst, int width, long value) {
        for (int i = 0; i < width; i++) { // bounded by the eight bytes of an access
            byte b = (byte) (value >>> Byte.SIZE * i);
            if (i < inFirst) {
                low.putByte(Pages.PAGE_SIZE - inFirst + i, b);
            } else {
                high.putByte(i - inFirst, b);
            }
        }
    }

    /** A little-endian number of up to eight bytes. */
    static long number(byte[] bytes) {
        long value = 0;
        for (int i = 0; i < bytes.length; i++) { // bounded by the eight bytes of an access
            value |= (bytes[i] & 0xffL) << Byte.SIZE * i;
        }
        return value;
    }
}
