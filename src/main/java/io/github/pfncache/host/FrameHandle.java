package io.github.pfncache.host;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** What a memory hands out of one of its frames, and takes back once: a reference or a mapping. */
abstract sealed class FrameHandle permits HostPage, PageBytes {

    private static final VarHandle LIVE;

    static {
        try {
            LIVE = MethodHandles.lookup().findVarHandle(FrameHandle.class, "live", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final HostMemory memory;
    private final int pfn;
    private boolean live = true; // accessed through LIVE; a plain field costs no fence when it is made

    FrameHandle(HostMemory memory, int pfn) {
        this.memory = memory;
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

    /** Whether a memory handed it out and has not taken it back. */
    final boolean isLiveFrom(HostMemory owner) {
        return memory == owner && (boolean) LIVE.getAcquire(this);
    }

    /** Takes it back; false if it is another memory's or was taken back before. */
    final boolean endFrom(HostMemory owner) {
        return memory == owner && (boolean) LIVE.compareAndSet(this, true, false);
    }
}
