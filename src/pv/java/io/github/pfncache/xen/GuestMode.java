package io.github.pfncache.xen;

/**
 * How wide the guest's words are, which decides where the fields of the shared structures lie. A guest changes it when
 * it goes from its 32-bit loader to its 64-bit kernel, and back.
 *
 * <p>Kernel counterpart: {@code kvm->arch.xen.long_mode}.
 *
 * @since 0.1.0
 */
public enum GuestMode {

    /** A 64-bit guest: 4096 event channels. */
    NATIVE(SharedInfoLayout.NATIVE, VcpuInfoLayout.NATIVE, RunstateLayout.NATIVE, HypercallLayout.NATIVE),

    /** A 32-bit guest: 1024 event channels. */
    COMPAT(SharedInfoLayout.COMPAT, VcpuInfoLayout.COMPAT, RunstateLayout.COMPAT, HypercallLayout.COMPAT);

    private final SharedInfoLayout sharedInfo;
    private final VcpuInfoLayout vcpuInfo;
    private final RunstateLayout runstate;
    private final HypercallLayout hypercall;

    GuestMode(
            SharedInfoLayout sharedInfo, VcpuInfoLayout vcpuInfo, RunstateLayout runstate, HypercallLayout hypercall) {
        this.sharedInfo = sharedInfo;
        this.vcpuInfo = vcpuInfo;
        this.runstate = runstate;
        this.hypercall = hypercall;
    }

    /**
     * First number that is not an event channel of this mode. Port 0 is none either.
     *
     * @return 4096 or 1024
     */
    public int portLimit() {
        return sharedInfo.portLimit();
    }

    SharedInfoLayout sharedInfo() {
        return sharedInfo;
    }

    VcpuInfoLayout vcpuInfo() {
        return vcpuInfo;
    }

    RunstateLayout runstate() {
        return runstate;
    }

    HypercallLayout hypercall() {
        return hypercall;
    }
}
