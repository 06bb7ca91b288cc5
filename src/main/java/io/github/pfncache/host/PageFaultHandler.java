package io.github.pfncache.host;

/**
 * A supplier of the content of pages that are not there: lazy restore, post-copy migration, write tracking.
 *
 * <p>Runs on the faulting thread with no lock of the host held. It may block, and may change memory, that of the
 * faulting page included: the fault is then looked at again, and what is finally there wins. Two threads that fault on
 * one page may both call the handler; the content of the first to return is installed. Implementations are thread-safe.
 *
 * <p>Kernel counterpart: userfaultfd, {@code include/uapi/linux/userfaultfd.h}.
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
}
