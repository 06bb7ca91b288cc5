package io.github.pfncache.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The floor of a TLB in Java: tags, and the buffer that an entry's page lies in, with nobody who could take the page
 * away. What an author would write who has one buffer, no host and no dirty log; it can miss, as any TLB can. For one
 * thread.
 */
final class PlainTlb {

    private static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private final ByteBuffer ram;
    private final long[] tags;
    private final int[] deltas;
    private final ByteBuffer[] blocks;
    private long codePage = -1;
    private int codeDelta;
    private ByteBuffer code;

    /** A TLB of so many entries, a power of two, over memory that begins at {@link BenchMachine#GPA}. */
    PlainTlb(ByteBuffer ram, int entries) {
        this.ram = ram;
        this.tags = new long[entries];
        this.deltas = new int[entries];
        this.blocks = new ByteBuffer[entries];
        Arrays.fill(tags, -1);
    }

    private static long pageOf(long gpa, int width) {
        return gpa + (width - 1) & -BenchMachine.PAGE;
    }

    private int entryOf(long gpa) {
        return (int) (gpa >>> 12) & tags.length - 1;
    }

    int fetch(long gpa) {
        return codePage == pageOf(gpa, Integer.BYTES) ? (int) INT.get(code, (int) gpa + codeDelta) : fetchMissed(gpa);
    }

    long load(long gpa) {
        int at = entryOf(gpa);
        return tags[at] == pageOf(gpa, Long.BYTES)
                ? (long) Words.LONG.get(blocks[at], (int) gpa + deltas[at])
                : loadMissed(gpa);
    }

    void store(long gpa, long value) {
        int at = entryOf(gpa);
        if (tags[at] == pageOf(gpa, Long.BYTES)) {
            Words.LONG.set(blocks[at], (int) gpa + deltas[at], value);
        } else {
            storeMissed(gpa, value);
        }
    }

    private int missed(long gpa) {
        int at = entryOf(gpa);
        tags[at] = gpa & -BenchMachine.PAGE;
        deltas[at] = (int) -BenchMachine.GPA;
        blocks[at] = ram;
        return (int) (gpa - BenchMachine.GPA);
    }

    private int fetchMissed(long gpa) {
        int index = missed(gpa);
        codePage = gpa & -BenchMachine.PAGE;
        codeDelta = deltas[entryOf(gpa)];
        code = ram;
        return (int) INT.get(ram, index);
    }

    private long loadMissed(long gpa) {
        return (long) Words.LONG.get(ram, missed(gpa));
    }

    private void storeMissed(long gpa, long value) {
        Words.LONG.set(ram, missed(gpa), value);
    }
}
