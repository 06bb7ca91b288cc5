package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.pvclock.TscSource;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.UpcallListener;
import io.github.pfncache.xen.XenConfig;
import io.github.pfncache.xen.XenVm;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A virtual machine in its start state, and the operations of the script language on it. */
final class Machine implements AutoCloseable {

    /** No byte of it is that of an untouched page, so every byte of a wall clock that is written is seen. */
    static final long REALTIME_NANOS = 1_700_000_000_123_456_789L;

    /** All pages of the arenas and of the code, in one piece. */
    private static final int FRAME_BYTES = 4 * Arenas.PAGES * Pages.PAGE_SIZE;

    /** Twice what the shift 0 is for, about, as on the machine of the recordings of Xen interfaces. */
    private static final long TSC_HZ = 2_400_000_000L;

    private static final long CODE_GPA = 0;
    private static final int CODE_SLOT = 0;

    /** What the guest's memory begins with: a table of addresses. */
    private static final int REAL_MODE_VECTORS = 32;

    private final HostMemory host =
            HostMemory.builder().chunkBytes(FRAME_BYTES, FRAME_BYTES).build();
    private final HostClock.Manual clock = new HostClock.Manual(REALTIME_NANOS);
    private final Arenas arenas = new Arenas(host);
    private final Observer observer = new Observer(arenas);
    private final MemoryOps memoryOps = new MemoryOps(host, arenas, observer);
    private final Map<String, Operation> operations = new HashMap<>();

    /** Null where the library delivers events itself. */
    private final EventModel model;

    private final XenTime time = new XenTime(this);

    private int vcpus = 1;
    private int ringEntries;

    /** Made by the first operation that needs it: what comes before configures it. */
    private Vm vm;

    private Kvmclock kvmclock;

    /** The mode of the guest's code; null if the VM has no Xen interfaces. */
    private GuestMode xenMode;

    private boolean interruptController;
    private XenVm xen;
    private List<XenCpu> xenCpus;

    Machine() {
        this(null);
    }

    /** A machine whose guests hear of events by a model, which does as this library where they differ. */
    Machine(Set<Difference> ours) {
        model = ours == null ? null : new EventModel(this, ours);
        memoryOps.addTo(operations);
        new VmOps(this).addTo(operations);
        XenOps xenOps = new XenOps(this, time);
        xenOps.addTo(operations);
        time.addTo(operations);
        new XenGuest(this, xenOps, time).addTo(operations);
        if (model != null) {
            model.addTo(operations, xenOps);
        }
    }

    /** Runs a script: one observation for each operation. Nothing is done if it is not readable. */
    String run(Script script) {
        return run(script, () -> {});
    }

    /** The same, and does something after each operation. */
    String run(Script script, Runnable afterEach) {
        for (Script.Op op : script.ops()) { // bounded by the script
            if (!operations.containsKey(op.name())) {
                throw new Script.Unreadable("no operation: " + op.name());
            }
        }
        StringBuilder observed = new StringBuilder();
        for (Script.Op op : script.ops()) { // bounded by the script
            observed.append(observed.isEmpty() ? "" : " ; ").append(perform(op)).append(observer.look());
            if (hasXen()) {
                time.operationDone();
            }
            afterEach.run();
        }
        return observed.toString();
    }

    String perform(Script.Op op) {
        Operation operation = operations.get(op.name());
        if (operation == null) {
            throw new Script.Unreadable("no operation: " + op.name());
        }
        return operation.run(op);
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

    void setXen(GuestMode mode, boolean controller) {
        checkNotStarted();
        xenMode = mode;
        interruptController = controller;
        observer.expectXen();
    }

    boolean hasXen() {
        return xenMode != null;
    }

    XenVm xen() {
        vm();
        if (xen == null) {
            throw new Script.Unreadable("no Xen interfaces");
        }
        return xen;
    }

    XenCpu xenCpu(int id) {
        xen();
        return xenCpus.get(id);
    }

    private void checkNotStarted() {
        if (vm != null) {
            throw new Script.Unreadable("the VM is up");
        }
    }

    boolean isUp() {
        return vm != null;
    }

    Vm vm() {
        if (vm == null) {
            vm = Vm.builder()
                    .host(host)
                    .clock(clock)
                    .vcpus(vcpus)
                    .dirtyRing(ringEntries)
                    .build();
            kvmclock = hasXen() ? Kvmclock.attach(vm, TscSource.of(clock, TSC_HZ)) : Kvmclock.attach(vm);
            StealTime.attach(vm);
            vm.memslots().set(CODE_SLOT, 0, CODE_GPA, Arenas.PAGES * (long) Pages.PAGE_SIZE, arenas.code());
            if (hasXen()) {
                startXen();
            }
        }
        return vm;
    }

    private void startXen() {
        for (int vector = 0; vector < REAL_MODE_VECTORS; vector++) { // bounded by the constant
            host.poke(arenas.code() + vector * Integer.BYTES, new byte[] {0, 0x12, 0, 0});
        }
        xen = XenVm.attach(vm, kvmclock, new UpcallListener() {
            @Override
            public void kick(Vcpu vcpu) {} // guests look at each step

            @Override
            public void interrupt(Vcpu vcpu, int vector) {
                xenCpus.get(vcpu.id()).request(vector);
            }
        });
        xen.configure(new XenConfig(0, 0));
        xen.setMode(GuestMode.COMPAT);
        xenCpus = vm.vcpus().stream()
                .map(vcpu -> model == null ? new XenCpu(this, vcpu, xenMode) : model.newCpu(vcpu, xenMode))
                .toList();
        xenCpus.forEach(cpu -> cpu.xen().setInterruptControllerEnabled(interruptController));
        time.started();
    }

    /** The host's timers have come to their end, if it is time. */
    void fireTimers() {
        if (model == null) {
            xen().runTimers(CallContext.ATOMIC);
        } else {
            model.fireTimers();
        }
    }

    XenTime time() {
        return time;
    }

    /** What the model did otherwise than the kernel. */
    Set<Difference> differences() {
        return model.noted();
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
