package io.github.pfncache.sweep;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vcpu;

/** What is none of an operation's business, and goes on while the operation waits for its adopter's code. */
final class Strangers {

    private static final long GPA = 0xa0_0000;
    private static final int SLOT = 5;

    private Strangers() {}

    /** Works with another VM of the same host, and with memory of nobody else's. */
    static void work(SweepMachine machine) {
        long place = machine.host.reserve(2);
        require("map", machine.host.mapAnonymous(place, 2, Protection.READ_WRITE), HostResult.OK);
        require("populate", machine.host.populateWrite(place, 2), HostResult.OK);
        machine.host.migrate(place);
        require("evict", machine.host.evict(place, 2), HostResult.OK);
        require("read", machine.host.copyFromUser(place, new byte[8], 0, 8), true);
        GfnPfnCache cache = machine.neighbour.newCache(8);
        cache.activate(SweepMachine.LOW + Pages.PAGE_SIZE);
        long before = cache.loadLong(0, -1);
        if (cache.storeLong(0, before) != Outcome.OK) { // while all memory is being copied, it is tried in vain
            require("store", cache.storeLong(0, before), Outcome.BUSY);
        }
        cache.deactivate();
        // A change of slots may find an invalidation in progress, and says so in time.
        Memslots.Change added =
                machine.neighbour.memslots().set(SLOT, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, Pages.PAGE_SIZE, place);
        if (added == Memslots.Change.DONE) {
            machine.neighbour.memslots().delete(SLOT);
        }
        machine.neighbour.vcpu(0).run(() -> {});
        machine.neighbour.vcpu(0).dirtyRing().exitNeeded();
        require("run", machine.neighbour.vcpu(0).run(() -> {}), Vcpu.Exit.GUEST);
        machine.host.unmap(place, 2);
    }

    private static void require(String what, Object is, Object wanted) {
        if (!is.equals(wanted)) {
            throw new AssertionError("a stranger's " + what + ": " + is);
        }
    }
}
