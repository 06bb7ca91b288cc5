package io.github.pfncache.xen;

import io.github.pfncache.vm.Vcpu;
import java.lang.invoke.VarHandle;

/**
 * From a raised upcall to an interrupt of one vCPU: by the vector that its guest chose, once its interrupt controller
 * is on, or by a kick. An upcall that was raised while the interrupt had nowhere to go is sent again when it has.
 *
 * <p>Kernel counterpart: {@code kvm_xen_inject_vcpu_vector()}.
 */
final class UpcallLine {

    private static final int FIRST_VECTOR = 16;
    private static final int LAST_VECTOR = 255;

    private final Vcpu vcpu;
    private final VcpuInfo info;
    private final UpcallListener listener;

    // Set by the emulator, read by senders in any context.

    private volatile int vector;
    private volatile boolean enabled;

    /** Whether to look once more, at the next entry, if an upcall was raised while nobody could be interrupted. */
    private volatile boolean lookAgain;

    UpcallLine(Vcpu vcpu, VcpuInfo info, UpcallListener listener) {
        this.vcpu = vcpu;
        this.info = info;
        this.listener = listener;
    }

    void setVector(int newVector) {
        if (newVector != 0 && (newVector < FIRST_VECTOR || newVector > LAST_VECTOR)) {
            throw new IllegalArgumentException("vector=" + newVector + " is not 0 or 16..255");
        }
        vector = newVector;
        resend();
    }

    void setEnabled(boolean on) {
        enabled = on;
        resend();
    }

    /** The upcall was raised. Never waits. */
    void raised() {
        VarHandle.fullFence(); // the upcall before the look at the controller; pairs with resend
        int how = vector;
        if (how == 0) {
            listener.kick(vcpu);
        } else if (enabled) {
            listener.interrupt(vcpu, how);
        }
    }

    private void resend() {
        if (vector == 0 || !enabled) {
            return;
        }
        VarHandle.fullFence(); // enabled before the look at the upcall; pairs with raised
        VcpuInfo.Look look = info.lookAtUpcall(CallContext.MAY_SLEEP);
        lookAgain = look == VcpuInfo.Look.UNKNOWN;
        if (look == VcpuInfo.Look.PENDING) {
            listener.interrupt(vcpu, vector);
        }
    }

    /** The vCPU enters its guest: what could not be looked at before may be visible now. */
    void resendIfUnknown() {
        if (lookAgain) {
            resend();
        }
    }
}
