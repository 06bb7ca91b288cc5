package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;

/**
 * A listener of {@link HostMemory}: told before mappings are taken away, and after.
 *
 * <p>Every call runs with no lock of the host held, on the thread that changes the memory, and may call back into the
 * host for other pages. Starts and ends of different changes nest and run concurrently. Implementations are
 * thread-safe.
 *
 * <p>Kernel counterpart: {@code struct mmu_notifier_ops}, {@code include/linux/mmu_notifier.h}.
 *
 * @since 0.1.0
 */
public interface MmuNotifier {

    /**
     * A change of a range is about to happen. When this returns true no mapping of the range that was made before may
     * be used, and {@link #invalidateRangeEnd} will follow with the same range.
     *
     * @param range the pages about to change
     * @param mayBlock whether the notifier may wait; if not and it would have to, it answers false
     * @return false only if it would have to wait and may not, or has waited for as long as it ever does, for a vCPU in
     *     guest mode: the change is skipped, and no end follows
     */
    boolean invalidateRangeStart(HvaRange range, boolean mayBlock);

    /**
     * The change is over; the range may be resolved again.
     *
     * @param range the range of the start that this ends
     */
    void invalidateRangeEnd(HvaRange range);

    /**
     * Whether it stands for an owner of mappings of this memory that audits them.
     *
     * @return false unless overridden
     */
    default boolean ownsMappings() {
        return false;
    }
}
