package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** A run of frames in one buffer, with their counts. */
final class Chunk {

    static final ByteBuffer ZEROS = pattern((byte) 0);
    /** What a free frame holds in checked mode: neither zero nor a plausible pointer, count or version. */
    static final ByteBuffer POISON = pattern((byte) 0xd9);

    private static final VarHandle REFS = MethodHandles.arrayElementVarHandle(int[].class);

    final ByteBuffer buffer;
    /** Whether the frames are memory of the library's user: shared, never moved, given up together. */
    final boolean user;
    /** Whether ordered and atomic accesses of the platform work on these frames: always on the library's own. */
    final boolean nativeAtomics;
    /** Frames not yet freed of a user's chunk; guarded by the lock of the frame store. */
    int live;

    private final int base;
    private final int[] refs; // atomic
    private final int[] owners; // guarded by the family lock

    Chunk(ByteBuffer buffer, int base, int frames, boolean user) {
        this.buffer = buffer.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        this.base = base;
        this.user = user;
        this.nativeAtomics = LockAtomics.areNative(this.buffer, base);
        this.live = frames;
        this.refs = new int[frames];
        this.owners = new int[frames];
    }

    /** Index in the buffer of a frame's first byte. */
    int base(int index) {
        return base + (index << Pages.PAGE_SHIFT);
    }

    boolean tryGet(int index) {
        if (index >= refs.length) {
            return false; // the number was another chunk's when the caller learned it
        }
        int now = refs(index);
        while (now > 0) { // lock-free: a failed exchange means that another thread's succeeded
            int witness = (int) REFS.compareAndExchange(refs, index, now, now + 1);
            if (witness == now) {
                return true;
            }
            now = witness;
        }
        return false;
    }

    /** Drops a reference and returns how many are left. */
    int put(int index) {
        return (int) REFS.getAndAdd(refs, index, -1) - 1;
    }

    int refs(int index) {
        return (int) REFS.getVolatile(refs, index);
    }

    void setRefs(int index, int count) {
        REFS.setVolatile(refs, index, count);
    }

    int owners(int index) {
        return owners[index];
    }

    void setOwners(int index, int count) {
        owners[index] = count;
    }

    void fill(int index, ByteBuffer pattern) {
        buffer.put(base(index), pattern, 0, Pages.PAGE_SIZE);
    }

    /** The bytes of a frame, as a view of its own. */
    ByteBuffer page(int index) {
        return buffer.slice(base(index), Pages.PAGE_SIZE);
    }

    boolean isZero(int index) {
        return page(index).equals(ZEROS);
    }

    boolean isPoisoned(int index) {
        return page(index).equals(POISON);
    }

    private static ByteBuffer pattern(byte value) {
        byte[] bytes = new byte[Pages.PAGE_SIZE];
        Arrays.fill(bytes, value);
        return ByteBuffer.allocateDirect(Pages.PAGE_SIZE).put(bytes).flip().asReadOnlyBuffer();
    }
}
