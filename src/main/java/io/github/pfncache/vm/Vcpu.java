package io.github.pfncache.vm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.memslot.DirtyRing;
import java.util.function.Supplier;

/**
 * One virtual CPU: registers that paravirtual interfaces listen to, and entry into the guest.
 *
 * <p>One thread at a time runs a vCPU, which its caller sees to; any thread may write its registers while it does not
 * run. Kernel counterpart: {@code struct kvm_vcpu}, {@code KVM_RUN}, {@code KVM_SET_MSRS}.
 *
 * @since 0.1.0
 */
public final class Vcpu {

    private final Vm vm;
    private final int id;

    /** This vCPU's dirty ring; null when the VM logs into bitmaps. */
    private final DirtyRing ring;

    /** Set by any thread; read when a run starts. */
    private volatile boolean immediateExit;

    /** Of the emulated CPU; null if it holds no pages. Set while it does not run. */
    private volatile GuestMode guestMode;

    Vcpu(Vm vm, int id, DirtyRing ring) {
        this.vm = vm;
        this.id = id;
        this.ring = ring;
    }

    /** Why a run ended. */
    public enum Exit {
        /** The guest's code ended, or did something that its host must handle. */
        GUEST,
        /**
         * The vCPU was told not to enter, or its VM is closed; nothing was consumed. {@code EINTR} with {@code
         * immediate_exit}.
         */
        INTERRUPTED,
        /** The dirty ring has reached its soft limit: harvest it, then run again. {@code KVM_EXIT_DIRTY_RING_FULL}. */
        DIRTY_RING_FULL
    }

    /**
     * Number of the vCPU.
     *
     * @return from 0, in order of creation
     */
    public int id() {
        return id;
    }

    /**
     * The VM it belongs to.
     *
     * @return the VM
     */
    public Vm vm() {
        return vm;
    }

    /**
     * Its dirty ring.
     *
     * @return the ring; null when the VM logs into bitmaps
     */
    public DirtyRing dirtyRing() {
        return ring;
    }

    /**
     * Lets the runs enter and leave a guest mode: the guest's code may hold pages and has to poll.
     *
     * @param mode of the emulated CPU, such as that of its TLB; null for none
     */
    public void setGuestMode(GuestMode mode) {
        guestMode = mode;
    }

    /**
     * Makes the next runs return at once, without entering the guest.
     *
     * @param immediately whether to
     */
    public void setImmediateExit(boolean immediately) {
        immediateExit = immediately;
    }

    /**
     * Runs the guest once: what is pending is done first, then the code executes. If a hook throws, the guest is not
     * entered, what was pending stays so, and the next run calls all hooks afresh.
     *
     * @param guest what the guest does until it exits
     * @return why the run ended
     */
    public Exit run(Runnable guest) {
        if (immediateExit || vm.isClosed()) {
            return Exit.INTERRUPTED;
        }
        if (ring == null) {
            return enter(guest);
        }
        ring.bind();
        try {
            // Before and after the entry's own writes: they alone can fill the ring.
            return ring.exitNeeded() ? Exit.DIRTY_RING_FULL : enter(guest);
        } finally {
            ring.unbind();
        }
    }

    private Exit enter(Runnable guest) {
        vm.hooks().forEach(hook -> hook.beforeRun(this));
        vm.hooks().forEach(hook -> hook.beforeEntry(this));
        if (ring != null && ring.exitNeeded()) {
            return Exit.DIRTY_RING_FULL;
        }
        runInside(guest);
        return Exit.GUEST;
    }

    private void runInside(Runnable guest) {
        GuestMode mode = guestMode;
        if (mode == null) {
            guest.run();
            return;
        }
        mode.enter();
        try {
            guest.run();
        } finally {
            mode.leave();
        }
    }

    /**
     * Does something for the guest that may wait, on the vCPU's thread inside {@link #run}: leaves guest mode, if the
     * vCPU is in it, and enters it again afterwards. Pages may have been dropped then.
     *
     * @param <T> what it answers
     * @param body what to do
     * @return what the body answered
     */
    public <T> T outsideGuest(Supplier<T> body) {
        GuestMode mode = guestMode;
        if (mode == null || !mode.isCurrentThreadInside()) {
            return body.get();
        }
        mode.leave();
        try {
            return body.get();
        } finally {
            mode.enter();
        }
    }

    /**
     * The host writes a register.
     *
     * @param index number of the register
     * @param value new value
     * @return false if it was rejected, with the old value kept
     * @throws IllegalArgumentException if nothing handles this register
     */
    public boolean writeMsr(int index, long value) {
        return handler(index).write(this, index, value);
    }

    /**
     * The guest writes a register, on the vCPU's thread inside {@link #run}: leaves the guest, and enters it again, so
     * what the write has made pending is done before the guest goes on. If a hook throws, the write has been accepted,
     * and the next entry does the rest.
     *
     * @param index number of the register
     * @param value new value
     * @return false if the guest takes a general protection fault, with the old value kept
     * @throws IllegalArgumentException if nothing handles this register
     */
    public boolean guestWriteMsr(int index, long value) {
        return outsideGuest(() -> {
            boolean accepted = handler(index).guestWrite(this, index, value);
            enterAgain();
            return accepted;
        });
    }

    /**
     * Reads a register.
     *
     * @param index number of the register
     * @return its value
     * @throws IllegalArgumentException if nothing handles this register
     */
    public long readMsr(int index) {
        return handler(index).read(this, index);
    }

    /**
     * The guest left for something that was done without its host, like a hypercall, and enters again: what waits for
     * an
     * entry is done before the guest goes on. On the vCPU's thread inside {@link #run}.
     */
    public void enterAgain() {
        outsideGuest(() -> {
            vm.hooks().forEach(hook -> hook.beforeEntry(this));
            return null;
        });
    }

    private MsrHandler handler(int index) {
        MsrHandler handler = vm.msrHandler(index);
        if (handler == null) {
            throw new IllegalArgumentException("no handler for msr " + Pages.hex(Integer.toUnsignedLong(index)));
        }
        return handler;
    }

    @Override
    public String toString() {
        return "vcpu " + id;
    }
}
