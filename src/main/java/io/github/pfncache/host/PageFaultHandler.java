package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;

/**
 * A supplier of the content of pages that are not there: lazy restore, post-copy migration, write tracking.
 *
 * <p>Runs on the faulting thread with no lock of the host held. It may block, and may change memory, that of the
 * faulting page included: the fault is then looked at again, and what is finally there wins. Two threads that fault on
 * one page may both call the handler; the content of the first to return is installed. Implementations are thread-safe.
 *
 * <p>It is told of pages that go, too, which matters to a handler that knows what it has given.
 *
 * <p>Kernel counterpart: userfaultfd with its events of removals, {@code include/uapi/linux/userfaultfd.h}.
 *
 * @since 0.1.0
 */
@FunctionalInterface
public interface PageFaultHandler {

    /** The decision about a fault. */
    enum Decision {
        /** Go on: install the content of {@link PageFault#page}, or lift the write protection. */
        RESOLVE,
        /** The access fails. */
        REFUSE
    }

    /**
     * Decides about one fault.
     *
     * @param fault the fault, valid during this call
     * @return whether to go on
     */
    Decision onFault(PageFault fault);

    /**
     * Told that pages have lost what was in them, and are still mapped: unless a file has become shorter, their next
     * fault has the reason {@link PageFault.Reason#DISCARDED}. Private pages by {@link HostMemory#discard}, shared
     * ones by {@link HostMemory#remove} and {@link HostFile#punchHole}, both by {@link HostFile#truncate}. As {@link
     * #onUnmap}.
     *
     * @param range pages that this handler is registered for
     * @since 0.1.0
     */
    default void onDiscard(HvaRange range) {}

    /**
     * Told that pages are not mapped any more, or something else is mapped in their place, by {@link HostMemory#unmap}
     * or a call that maps or moves. The registration stays: what is mapped there from now on is its business again.
     *
     * <p>Called by the thread of the change when that is complete, with no lock held but that of a call in whose
     * callback the change is made. Called for each registration and each mapping that the change has met, so of one
     * change more than once: everything may be called, but another thread may have changed the range again. What it
     * throws goes out of the call that made the change, after all others have been told. A fault that has asked a
     * handler before may still take its answer, into what is mapped there now. No handler is told of pages that keep
     * their content ({@link HostMemory#evict}, {@link HostMemory#migrate}, {@link HostMemory#protect}), of a {@link
     * HostMemory#rewind}, which tells by itself, of the end of the memory, nor here of a place that was only
     * {@linkplain HostMemory#reserve reserved}, or looks so: no file, no access, no content.
     *
     * @param range pages that this handler is registered for
     * @since 0.1.0
     */
    default void onUnmap(HvaRange range) {}

    /**
     * Told that pages were moved by {@link HostMemory#move}. A handler that is registered for the place where they are
     * now answers their faults from now on; what was there before was told by {@link #onUnmap}. As that.
     *
     * @param range pages that this handler is registered for, as they were
     * @param to first address of the same pages now
     * @since 0.1.0
     */
    default void onMove(HvaRange range, long to) {}
}
