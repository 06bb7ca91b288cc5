package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;

/**
 * An entry of a {@link GuestTlb}: a cache, where it points, and the bytes that are there. All that a load needs, if it
 * is a hit, lies in this object and in the bytes.
 *
 * <p><b>The tag</b> says that the bytes are those of a page, and may be used. The TLB's owner sets it while it holds
 * the read side of the cache's lock with a usable window; whoever holds the write side shoots it down before the lock
 * is given back, and so before the page can be let go.
 *
 * <p><b>A load</b> compares the tag, so that it does not touch what was let go long ago, reads the data, and after a
 * load-load fence compares the tag again. If the data came from what others put into the frame afterwards, the tag had
 * been shot down before that: the lock was given back (a release), and whoever gives the frame away took locks after
 * that, and so did who got it. The fence makes the second look see it. Nobody but the thread that loads sets a tag, so
 * it cannot have come back in between. On x86 the fence is for the compiler only: the processor keeps loads in order.
 *
 * <p>A store has to exclude the writer, so the tag is not enough for it: it goes by the cache's lock, see {@link
 * OneShot}.
 */
final class TlbEntry {

    /** No page starts there. */
    private static final long NONE = -1;

    private static final VarHandle TAG;

    static {
        try {
            TAG = MethodHandles.lookup().findVarHandle(TlbEntry.class, "tag", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    // Confined to the TLB's owner.

    /** One page; made when the entry is first used. */
    GfnPfnCache cache;

    /** The gpa of the page at which the cache points; NONE unless it was well pointed. */
    private long page = NONE;

    /** The bytes of that page which the tag is of; null if there are none. */
    ByteBuffer bytes;

    /**
     * The page if its bytes may be used, else NONE. Accessed through TAG. The owner sets it with the read side of the
     * lock held; NONE is written with the write side held, or by the owner without.
     */
    private long tag = NONE;

    /**
     * The page of the last byte of an access. If that is the page of the entry in which the first byte is looked up,
     * the access lies inside of it: neighbours never share an entry.
     */
    static long pageOf(long gpa, int width) {
        return Pages.pageStart(gpa + (width - 1));
    }

    /** Whether the bytes are those of a page, and may be used. */
    boolean leadsTo(long page) {
        return (long) TAG.getOpaque(this) == page;
    }

    /** Whether all is good that was loaded up to now from the bytes, which led to the page before. */
    boolean stillLeadsTo(long page) {
        VarHandle.loadLoadFence(); // the data before the look, see the class comment
        return leadsTo(page);
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
        page = NONE;
        shootDown();
        bytes = null;
    }

    /**
     * From now on hits go to these bytes, which are usable. The owner holds the read side of the cache's lock: who shot
     * the tag down before has given the write side back, and who does next has to wait.
     */
    void lead(ByteBuffer to) {
        bytes = to;
        TAG.setOpaque(this, page);
    }

    /** No hits any more. Called by the owner, or with the write side of the cache's lock held. */
    void shootDown() {
        TAG.setRelease(this, NONE);
    }
}
