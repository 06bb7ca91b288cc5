package io.github.pfncache.wasm;

/** What a linear memory is made of: little-endian access at a byte address from 0, already known to be inside. */
interface Ram {

    /** Loads {@code width} bytes (1, 2, 4 or 8); bits beyond them are of no account. */
    long load(long at, int width);

    /** Stores the low {@code width} bytes (1, 2, 4 or 8). */
    void store(long at, int width, long value);

    void read(long at, byte[] into);

    void write(long at, byte[] from);

    /** Adds zeroed memory at the end; sizes in bytes, multiples of 64 KiB. */
    void grow(long size, long newSize);
}
