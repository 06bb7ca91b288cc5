package io.github.pfncache.pvclock;

import io.github.pfncache.rules.Rule;

/**
 * The rules that hold in the clock interfaces. Those marked [I12] are the atomicity that the guest ABI promises.
 *
 * @since 0.1.0
 */
public enum PvclockRule implements Rule {

    /** [I12] Checked after each write of a clock structure. */
    I12_VERSION_EVEN_AFTER_WRITE(
            "a write starts with an odd version and leaves an even one that is new", "pvclock-abi.h: version"),

    /** [I12] Checked after each write of a clock structure. */
    I12_STOPPED_IS_RETAINED(
            "a GUEST_STOPPED flag found in guest memory is written back: the guest alone clears it",
            "pvclock-abi.h: PVCLOCK_GUEST_STOPPED"),

    /** [I12] Checked when a vCPU's clock is updated. */
    I12_TIME_IS_MONOTONIC(
            "an update never shows a time before what the last one lets the guest compute, unless the clock was set",
            "KVM's master clock"),

    /** [I12] Checked after each write of a steal time structure. */
    I12_STEAL_VERSION_EVEN(
            "steal time is written under an odd version and left with an even one", "struct kvm_steal_time: version"),

    /** Checked when a register turns an interface off. */
    DISABLED_MEANS_INACTIVE(
            "when the write of a register with bit 0 clear returns, its cache is inactive", "kvm_gpc_deactivate()");

    private final String statement;
    private final String mirrors;

    PvclockRule(String statement, String mirrors) {
        this.statement = statement;
        this.mirrors = mirrors;
    }

    @Override
    public String statement() {
        return statement;
    }

    @Override
    public String mirrors() {
        return mirrors;
    }
}
