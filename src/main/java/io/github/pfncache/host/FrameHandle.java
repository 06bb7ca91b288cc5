package io.github.pfncache.host;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** A reference to a frame, or a mapping of one: handed out by an address space, and taken back once. */
abstract class FrameHandle {

    private static final VarHandle LIVE;

    static {
        try {
            LIVE = MethodHandles.lookup().findVarHandle(FrameHandle.class, "live", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final AddressSpace space;
    private final int pfn;
    private boolean live = true; // accessed through LIVE; a plain field costs no fence when it is made

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
        return space == owner && (boolean) LIVE.getAcquire(this);
    }

    /** Takes it back; false if it is another one's or was taken back before. */
    final boolean endFrom(AddressSpace owner) {
        return space == owner && (boolean) LIVE.compareAndSet(this, true, false);
    }
}
