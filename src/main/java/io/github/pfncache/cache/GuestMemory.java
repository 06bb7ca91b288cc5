package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Guest memory without a cache: each call translates afresh, page by page, and accesses the host address as a process
 * would its own memory, faulting pages in and obeying protections. For what is accessed once.
 *
 * <p>Thread-safe; a call is not atomic. Kernel counterpart: {@code kvm_write_guest()} and {@code kvm_read_guest()}.
 *
 * @since 0.1.0
 */
public final class GuestMemory {

    private final Memslots memslots;
    private final HostMemory host;

    GuestMemory(Memslots memslots, HostMemory host) {
        this.memslots = memslots;
        this.host = host;
    }

    /**
     * Writes guest memory; as {@link #write(long, byte[], int, int)}, the whole array.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param from the bytes
     * @return number of bytes written, 0 to {@code from.length}
     */
    public int write(long gpa, byte[] from) {
        return write(gpa, from, 0, from.length);
    }

    /**
     * Writes guest memory, in ascending order, up to the first page that cannot be written. Each page written is marked
     * dirty.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param from has the bytes
     * @param at index of the first
     * @param length how many
     * @return number of bytes written, 0 to {@code length}
     * @throws IndexOutOfBoundsException if they do not lie inside the array; nothing is written
     */
    public int write(long gpa, byte[] from, int at, int length) {
        return write(gpa, from, at, length, false);
    }

    /**
     * Writes guest memory as the host does, which fills a ROM: as {@link #write(long, byte[], int, int)}, also where
     * the slot is read-only for the guest.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param from has the bytes
     * @param at index of the first
     * @param length how many
     * @return number of bytes written, 0 to {@code length}
     * @throws IndexOutOfBoundsException if they do not lie inside the array; nothing is written
     */
    public int writeAsHost(long gpa, byte[] from, int at, int length) {
        return write(gpa, from, at, length, true);
    }

    private int write(long gpa, byte[] from, int at, int length, boolean asHost) {
        Objects.checkFromIndexSize(at, length, from.length);
        return inParts(gpa, length, (slot, to, done, width) -> {
            if (slot.readOnly() && !asHost) {
                return false;
            }
            slot.dirtyMark(Pages.gpaToGfn(to), null); // what the mark takes is there before the page is written
            boolean written = host.copyToUser(Translation.gpaToUhva(slot, to), from, at + done, width);
            if (written) {
                slot.markDirty(Pages.gpaToGfn(to));
            }
            return written;
        });
    }

    /**
     * Writes guest memory; as {@link #write(long, byte[], int, int)}.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param from the bytes, from its position to its limit; the position moves past those that were written
     * @return number of bytes written, 0 to {@code from.remaining()}
     */
    public int write(long gpa, ByteBuffer from) {
        ByteBuffer bytes = from.duplicate();
        int written = (int) inArrays(bytes.remaining(), (array, done, width) -> {
            bytes.get(array, 0, width);
            return write(gpa + done, array, 0, width);
        });
        from.position(from.position() + written);
        return written;
    }

    /**
     * Reads guest memory; as {@link #read(long, byte[], int, int)}, the whole array.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param into receives the bytes
     * @return number of bytes read, 0 to {@code into.length}
     */
    public int read(long gpa, byte[] into) {
        return read(gpa, into, 0, into.length);
    }

    /**
     * Reads guest memory, in ascending order, up to the first page that cannot be read. Memory that nobody has touched
     * is zeros, and takes no frame by being read.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param into receives the bytes
     * @param at index of the first
     * @param length how many
     * @return number of bytes read, 0 to {@code length}
     * @throws IndexOutOfBoundsException if they do not lie inside the array
     */
    public int read(long gpa, byte[] into, int at, int length) {
        Objects.checkFromIndexSize(at, length, into.length);
        return inParts(gpa, length, (slot, from, done, width) ->
                host.copyFromUser(Translation.gpaToUhva(slot, from), into, at + done, width));
    }

    /**
     * Reads guest memory; as {@link #read(long, byte[], int, int)}.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param into receives the bytes, from its position to its limit; the position moves past those that were read
     * @return number of bytes read, 0 to {@code into.remaining()}
     * @throws java.nio.ReadOnlyBufferException if the buffer is read-only
     */
    public int read(long gpa, ByteBuffer into) {
        return (int) inArrays(into.remaining(), (array, done, width) -> {
            int read = read(gpa + done, array, 0, width);
            into.put(array, 0, read);
            return read;
        });
    }

    /**
     * Writes one byte many times; as {@link #write(long, byte[], int, int)}.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param length how many, not negative
     * @param value the byte
     * @return number of bytes written, 0 to {@code length}
     * @throws IllegalArgumentException if {@code length} is negative
     */
    public long fill(long gpa, long length, byte value) {
        return inArrays(length, (array, done, width) -> {
            Arrays.fill(array, value);
            return write(gpa + done, array, 0, width);
        });
    }

    /**
     * Copies guest memory to guest memory, in ascending order, up to the first page that cannot be read or written.
     * Where the copy begins inside of what is copied, in descending order: then those that were copied are the last.
     *
     * @param to guest physical address of the first byte of the copy, any value
     * @param from guest physical address of the first byte, any value
     * @param length how many bytes, not negative
     * @return number of bytes copied, 0 to {@code length}
     * @throws IllegalArgumentException if {@code length} is negative
     */
    public long copy(long to, long from, long length) {
        if (from >= 0 && from < to && to - from < length) { // there is no memory at negative addresses
            return copyDescending(to, from, length);
        }
        return inArrays(length, (array, done, width) -> write(to + done, array, 0, read(from + done, array, 0, width)));
    }

    /** Each part lies in one page on both sides: it is copied whole, or not. */
    private long copyDescending(long to, long from, long length) {
        byte[] part = new byte[(int) Math.min(length, Pages.PAGE_SIZE)];
        long left = length;
        while (left > 0) { // bounded by the pages that the bytes span, on both sides
            int inBoth = Math.min(Pages.offsetInPage(to + left - 1), Pages.offsetInPage(from + left - 1)) + 1;
            int width = (int) Math.min(left, inBoth);
            if (read(from + left - width, part, 0, width) < width || write(to + left - width, part, 0, width) < width) {
                break;
            }
            left -= width;
        }
        return length - left;
    }

    /**
     * A piece of guest memory, as a descriptor names it.
     *
     * @param gpa guest physical address of its first byte, any value
     * @param length bytes, not negative; of a descriptor, whose lengths have no sign, {@link Integer#toUnsignedLong}
     * @since 0.1.0
     */
    public record Piece(long gpa, long length) {

        /**
         * Checks the length.
         *
         * @param gpa guest physical address of its first byte, any value
         * @param length bytes, not negative
         * @throws IllegalArgumentException if it is negative
         */
        public Piece {
            requireLength(length);
        }
    }

    /**
     * Writes one piece of guest memory after the other; as {@link #write(long, byte[], int, int)}, up to the first page
     * that cannot be written.
     *
     * @param pieces where to; may have room for more, or for fewer
     * @param from has the bytes
     * @param at index of the first
     * @param length how many
     * @return number of bytes written, 0 to {@code length}
     * @throws IndexOutOfBoundsException if they do not lie inside the array; nothing is written
     */
    public int scatter(List<Piece> pieces, byte[] from, int at, int length) {
        return inPieces(pieces, from, at, length, (gpa, done, width) -> write(gpa, from, at + done, width));
    }

    /**
     * Reads one piece of guest memory after the other; as {@link #read(long, byte[], int, int)}, up to the first page
     * that cannot be read.
     *
     * @param pieces where from; may have more, or fewer
     * @param into receives the bytes
     * @param at index of the first
     * @param length how many
     * @return number of bytes read, 0 to {@code length}
     * @throws IndexOutOfBoundsException if they do not lie inside the array
     */
    public int gather(List<Piece> pieces, byte[] into, int at, int length) {
        return inPieces(pieces, into, at, length, (gpa, done, width) -> read(gpa, into, at + done, width));
    }

    /** The transfer of some bytes of a piece; answers with how many it went well. */
    private interface Transfer {
        int move(long gpa, int done, int width);
    }

    private static int inPieces(List<Piece> pieces, byte[] array, int at, int length, Transfer transfer) {
        Objects.checkFromIndexSize(at, length, array.length);
        int done = 0;
        for (Piece piece : pieces) { // bounded by their number
            int width = (int) Math.min(length - done, piece.length);
            int went = transfer.move(piece.gpa, done, width);
            done += went;
            if (went < width) {
                break;
            }
        }
        return done;
    }

    private static void requireLength(long length) {
        if (length < 0) {
            throw new IllegalArgumentException("length=" + length + " is negative");
        }
    }

    /** What is done with some bytes by way of an array; answers with how many it went well. */
    private interface Chunk {
        int move(byte[] array, long done, int width);
    }

    /** Does something with so many bytes, a page's length at a time, until it goes well with fewer; with how many. */
    private static long inArrays(long length, Chunk chunk) {
        requireLength(length);
        byte[] array = new byte[(int) Math.min(length, Pages.PAGE_SIZE)];
        long done = 0;
        while (done < length) { // bounded by the pages that the bytes span
            int width = (int) Math.min(length - done, array.length);
            int went = chunk.move(array, done, width);
            done += went;
            if (went < width) {
                break;
            }
        }
        return done;
    }

    /** The work on the part of a range that lies in one page; false ends the walk. */
    private interface Part {
        boolean access(Memslot slot, long gpa, int done, int length);
    }

    /** Walks a range page by page, up to the first part that has no slot or fails; how many bytes went well. */
    private int inParts(long gpa, int length, Part part) {
        int readers = memslots.enterRead();
        try {
            int done = 0;
            while (done < length) { // bounded by the pages that the bytes span
                long at = gpa + done;
                int width = Math.min(length - done, Pages.PAGE_SIZE - Pages.offsetInPage(at));
                Memslot slot = memslots.table().find(Pages.gpaToGfn(at)); // none where the addresses end
                if (slot == null || !part.access(slot, at, done, width)) {
                    return done;
                }
                done += width;
            }
            return done;
        } finally {
            memslots.exitRead(readers);
        }
    }
}
