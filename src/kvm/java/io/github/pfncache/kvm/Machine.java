package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import java.util.HashMap;
import java.util.Map;

/**
 * A virtual machine in its start state and a host's memory, and the operations of the script language on them: on this
 * library, or on a kernel. Not thread-safe.
 */
public abstract class Machine implements AutoCloseable {

    private final HostCalls host;
    private final Arenas arenas;
    private final Observer observer;
    private final MemoryOps memoryOps;
    private XenOps xenOps;
    private final Map<String, Operation> operations = new HashMap<>();

    /** By number: where a memslot begins, how many bytes it has, and where they are in the host. */
    private final Map<Integer, long[]> slots = new HashMap<>();

    private int vcpus = 1;
    private int ringBytes;

    /** Whether the guest has Xen interfaces, is in 64-bit mode at first, and has an interrupt controller. */
    private boolean xen;
    private boolean wide;
    private boolean controller;

    /** Made by the first operation that needs it: what comes before configures it. */
    private VmCalls vm;

    /**
     * Makes the start state.
     *
     * @param host memory with nothing at the places of the arenas
     * @param realtimeSeconds what a wall clock shows, about
     */
    protected Machine(HostCalls host, long realtimeSeconds) {
        this.host = host;
        this.arenas = new Arenas(host);
        this.observer = new Observer(arenas, realtimeSeconds);
        this.memoryOps = new MemoryOps(host, arenas, observer);
    }

    /** Makes the virtual machine: its guest's code is at {@link Arenas#code}. Called once. */
    protected abstract VmCalls start(int vcpus, int ringBytes);

    /** Something else that is due after each operation, and its changes in memory, were looked at. */
    protected void operationDone() {}

    /** By name. What is added, or replaced, here is done instead. */
    protected final Map<String, Operation> operations() {
        if (operations.isEmpty()) { // not in the constructor: they know this machine
            memoryOps.addTo(operations);
            new VmOps(this).addTo(operations);
            xenOps = new XenOps(this);
            xenOps.addTo(operations);
            new XenGuestOps(this, xenOps).addTo(operations);
        }
        return operations;
    }

    /** Runs a script: one observation for each operation. Nothing is done if it is not readable. */
    public final String run(Script script) {
        return run(script, () -> {});
    }

    /** The same, and does something after each operation. */
    public final String run(Script script, Runnable afterEach) {
        for (Script.Op op : script.ops()) { // bounded by the script
            operation(op);
        }
        StringBuilder observed = new StringBuilder();
        for (Script.Op op : script.ops()) { // bounded by the script
            observed.append(observed.isEmpty() ? "" : " ; ").append(perform(op)).append(observer.look());
            operationDone();
            afterEach.run();
        }
        return observed.toString();
    }

    /** Does one operation, and answers what was observed, changes in memory apart. */
    public final String perform(Script.Op op) {
        return operation(op).run(op);
    }

    /** What an operation does. */
    Operation operation(Script.Op op) {
        Operation operation = operations().get(op.name());
        if (operation == null) {
            throw new Script.Unreadable("no operation: " + op.name());
        }
        return operation;
    }

    /** Looks at the whole state for broken invariants, as far as it can be seen. */
    public void audit() {}

    void setVcpus(int count) {
        checkNotStarted();
        vcpus = count;
    }

    void setDirtyRing(int bytes) {
        checkNotStarted();
        ringBytes = bytes;
    }

    void setXen(boolean inWideMode, boolean withController) {
        checkNotStarted();
        xen = true;
        wide = inWideMode;
        controller = withController;
        observer.expectXen();
    }

    /** Whether the guest has Xen interfaces. */
    public final boolean hasXen() {
        return xen;
    }

    final boolean isWide() {
        return wide;
    }

    final boolean hasController() {
        return controller;
    }

    /** The Xen interfaces, that a script has asked for. */
    XenCalls xen() {
        XenCalls calls = calls().xen();
        if (calls == null) {
            throw new Script.Unreadable("no Xen interfaces");
        }
        return calls;
    }

    /** The operations on Xen interfaces, by which numbers of scripts are read. */
    protected final XenOps xenOps() {
        operations();
        return xenOps;
    }

    /** A memslot was set: its size is 0 if there is none any more. */
    void slotIs(int id, long gpa, long size, long hva) {
        slots.put(id, new long[] {gpa, size, hva});
    }

    /** Where a guest address is in the host; 0 if nowhere. */
    long hva(long gpa) {
        if (gpa >= 0 && gpa < (long) Arenas.PAGES << Pages.PAGE_SHIFT) {
            return arenas.code() + gpa;
        }
        return slots.values().stream()
                .filter(slot -> Long.compareUnsigned(gpa - slot[0], slot[1]) < 0)
                .mapToLong(slot -> slot[2] + gpa - slot[0])
                .findFirst()
                .orElse(0);
    }

    HostCalls host() {
        return host;
    }

    boolean hasRing() {
        return ringBytes > 0;
    }

    /** The number of a vCPU that there is. */
    int vcpu(int id) {
        if (id >= vcpus) {
            throw new Script.Unreadable("no vCPU " + id + " among " + vcpus);
        }
        return id;
    }

    /** Refuses to configure what is there. */
    protected final void checkNotStarted() {
        if (isUp()) {
            throw new Script.Unreadable("the VM is up");
        }
    }

    /** Whether the virtual machine was made. */
    public final boolean isUp() {
        return vm != null;
    }

    /** The virtual machine, made now if it is not there yet. */
    protected final VmCalls calls() {
        if (vm == null) {
            vm = start(vcpus, ringBytes);
        }
        return vm;
    }

    /** The host's memory, by the places of scripts. */
    public final Arenas arenas() {
        return arenas;
    }

    /** What looks at memory. */
    public final Observer observer() {
        return observer;
    }

    @Override
    public void close() {
        memoryOps.close();
        host.close();
    }
}
