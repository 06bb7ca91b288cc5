package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.util.HashMap;
import java.util.Map;

/** A virtual machine in its start state, and the operations of the script language on it. */
final class Machine implements AutoCloseable {

    /** No byte of it is that of an untouched page, so every byte of a wall clock that is written is seen. */
    private static final long REALTIME_NANOS = 1_700_000_000_123_456_789L;

    /** All pages of the arenas and of the code, in one piece. */
    private static final int FRAME_BYTES = 4 * Arenas.PAGES * Pages.PAGE_SIZE;

    private static final long CODE_GPA = 0;
    private static final int CODE_SLOT = 0;

    private final HostMemory host =
            HostMemory.builder().chunkBytes(FRAME_BYTES, FRAME_BYTES).build();
    private final HostClock.Manual clock = new HostClock.Manual(REALTIME_NANOS);
    private final Arenas arenas = new Arenas(host);
    private final Observer observer = new Observer(arenas);
    private final MemoryOps memoryOps = new MemoryOps(host, arenas, observer);
    private final Map<String, Operation> operations = new HashMap<>();

    private int vcpus = 1;
    private int ringEntries;

    /** Made by the first operation that needs it: what comes before configures it. */
    private Vm vm;

    private Kvmclock kvmclock;

    Machine() {
        memoryOps.addTo(operations);
        new VmOps(this).addTo(operations);
    }

    /** Runs a script: one observation for each operation. Nothing is done if it is not readable. */
    String run(Script script) {
        for (Script.Op op : script.ops()) { // bounded by the script
            if (!operations.containsKey(op.name())) {
                throw new Script.Unreadable("no operation: " + op.name());
            }
        }
        StringBuilder observed = new StringBuilder();
        for (Script.Op op : script.ops()) { // bounded by the script
            observed.append(observed.isEmpty() ? "" : " ; ")
                    .append(operations.get(op.name()).run(op))
                    .append(observer.look());
        }
        return observed.toString();
    }

    /** Looks at the whole state for broken invariants. */
    void audit() {
        VmAudit.atRest(vm());
        host.audit();
    }

    void setVcpus(int count) {
        checkNotStarted();
        vcpus = count;
    }

    void setDirtyRing(int entries) {
        checkNotStarted();
        ringEntries = entries;
    }

    private void checkNotStarted() {
        if (vm != null) {
            throw new Script.Unreadable("the VM is up");
        }
    }

    Vm vm() {
        if (vm == null) {
            vm = Vm.builder()
                    .host(host)
                    .clock(clock)
                    .vcpus(vcpus)
                    .dirtyRing(ringEntries)
                    .build();
            kvmclock = Kvmclock.attach(vm);
            StealTime.attach(vm);
            vm.memslots().set(CODE_SLOT, 0, CODE_GPA, Arenas.PAGES * (long) Pages.PAGE_SIZE, arenas.code());
        }
        return vm;
    }

    Kvmclock kvmclock() {
        vm();
        return kvmclock;
    }

    HostClock.Manual clock() {
        return clock;
    }

    Arenas arenas() {
        return arenas;
    }

    Observer observer() {
        return observer;
    }

    @Override
    public void close() {
        memoryOps.close();
        host.close();
    }
}
