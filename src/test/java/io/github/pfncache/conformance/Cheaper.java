package io.github.pfncache.conformance;

import io.github.pfncache.kvm.Script;
import java.util.Set;

/** Why an operation costs less here than in the kernel. Each is found by rule, the first that fits. */
enum Cheaper {
    NOWHERE("an event while shared_info is nowhere: the kernel refreshes a cache that points nowhere") {
        @Override
        boolean fits(Script.Op op, Cost kernel, Cost less) {
            return EVENTS.contains(op.name()) && kernel.lookups() + kernel.resolutions() == 0;
        }
    },
    AREA("a runstate registered again in the same pages: its area keeps their caches, and stops at a page it lacks") {
        @Override
        boolean fits(Script.Op op, Cost kernel, Cost less) {
            return op.name().equals("vset") && op.word(2).equals("rs");
        }
    },
    TURNS("a use that fails: the kernel tries again at each turn of its entry loop, an entry here once or twice") {
        @Override
        boolean fits(Script.Op op, Cost kernel, Cost less) {
            return isEntry(op) && kernel.refreshes() > 1;
        }
    },
    OTHER_SLOT("a change of a memslot: the kernel's caches look for their slots anew, here those of that slot do") {
        @Override
        boolean fits(Script.Op op, Cost kernel, Cost less) {
            return less.resolutions() == 0 && less.lookups() > 0 && less.lookups() == less.refreshes();
        }
    },
    LOOK("an entry without interrupts: the kernel looks at the upcall, and refreshes for it") {
        @Override
        boolean fits(Script.Op op, Cost kernel, Cost less) {
            return isEntry(op) && kernel.refreshes() == 1;
        }
    };

    static final Set<String> EVENTS = Set.of("xsend", "send", "fire");

    private final String why;

    Cheaper(String why) {
        this.why = why;
    }

    /** Whether this is why an operation cost so much less than in the kernel. */
    abstract boolean fits(Script.Op op, Cost kernel, Cost less);

    static boolean isEntry(Script.Op op) {
        return Set.of("run", "irun", "hlt", "spin", "send", "hc", "greg").contains(op.name());
    }

    String why() {
        return why;
    }
}
