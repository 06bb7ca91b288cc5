package io.github.pfncache.host;

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

/** A reference to a frame, or a mapping of one: handed out by an address space, and taken back once. */
abstract class FrameHandle {

    private static final AtomicIntegerFieldUpdater<FrameHandle> ENDS =
            AtomicIntegerFieldUpdater.newUpdater(FrameHandle.class, "ends");

    private final AddressSpace space;
    private final int pfn;
    private volatile int ends; // 0 or 1; not to be set costs no fence when it is made

    FrameHandle(AddressSpace space, int pfn) {
        this.space = space;
        this.pfn = pfn;
    }

    /**
     * Number of the frame. Numbers are used again after a frame was freed: equal numbers do not make two frames the
     * same.
     *
     * @return the page frame number
     */
    public long pfn() {
        return pfn;
    }

    final int frame() {
        return pfn;
    }

    /** Whether an address space handed it out and has not taken it back. */
    final boolean isLiveFrom(AddressSpace owner) {
        return space == owner && ends == 0;
    }

    /** Takes it back; false if it is another one's or was taken back before. */
    final boolean endFrom(AddressSpace owner) {
        return space == owner && ENDS.compareAndSet(this, 0, 1);
    }
}
