package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;

/** An entry of a {@link GuestTlb}: a cache, and where it points. Confined to the TLB's owner. */
final class TlbEntry {

    /** Its place in the TLB. */
    private final int index;

    /** One page; made when the entry is first used. */
    GfnPfnCache cache;

    /** The gpa of the page at which the cache points; {@link #noPage()} unless it was well pointed. */
    private long page;

    /** Bytes of that page which were open at the last access under the lock; null if none were. */
    private ByteBuffer bytes;

    /** The cache's sequence that they were open at. */
    long sequence;

    /** An entry in this place, which points nowhere. */
    TlbEntry(int index) {
        this.index = index;
        this.page = noPage();
    }

    /** A page that no address has which is looked up in this entry: odd where its pages are even, or even. */
    private long noPage() {
        return (index ^ 1L) << Pages.PAGE_SHIFT;
    }

    /** The bytes of the page, open or not, if the access lies inside of it; else null. */
    ByteBuffer bytesIfHit(long gpa, int width) {
        // What is left over when the page's address is taken away: too much if that is another page.
        long offset = gpa ^ page;
        return offset >= 0 && offset <= Pages.PAGE_SIZE - width ? bytes : null;
    }

    /** Whether the cache points at the page of an address. */
    boolean pointsAt(long gpa) {
        return page == Pages.pageStart(gpa);
    }

    /** The cache was pointed at the page of an address. */
    void pointed(long gpa) {
        page = Pages.pageStart(gpa);
    }

    /** The cache points nowhere, or is about to be pointed elsewhere. */
    void forget() {
        page = noPage();
        bytes = null;
    }

    /** Gets the bytes that are open now. */
    void reopen() {
        sequence = cache.sequence();
        bytes = cache.bytesAt(sequence);
    }
}
