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

    /**
     * Whether to look once more if an upcall waits: there was no way to look when it was time, or the emulator threw
     * when it was called.
     */
    private volatile boolean lookAgain;

    /** The emulator threw when it was asked for a kick. */
    private volatile boolean kickAgain;

    UpcallLine(Vcpu vcpu, VcpuInfo info, UpcallListener listener) {
        this.vcpu = vcpu;
        this.info = info;
        this.listener = listener;
    }

    static int requireVector(int vector) {
        if (vector != 0 && (vector < FIRST_VECTOR || vector > LAST_VECTOR)) {
            throw new IllegalArgumentException("vector=" + vector + " is not 0 or 16..255");
        }
        return vector;
    }

    int vector() {
        return vector;
    }

    /** An upcall that is pending already does not cause the new interrupt: only raising it does. */
    void setVector(int newVector) {
        vector = requireVector(newVector);
    }

    void setEnabled(boolean on) {
        enabled = on;
        resend(CallContext.MAY_SLEEP);
    }

    /** The upcall was raised. Never waits. */
    void raised() {
        VarHandle.fullFence(); // the upcall before the look at the controller; pairs with resend
        int how = vector;
        if (how == 0) {
            kick();
        } else if (enabled) {
            boolean told = false;
            try {
                listener.interrupt(vcpu, how);
                told = true;
            } finally {
                if (!told) {
                    lookAgain = true;
                }
            }
        }
    }

    /** The vCPU has something to see at its next entry. Never waits. */
    void kick() {
        boolean told = false;
        try {
            listener.kick(vcpu);
            told = true;
        } finally {
            if (!told) {
                kickAgain = true;
            }
        }
    }

    private void resend(CallContext context) {
        int how = vector;
        if (how == 0 || !enabled) {
            return;
        }
        lookAgain = false; // first: what others find out from here on stays
        boolean told = false;
        try {
            VarHandle.fullFence(); // enabled before the look at the upcall; pairs with raised
            VcpuInfo.Look look = info.lookAtUpcall(context);
            if (look == VcpuInfo.Look.PENDING) {
                listener.interrupt(vcpu, how);
            }
            told = look != VcpuInfo.Look.UNKNOWN;
        } finally {
            if (!told) {
                lookAgain = true;
            }
        }
    }

    /** The vCPU is about to look what there is to do: that serves every kick until now, and none that comes later. */
    void entering() {
        kickAgain = false;
    }

    /** The vCPU enters its guest: what could not be looked at before may be visible now. */
    void entered() {
        if (lookAgain) {
            resend(CallContext.MAY_SLEEP);
        }
    }

    /** Another event comes for the vCPU: says what could not be said before. */
    void tellAgain(CallContext context) {
        if (kickAgain) {
            kickAgain = false;
            kick();
        }
        if (lookAgain && vector == 0) { // the guest has no interrupt any more: a kick says it
            lookAgain = false;
            kick();
        } else if (lookAgain) {
            resend(context);
        }
    }
}
