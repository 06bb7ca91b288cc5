package io.github.pfncache.kvm;

/**
 * What scripts ask of a virtual machine: this library's, or the kernel's. An answer is in the notation of the
 * recordings; a vCPU is named by its number. Not thread-safe.
 */
public interface VmCalls {

    /** Makes, moves, changes or, by size 0, deletes a memslot: {@code 0} or an errno. */
    String setSlot(int id, int flags, long gpa, long size, long hva);

    /** Takes the dirty log of a slot: <code>{0.2}</code> or an errno. */
    String harvest(int id);

    /** Takes the entries of a vCPU's dirty ring, and resets it. */
    String harvestRing(int vcpu);

    /** Writes a register as the host does; whether it was accepted. */
    boolean writeMsr(int vcpu, int index, long value);

    /** Enters the guest, which writes a register and goes on: {@code ok}, {@code #GP}, or how it left. */
    String guestWriteMsr(int vcpu, int index, long value);

    /** Reads a register: its value, or {@code rej}. */
    String readMsr(int vcpu, int index);

    /** Enters the guest once, which leaves by itself; how it left. */
    String run(int vcpu);

    /** Enters with the request to leave at once. */
    String runImmediate(int vcpu);

    /** Sets the VM's clock to what it shows. */
    String setClock();

    /** Says that a vCPU was stopped by the host. */
    String guestStopped(int vcpu);

    /** Lets time pass. */
    void sleep(long millis);

    /** The Xen interfaces; null if there are none. */
    XenCalls xen();
}
