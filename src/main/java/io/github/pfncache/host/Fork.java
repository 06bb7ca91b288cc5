package io.github.pfncache.host;

import java.util.ArrayList;
import java.util.List;

/** The making of a child address space that shares private frames copy on write: {@code fork()}. */
final class Fork {

    private Fork() {}

    /** Gives a child, which is of the same family and empty, what the parent has. */
    static void share(AddressSpace parent, AddressSpace child) {
        HostFamily family = parent.family;
        // Private writable pages become read-only in the parent, which is why its mappings of them have to go.
        HostFamily.Scope privateWritable = new HostFamily.Scope(parent, true, () -> privateRanges(parent));
        HostResult result = null;
        try {
            result = family.change(privateWritable, true, () -> {
                parent.checkOpen();
                for (Vma vma : parent.vmas.all()) { // bounded by the number of mappings
                    child.vmas.insert(vma);
                    if (!vma.shared()) { // shared pages come back by themselves when the child touches them
                        shareLocked(parent, child, vma);
                    }
                }
                child.enterLocked();
                return HostResult.OK;
            });
        } finally {
            if (result != HostResult.OK) { // also after a notifier's end threw: the caller has no child
                abandon(child);
            }
        }
        if (result != HostResult.OK) {
            throw new IllegalStateException(
                    "host memory cannot be forked while its notifiers change, or a vCPU keeps its pages");
        }
    }

    /** Gives back what a child has that the caller does not get. Allocates nothing. */
    static void abandon(AddressSpace child) {
        child.family.lock.lock();
        try {
            child.leaveLocked();
        } finally {
            child.family.lock.unlock();
        }
    }

    private static List<Invalidation.Target> privateRanges(AddressSpace parent) {
        List<Invalidation.Target> targets = new ArrayList<>();
        for (Vma vma : parent.vmas.all()) { // bounded by the number of mappings
            if (!vma.shared() && vma.isWritable()) {
                targets.add(parent.target(vma.range()));
            }
        }
        return targets;
    }

    /** Gives the child the private pages that the parent has, to be copied by the first writer. Lock held. */
    static void shareLocked(AddressSpace parent, AddressSpace child, Vma vma) {
        parent.table.forEach(vma.start(), vma.end(), (page, pte) -> {
            child.table.set(page, Pte.disarmed(Pte.readOnly(pte))); // first: there may be no memory for the table
            parent.store.share(pte);
            parent.table.set(page, Pte.readOnly(pte));
        });
    }
}
