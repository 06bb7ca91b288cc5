package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * One reference to the frame that backed an address when it was resolved. It keeps the frame from being reused, not the
 * address from being given another one. Released by {@link HostMemory#release}.
 *
 * <p>Kernel counterpart: {@code struct page} with an elevated reference count, as {@code hva_to_pfn()} returns it.
 */
public final class HostPage {

    private static final VarHandle HELD;

    static {
        try {
            HELD = MethodHandles.lookup().findVarHandle(HostPage.class, "held", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final HostMemory memory;
    private final int pfn;
    private boolean held = true; // accessed through HELD

    HostPage(HostMemory memory, int pfn) {
        this.memory = memory;
        this.pfn = pfn;
    }

    /**
     * Number of the frame. Numbers are used again after a frame was freed: equal numbers prove nothing about a mapping.
     *
     * @return the page frame number
     */
    public long pfn() {
        return pfn;
    }

    int frame() {
        return pfn;
    }

    boolean isHeldFrom(HostMemory owner) {
        return memory == owner && (boolean) HELD.getAcquire(this);
    }

    /** Ends the reference; false if it had ended before. */
    boolean end() {
        return (boolean) HELD.compareAndSet(this, true, false);
    }

    @Override
    public String toString() {
        return "pfn=" + Pages.hex(pfn);
    }
}
