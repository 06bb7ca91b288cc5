package io.github.pfncache.examples;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.DirtyLogFollower;
import io.github.pfncache.vm.Vm;
import java.util.Map;
import java.util.TreeMap;

/**
 * Pre-copy live migration: the guest runs while its memory is copied, then what was written meanwhile is copied again,
 * until little is left; then it stops, and the rest follows.
 */
final class LiveMigration {

    /** Rounds while the guest runs; a guest that writes faster than the line carries has to be stopped some time. */
    private static final int MAX_ROUNDS = 30;

    /** So few pages left are worth the stop. */
    private static final int FEW_PAGES = 32;

    /** The line to the other host; answers whether a page has arrived. */
    interface Line {
        boolean send(long gfn, byte[] page);
    }

    private final Vm vm;
    private final Line line;
    private int rounds;
    private boolean converged;

    LiveMigration(Vm vm, Line line) {
        this.vm = vm;
        this.line = line;
    }

    /**
     * Copies everything to the other side.
     *
     * @param stop stops the vCPUs, the devices and hot-plug; on return nobody writes any more
     */
    void run(Runnable stop) {
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            while (!converged && rounds < MAX_ROUNDS) {
                DirtyLogFollower.Round round = log.deliver(this::send);
                converged = round.complete() && round.pages() + round.putBack() <= FEW_PAGES;
                rounds++;
            }
            stop.run();
            boolean done = false;
            while (!done) { // bounded by the line: it carries every page some time, or throws
                DirtyLogFollower.Round round = log.deliver(this::send);
                done = round.complete() && round.putBack() == 0;
                rounds++;
            }
        }
    }

    int rounds() {
        return rounds;
    }

    /** Whether little was left when the guest was stopped. */
    boolean hasConverged() {
        return converged;
    }

    private boolean send(long gfn) {
        byte[] page = new byte[Pages.PAGE_SIZE];
        int read = vm.guestMemory().read(Pages.gfnToGpa(gfn), page);
        return read < page.length || line.send(gfn, page); // a page that is not there any more needs no copy
    }

    /** The other host: keeps what arrives, and becomes a VM when told the memory map. */
    static final class Destination {

        private final Map<Long, byte[]> pages = new TreeMap<>();

        boolean receive(long gfn, byte[] page) {
            pages.put(gfn, page);
            return true;
        }

        /** A VM with the slots of another, and the pages that have arrived for them. */
        Vm start(Vm like) {
            Vm vm = Vm.builder().vcpus(like.vcpus().size()).build();
            for (Memslot slot : like.memslots().table()) { // bounded by the slots
                vm.ram().add(slot.id(), slot.flags(), Pages.gfnToGpa(slot.baseGfn()), slot.npages());
            }
            pages.forEach((gfn, page) -> vm.guestMemory().write(Pages.gfnToGpa(gfn), page));
            return vm;
        }
    }
}
