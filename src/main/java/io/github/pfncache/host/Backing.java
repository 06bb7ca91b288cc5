package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/**
 * The real file of a {@link HostFile}: the source of pages that have not been read yet, and the marks of pages that it
 * has to be told about.
 *
 * <p>A page is <em>unread</em> until it is first needed in memory, written, punched or truncated away. It becomes
 * unread again only by an eviction, and only if it has never been changed: so bytes that were read without a lock are
 * right if the page is unread under the lock.
 */
final class Backing {

    /** HOST_FILES: one write-back at a time, or an older copy of a page could be written after a newer one. */
    final TrackedLock writeBackLock = new TrackedLock(LockClass.HOST_FILES);

    /** Whether the channel is; if not, nothing can ever have changed. */
    final boolean writable;

    private final FileChannel channel;

    // Guarded by the family lock.

    /** What is known of the pages. */
    final PageMarks marks = new PageMarks();
    /** Bytes of the file that count; after them are zeros. */
    private long sourceEnd;
    /** Smallest size since the last write-back, in bytes; {@link Long#MAX_VALUE} if it was not made smaller. */
    private long shrunkTo = Long.MAX_VALUE;

    /** The latest failure to read, null if there was none. */
    volatile IOException readFailure;

    Backing(FileChannel channel, long size, boolean writable) {
        this.writable = writable;
        this.channel = channel;
        this.sourceEnd = size;
    }

    // ---- family lock held

    /** Whether a page that is not in memory has its content in the file. */
    boolean holds(long page) {
        return page << Pages.PAGE_SHIFT < sourceEnd && !marks.has(PageMarks.ZEROED, page);
    }

    /** How many bytes of a page that the file holds count. */
    int bytesOf(long page) {
        return (int) Math.min(Pages.PAGE_SIZE, sourceEnd - (page << Pages.PAGE_SHIFT));
    }

    /** The file became smaller, to whole pages; what is after its end is forgotten, for good. */
    void shrunk(long npages) {
        long size = npages << Pages.PAGE_SHIFT;
        sourceEnd = Math.min(sourceEnd, size);
        shrunkTo = Math.min(shrunkTo, size);
    }

    /** The size that the file has to be cut down to before anything is written. */
    long shrunkTo() {
        return shrunkTo;
    }

    /** It has been: after that there is nothing to be cut until the file becomes smaller still. */
    void cut(long size) {
        if (shrunkTo == size) {
            shrunkTo = Long.MAX_VALUE;
        }
    }

    // ---- no lock of the family held: these sleep

    /**
     * Reads an unread page; bytes after {@code length}, and what the file has lost meanwhile, are zeros.
     *
     * @return null if it cannot be read: see {@link #readFailure}
     */
    byte[] read(long page, int length) {
        ByteBuffer bytes = ByteBuffer.allocate(Pages.PAGE_SIZE).limit(length);
        long offset = page << Pages.PAGE_SHIFT;
        try {
            return Undisturbed.call(() -> {
                for (int read = 1; read > 0 && bytes.hasRemaining(); ) { // a turn reads at least a byte, or is the last
                    read = channel.read(bytes, offset + bytes.position());
                }
                return bytes.array();
            });
        } catch (IOException e) {
            readFailure = e;
            return null;
        }
    }

    void write(ByteBuffer bytes, long offset) throws IOException {
        long at = offset - bytes.position();
        Undisturbed.call(() -> {
            while (bytes.hasRemaining()) { // each turn writes at least one byte
                if (channel.write(bytes, at + bytes.position()) <= 0) {
                    throw new IOException("nothing was written at offset=" + Pages.hex(at + bytes.position()));
                }
            }
            return null;
        });
    }

    void cutTo(long size) throws IOException {
        Undisturbed.call(() -> channel.size() > size ? channel.truncate(size) : null);
    }

    /** Makes the file as long as {@code size}, if it is shorter. */
    void extendTo(long size) throws IOException {
        if (Undisturbed.call(channel::size) < size) {
            write(ByteBuffer.allocate(1), size - 1);
        }
    }

    void force() throws IOException {
        Undisturbed.call(() -> {
            channel.force(true);
            return null;
        });
    }
}
