package io.github.pfncache.kvm;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Supplier;

/**
 * What scripts ask of the Xen interfaces of a virtual machine, and of its guests: this library's, or the kernel's. An
 * attribute's value is the 64 bytes that KVM's calls take, little-endian. Answers are in the notation of the
 * recordings. Not thread-safe.
 */
public interface XenCalls {

    /** How many bytes the value of an attribute has. */
    int VALUE_BYTES = 64;

    /** Instead of a vCPU's number: an attribute of the virtual machine. */
    int OF_VM = -1;

    // Attributes of the virtual machine.
    int LONG_MODE = 0;
    int SHARED_INFO = 1;
    int VM_VECTOR = 2;
    int EVTCHN = 3;
    int VERSION = 4;
    int RUNSTATE_FLAG = 5;
    int SHARED_INFO_HVA = 6;

    // Attributes of a vCPU.
    int VCPU_INFO = 0;
    int TIME_INFO = 1;
    int RUNSTATE = 2;
    int RUNSTATE_CURRENT = 3;
    int RUNSTATE_DATA = 4;
    int RUNSTATE_ADJUST = 5;
    int VCPU_ID = 6;
    int TIMER = 7;
    int VCPU_VECTOR = 8;
    int VCPU_INFO_HVA = 9;

    // Flags of a binding of an event channel.
    int DEASSIGN = 1;
    int UPDATE = 2;
    int RESET = 4;

    /** What a guest does when it is entered. */
    enum Code {
        /** It leaves at once. */
        LEAVE,
        /** It halts, then leaves. */
        HALT,
        /** It never leaves. */
        SPIN
    }

    /** {@code KVM_XEN_HVM_CONFIG}. */
    String configure(int flags, int msr);

    /** Sets an attribute: {@code 0} or an errno. */
    String set(int vcpu, int type, ByteBuffer value);

    /** Reads an attribute: {@code 0} or an errno. */
    String get(int vcpu, int type, ByteBuffer value);

    /** {@code KVM_XEN_HVM_EVTCHN_SEND}. */
    String send(int port, int vcpu, int priority);

    /** Lets an interrupt line of the host raise an event. */
    String route(int gsi, int port, int vcpu, int priority);

    /** Gives an interrupt line an eventfd. */
    String openLine(int gsi);

    /** Writes to the eventfd of a line, and waits a little. */
    String fire(int gsi);

    /** Sets a line, and tells what came of it. */
    String setLine(int gsi, int level);

    /** An eventfd that a guest may send to: the number that a binding names. */
    int newEventfd();

    /** What was sent to the eventfd that was made as the first, the second and so on. */
    String readEventfd(int index);

    /** What the clock of the virtual machine shows, in nanoseconds. */
    long clock();

    /** Sets that clock. */
    String setClock(long nanos);

    /** Lets another thread do something after so many milliseconds. */
    void later(int millis, Supplier<String> what);

    /** Waits until all other threads are done; what each answered. */
    List<String> join();

    /** The guest of a vCPU. */
    Guest guest(int vcpu);

    /** What scripts ask of the guest of one vCPU. */
    interface Guest {

        /** Whether it is in 64-bit mode. */
        boolean isWide();

        /** Puts it into 64-bit or 32-bit mode. */
        void setWide(boolean wide);

        /** Enters it, with interrupts on or off, for so many milliseconds at most; how it left. */
        String run(Code code, boolean interruptible, int limit);

        /** Enters it, and it writes a register; how it left. */
        String writeMsr(int index, long value);

        /** Enters it, and it makes a hypercall with six arguments; the answer, or how it left. */
        String hypercall(long number, List<Long> arguments, int limit);

        /** Enters it again where it is. */
        String goOn(int limit);

        /** The vectors that its interrupt controller has requested, and those that it has in service. */
        String interrupts();
    }
}
