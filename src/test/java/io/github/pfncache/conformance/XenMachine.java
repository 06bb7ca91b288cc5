package io.github.pfncache.conformance;

import io.github.pfncache.kvm.LibraryMachine;
import io.github.pfncache.kvm.KernelDifference;
import io.github.pfncache.kvm.XenCpu;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.XenVm;
import java.util.Set;

/** The machine of a script on this library, with a model of events if wanted. */
final class XenMachine extends LibraryMachine {

    /** Null where the library delivers events itself. */
    private final EventModel model;

    XenMachine() {
        this(null);
    }

    /** A machine whose guests hear of events by a model, which does as this library where they differ. */
    XenMachine(Set<KernelDifference> ours) {
        model = ours == null ? null : new EventModel(this, ours);
        if (model != null) {
            model.addTo(operations(), xenOps());
        }
    }

    XenVm xen() {
        return xenVm();
    }

    @Override
    protected XenCpu newXenCpu(XenVm xenVm, Vcpu vcpu) {
        return model == null ? super.newXenCpu(xenVm, vcpu) : model.newCpu(xenVm, vcpu);
    }

    @Override
    protected void fireTimers() {
        if (model == null) {
            super.fireTimers();
        } else {
            model.fireTimers();
        }
    }

    /** What the model did otherwise than the kernel. */
    Set<KernelDifference> differences() {
        return model.noted();
    }
}
