package io.github.pfncache.memslot;

/**
 * Drains those who keep using a slot outside of a read section, such as caches. Implementations are thread-safe.
 *
 * <p>Kernel counterpart: {@code kvm_arch_flush_shadow_memslot()}.
 */
public interface MemslotListener {

    /**
     * A slot is no longer in the table: it was deleted, or replaced by one at another place or with other flags. Called
     * after the table without it was published and its readers have left, with the {@code SLOTS} lock held. It must not
     * ask for another change.
     *
     * @param former the slot as it was
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return true iff nobody uses {@code former} any more and nobody will
     */
    boolean slotChanged(Memslot former, long deadlineNanos);
}
