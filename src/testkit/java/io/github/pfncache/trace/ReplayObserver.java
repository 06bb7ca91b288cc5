package io.github.pfncache.trace;

import io.github.pfncache.vm.Vm;

/**
 * Looks on while a trace is replayed. Called on the replaying thread; may look at the VM, and must not change it.
 *
 * @since 0.1.0
 */
public interface ReplayObserver {

    /** Looks away. */
    ReplayObserver NONE = new ReplayObserver() {};

    /**
     * A replay begins: the clocks are registered, and no operation has been applied.
     *
     * @param trace what will be replayed
     * @param vm the machine it will be done to
     */
    default void started(MemslotTrace trace, Vm vm) {}

    /**
     * An operation was applied, and no clock was updated since: what it made stale still is.
     *
     * @param operation as recorded
     * @param answer what the memory map answered: {@code "0"}, or the name of an errno
     */
    default void applied(SlotOperation operation, String answer) {}

    /**
     * An operation was applied, and where the clocks' updates landed was found out.
     *
     * @param step all about it
     */
    default void stepped(ReplayStep step) {}

    /**
     * Whether to go on; asked before each operation.
     *
     * @return false to end the replay here, with the result of the operations applied
     */
    default boolean goesOn() {
        return true;
    }
}
