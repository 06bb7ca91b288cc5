package io.github.pfncache.conformance;

import io.github.pfncache.kvm.LibraryMachine;
import io.github.pfncache.kvm.Script;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.TscSource;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.UpcallListener;
import io.github.pfncache.xen.XenConfig;
import io.github.pfncache.xen.XenVm;
import java.util.List;
import java.util.Set;

/** The machine of a script on this library, whose guest can have Xen interfaces. */
final class XenMachine extends LibraryMachine {

    /** Twice what the shift 0 is for, about, as on the machine of the recordings of Xen interfaces. */
    private static final long TSC_HZ = 2_400_000_000L;

    /** What the guest's memory begins with: a table of addresses. */
    private static final int REAL_MODE_VECTORS = 32;

    /** Null where the library delivers events itself. */
    private final EventModel model;

    private final XenTime time = new XenTime(this);

    /** The mode of the guest's code; null if the VM has no Xen interfaces. */
    private GuestMode xenMode;

    private boolean interruptController;
    private XenVm xen;
    private List<XenCpu> xenCpus;

    XenMachine() {
        this(null);
    }

    /** A machine whose guests hear of events by a model, which does as this library where they differ. */
    XenMachine(Set<Difference> ours) {
        model = ours == null ? null : new EventModel(this, ours);
        XenOps xenOps = new XenOps(this, time);
        xenOps.addTo(operations());
        time.addTo(operations());
        new XenGuest(this, xenOps, time).addTo(operations());
        if (model != null) {
            model.addTo(operations(), xenOps);
        }
    }

    void setXen(GuestMode mode, boolean controller) {
        checkNotStarted();
        xenMode = mode;
        interruptController = controller;
        observer().expectXen();
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

    @Override
    protected void operationDone() {
        if (hasXen()) {
            time.operationDone();
        }
    }

    @Override
    protected Kvmclock attachClock(Vm made) {
        return hasXen() ? Kvmclock.attach(made, TscSource.of(clock(), TSC_HZ)) : super.attachClock(made);
    }

    @Override
    protected void started() {
        if (!hasXen()) {
            return;
        }
        for (int vector = 0; vector < REAL_MODE_VECTORS; vector++) { // bounded by the constant
            vm().host().poke(arenas().code() + vector * Integer.BYTES, new byte[] {0, 0x12, 0, 0});
        }
        xen = XenVm.attach(vm(), kvmclock(), new UpcallListener() {
            @Override
            public void kick(Vcpu vcpu) {} // guests look at each step

            @Override
            public void interrupt(Vcpu vcpu, int vector) {
                xenCpus.get(vcpu.id()).request(vector);
            }
        });
        xen.configure(new XenConfig(0, 0));
        xen.setMode(GuestMode.COMPAT);
        xenCpus = vm().vcpus().stream()
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
}
