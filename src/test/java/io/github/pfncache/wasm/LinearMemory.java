package io.github.pfncache.wasm;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.types.ActiveDataSegment;
import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.Instruction;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.OpCode;
import com.dylibso.chicory.wasm.types.PassiveDataSegment;
import java.util.Arrays;

/** The linear memory of a WebAssembly machine, on any {@link Ram}; counts accesses. Confined to the guest's thread. */
final class LinearMemory implements Memory {

    /** Of the machine: enough for the programs run here, so that a wild guest cannot take all memory. */
    private static final int MAX_PAGES = 256;

    /** Accesses after which the companion is told. */
    private static final int PACE = 256;

    /** Who goes along with the guest. */
    interface Companion {

        /** The memory has so many bytes now. */
        void grown(long bytes);

        /** There have been so many accesses; the guest goes on when this returns. */
        void reached(long accesses);
    }

    private final Ram ram;
    private final MemoryLimits limits;
    private final Companion companion;
    private DataSegment[] segments = {};
    private int pages;
    private long accesses;
    private int growths;

    LinearMemory(Ram ram, MemoryLimits limits, Companion companion) {
        this.ram = ram;
        this.limits = limits;
        this.companion = companion;
        this.pages = limits.initialPages();
        ram.grow(0, bytes(pages));
        companion.grown(bytes(pages));
    }

    private static long bytes(int pages) {
        return (long) pages * PAGE_SIZE;
    }

    long accesses() {
        return accesses;
    }

    int growths() {
        return growths;
    }

    private long load(int address, int width) {
        return ram.load(inside(address, width), width);
    }

    private void store(int address, int width, long value) {
        ram.store(inside(address, width), width, value);
    }

    /** The address of an access, unsigned, inside the memory; otherwise a trap. */
    private long inside(int address, int width) {
        long at = address & 0xffff_ffffL;
        if (address < 0 || width < 0 || at + width > bytes(pages)) {
            throw new WasmRuntimeException("out of bounds memory access: " + width + " bytes at " + at);
        }
        if (++accesses % PACE == 0) {
            companion.reached(accesses);
        }
        return at;
    }

    // ------------------------------------------------------------------ size

    @Override
    public int pages() {
        return pages;
    }

    @Override
    public int grow(int more) {
        int former = pages;
        if (more < 0 || more > maximumPages() - former) {
            return -1;
        }
        if (more > 0) {
            ram.grow(bytes(former), bytes(former + more));
            pages = former + more;
            growths++;
            companion.grown(bytes(pages));
        }
        return former;
    }

    @Override
    public int initialPages() {
        return limits.initialPages();
    }

    @Override
    public int maximumPages() {
        return Math.min(limits.maximumPages(), MAX_PAGES);
    }

    // ------------------------------------------------------------------ segments

    @Override
    public void initialize(Instance instance, DataSegment[] dataSegments) {
        segments = dataSegments == null ? segments : dataSegments.clone();
        for (DataSegment segment : segments) { // bounded by the segments of the module
            if (segment instanceof ActiveDataSegment active) {
                Instruction first = active.offsetInstructions().get(0);
                if (first.opcode() != OpCode.I32_CONST) {
                    throw new WasmRuntimeException("a segment whose place is not a constant: " + first);
                }
                write((int) first.operand(0), active.data());
            }
        }
    }

    @Override
    public void initPassiveSegment(int segment, int address, int offset, int length) {
        write(address, segments[segment].data(), offset, length);
    }

    @Override
    public void drop(int segment) {
        segments[segment] = PassiveDataSegment.EMPTY;
    }

    // ------------------------------------------------------------------ bytes

    @Override
    public void write(int address, byte[] data, int offset, int length) {
        ram.write(inside(address, length), Arrays.copyOfRange(data, offset, offset + length));
    }

    @Override
    public byte[] readBytes(int address, int length) {
        long at = inside(address, length);
        byte[] bytes = new byte[length];
        ram.read(at, bytes);
        return bytes;
    }

    @Override
    public void zero() {
        fill((byte) 0, 0, (int) bytes(pages));
    }

    @Override
    public void fill(byte value, int from, int to) {
        byte[] bytes = new byte[(int) Math.max(0, Math.min((long) to - from, bytes(pages)))];
        Arrays.fill(bytes, value);
        ram.write(inside(from, to - from), bytes);
    }

    // ------------------------------------------------------------------ numbers

    @Override
    public byte read(int address) {
        return (byte) load(address, Byte.BYTES);
    }

    @Override
    public void writeByte(int address, byte data) {
        store(address, Byte.BYTES, data);
    }

    @Override
    public short readShort(int address) {
        return (short) load(address, Short.BYTES);
    }

    @Override
    public long readU16(int address) {
        return load(address, Short.BYTES) & 0xffff;
    }

    @Override
    public void writeShort(int address, short data) {
        store(address, Short.BYTES, data);
    }

    @Override
    public int readInt(int address) {
        return (int) load(address, Integer.BYTES);
    }

    @Override
    public void writeI32(int address, int data) {
        store(address, Integer.BYTES, data);
    }

    @Override
    public long readLong(int address) {
        return load(address, Long.BYTES);
    }

    @Override
    public void writeLong(int address, long data) {
        store(address, Long.BYTES, data);
    }

    @Override
    public long readF32(int address) {
        return (int) load(address, Integer.BYTES);
    }

    @Override
    public float readFloat(int address) {
        return Float.intBitsToFloat((int) load(address, Integer.BYTES));
    }

    @Override
    public void writeF32(int address, float data) {
        store(address, Integer.BYTES, Float.floatToRawIntBits(data));
    }

    @Override
    public long readF64(int address) {
        return load(address, Long.BYTES);
    }

    @Override
    public double readDouble(int address) {
        return Double.longBitsToDouble(load(address, Long.BYTES));
    }

    @Override
    public void writeF64(int address, double data) {
        store(address, Long.BYTES, Double.doubleToRawLongBits(data));
    }
}
