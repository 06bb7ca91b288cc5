package io.github.pfncache.xen;

/**
 * What a vCPU is doing. The order is the ABI's numbering: {@code RUNSTATE_running} to {@code RUNSTATE_offline}.
 *
 * @since 0.1.0
 */
public enum RunState {

    /** It runs. */
    RUNNING,

    /** It could run, and something else does. */
    RUNNABLE,

    /** It waits for an event. */
    BLOCKED,

    /** It is switched off. */
    OFFLINE
}
