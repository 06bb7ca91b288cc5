package io.github.pfncache.memslot;

import java.util.function.LongPredicate;

/**
 * A listener for those that use slots outside of read sections, such as caches: told to let go of a slot.
 * Implementations are thread-safe.
 *
 * <p>Kernel counterpart: {@code kvm_arch_flush_shadow_memslot()}.
 *
 * @since 0.1.0
 */
public interface MemslotListener {

    /**
     * A slot is no longer in the table: it was deleted, or replaced by one at another place or with other flags. Called
     * after the table without it was published and its readers have left, with the {@code SLOTS} lock held. It must not
     * ask for another change. Readers of a slot that was {@linkplain Memslot#isGivenUp given up} may be there still.
     *
     * @param former the slot as it was
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return true iff {@code former} is not used any more and will not be
     */
    boolean slotChanged(Memslot former, long deadlineNanos);

    /**
     * Marks of pages were taken out of the log of a slot. A vCPU that holds such a page, and writes it without a mark
     * for each write, has to stop, and to mark it again before it goes on. Called after the marks were taken.
     *
     * @param slot the slot that logs
     * @param pages which pages, relative to the slot; asked by any thread
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return true iff none of them is written without being marked again; if not, the marks are put back
     */
    default boolean protect(Memslot slot, LongPredicate pages, long deadlineNanos) {
        return true;
    }
}
