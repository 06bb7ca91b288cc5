package io.github.pfncache.trace;

import io.github.pfncache.vm.Vm;

/** Looks on while a trace is replayed. Called on the replaying thread; may look at the VM, and must not change it. */
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
     * An operation was applied, and where the clocks' updates landed was found out.
     *
     * @param step all about it
     */
    default void stepped(ReplayStep step) {}
}
