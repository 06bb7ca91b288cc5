package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import java.util.ArrayList;
import java.util.List;

/** {@code fork()}: a child address space that shares private frames copy on write. */
final class Fork {

    private Fork() {}

    static HostMemory of(HostMemory parent) {
        HostFamily family = parent.family();
        HostMemory child = new HostMemory(family);
        // Private writable pages become read-only in the parent, which is why its mappings of them have to go.
        HostFamily.Scope privateWritable = new HostFamily.Scope() {
            @Override
            public List<Invalidation.Target> targets(boolean wide) {
                return wide ? List.of(new Invalidation.Target(parent, HvaRange.WHOLE)) : privateRanges(parent);
            }

            @Override
            public boolean followsLayout() {
                return true;
            }

            @Override
            public HostMemory memory() {
                return parent;
            }
        };
        HostResult result = null;
        try {
            result = family.change(privateWritable, true, () -> {
                parent.checkOpen();
                for (Vma vma : parent.vmas().all()) { // bounded by the number of mappings
                    child.vmas().insert(vma);
                    if (!vma.shared()) { // shared pages come back by themselves when the child touches them
                        shareLocked(parent, child, vma);
                    }
                }
                family.members.add(child);
                family.listenersChanged();
                return HostResult.OK;
            });
        } finally {
            if (result != HostResult.OK) { // also after a notifier's end threw: nobody has the child
                abandon(child);
            }
        }
        if (result != HostResult.OK) {
            throw new IllegalStateException(
                    "host memory cannot be forked while its notifiers change, or a vCPU keeps its pages");
        }
        return child;
    }

    /** Gives back what a child has that nobody gets. */
    static void abandon(HostMemory child) {
        HostFamily family = child.family();
        family.locked(() -> {
            child.ranges().removeLocked(0, PageTable.PAGES_END);
            if (family.members.remove(child)) {
                family.listenersChanged();
            }
        });
    }

    private static List<Invalidation.Target> privateRanges(HostMemory parent) {
        List<Invalidation.Target> targets = new ArrayList<>();
        for (Vma vma : parent.vmas().all()) { // bounded by the number of mappings
            if (!vma.shared() && vma.isWritable()) {
                targets.add(new Invalidation.Target(parent, HostMemory.pagesToHvaRange(vma.start(), vma.end())));
            }
        }
        return targets;
    }

    /** Gives the child the private pages that the parent has, to be copied by whoever writes first. Lock held. */
    static void shareLocked(HostMemory parent, HostMemory child, Vma vma) {
        HostFamily family = parent.family();
        parent.table().forEach(vma.start(), vma.end(), (page, pte) -> {
            child.table().set(page, Pte.disarmed(Pte.readOnly(pte))); // first: there may be no memory for the table
            if (Pte.isPresent(pte)) {
                family.frames.addOwner(Pte.index(pte));
            } else if (Pte.isSwapped(pte)) {
                family.swap.share(Pte.index(pte));
            }
            parent.table().set(page, Pte.readOnly(pte));
        });
    }
}
