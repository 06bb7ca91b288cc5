package io.github.pfncache.host;

/** The making of a child address space that shares private frames copy on write: {@code fork()}. */
final class Fork {

    private Fork() {}

    /** Gives a child, which is of the same family and empty, what the parent has. */
    static void share(AddressSpace parent, AddressSpace child) {
        HostFamily family = parent.family;
        // Private writable pages become read-only in the parent, which is why its mappings of them have to go.
        HostFamily.Scope privateWritable = new HostFamily.Scope(parent, true, () -> parent.vmas.all().stream()
                .filter(vma -> !vma.shared() && vma.isWritable())
                .flatMap(vma -> parent.targets(vma.range()))
                .toList());
        HostResult result = null;
        try {
            result = family.change(privateWritable, true, () -> {
                parent.checkOpen();
                child.discarded = parent.discarded.copy();
                for (Vma vma : parent.vmas.all()) { // bounded by the number of mappings
                    child.vmas.insert(vma);
                    if (!vma.shared()) { // shared pages come back by themselves when the child touches them
                        parent.table.shareWith(child.table, vma.start(), vma.end());
                    }
                }
                child.enterLocked();
                return HostResult.OK;
            });
        } finally {
            if (result != HostResult.OK) { // also after a notifier's end threw: the caller has no child
                family.locked(child.leave);
            }
        }
        if (result != HostResult.OK) {
            throw new IllegalStateException(
                    "host memory cannot be forked while its notifiers change, or a vCPU keeps its pages");
        }
    }
}
