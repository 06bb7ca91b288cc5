package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.Rules;
import java.nio.ByteBuffer;

/**
 * The configuration of a {@link HostMemory}. Not thread-safe; can be used again.
 *
 * @since 0.1.0
 */
public final class HostMemoryBuilder {

    /** Frames of a chunk at most; larger ones would not be numbered apart. */
    private static final int LARGEST_CHUNK = 4 << 20;

    private boolean checked = Rules.ENABLED;
    private int firstChunk = 64 << 10;
    private int largestChunk = LARGEST_CHUNK;
    private long maxBytes = 1L << 42;
    private int maxMappings = 65_530;

    HostMemoryBuilder() {}

    /**
     * Whether freed frames are filled with a pattern, and found untouched when they are used again. Default: whether
     * rules are checked in this process. A write that is found throws only if they are.
     *
     * @param checked whether to poison
     * @return this builder
     */
    public HostMemoryBuilder checked(boolean checked) {
        this.checked = checked;
        return this;
    }

    /**
     * Sizes of the off-heap chunks that frames are cut from: they double from the first to the largest. Default 64 KiB
     * and 4 MiB.
     *
     * @param first bytes of the first chunk, a multiple of 4096
     * @param largest bytes of the largest, a multiple of 4096, {@code first} to 4 MiB
     * @return this builder
     * @throws IllegalArgumentException if a size is out of range
     */
    public HostMemoryBuilder chunkBytes(int first, int largest) {
        if (first < Pages.PAGE_SIZE
                || largest < first
                || largest > LARGEST_CHUNK
                || !Pages.isPageAligned(first)
                || !Pages.isPageAligned(largest)) {
            throw new IllegalArgumentException("chunk bytes first=" + first + " largest=" + largest);
        }
        firstChunk = first;
        largestChunk = largest;
        return this;
    }

    /**
     * Most bytes of frames, of the memory and all its relatives; beyond it faults fail, as {@link HostMemory#shortage}
     * says. Default 2<sup>42</sup>. They are direct memory, which the JVM limits as well: whichever comes first.
     *
     * @param maxBytes bytes, 4096 to 2<sup>42</sup>
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    public HostMemoryBuilder maxBytes(long maxBytes) {
        if (maxBytes < Pages.PAGE_SIZE || maxBytes > 1L << 42) {
            throw new IllegalArgumentException("maxBytes=" + maxBytes);
        }
        this.maxBytes = maxBytes;
        return this;
    }

    /**
     * Most mappings of one memory ({@code vm.max_map_count}). A call after which there were more answers ENOMEM; one
     * that makes no more is done at the limit, too. Default 65,530.
     *
     * @param maxMappings at least 2
     * @return this builder
     * @throws IllegalArgumentException if it is smaller
     */
    public HostMemoryBuilder maxMappings(int maxMappings) {
        if (maxMappings < 2) {
            throw new IllegalArgumentException("maxMappings=" + maxMappings);
        }
        this.maxMappings = maxMappings;
        return this;
    }

    /**
     * Makes an address space with nothing mapped. Cheap: the first chunk is allocated by the first page touched.
     *
     * @return a new memory, the first of its family
     */
    public HostMemory build() {
        FrameSupply supply = new FrameSupply(checked, firstChunk >>> Pages.PAGE_SHIFT,
                largestChunk >>> Pages.PAGE_SHIFT, maxBytes >>> Pages.PAGE_SHIFT, FrameSupply.MAX_CHUNKS,
                ByteBuffer::allocateDirect);
        return build(new FrameStore(supply, checked), maxMappings);
    }

    static HostMemory build(FrameStore frames, int maxMappings) {
        AddressSpace space = new AddressSpace(new HostFamily(frames, maxMappings));
        space.family.locked(space::enterLocked);
        return new HostMemory(space);
    }
}
