package io.github.pfncache.sweep;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Lets the stack end inside a load or a store, at every depth. A thread descends until its stack ends, and tries on the
 * way back, in each frame, until it has succeeded a few times: every attempt has a little more stack than the one
 * before. Each attempt is on a page of its own, so what an attempt that failed has left behind can be told.
 */
final class StackSweep {

    private static final int PAGES = 512;
    private static final long GPA = 0x10_0000;
    private static final long SPARE = 0x100_0000;
    private static final int SPARE_SLOT = 1;
    private static final long STACK_BYTES = 192 << 10;
    private static final int SUCCESSES = 3;
    private static final long GUEST_SECONDS = 60;
    private static final int TLB_ENTRIES = 1024;

    /** Something that a guest's code does with a page, all the time. */
    @FunctionalInterface
    interface Attempt {
        void on(StackSweep sweep, int page);
    }

    private final Vm vm = Vm.builder().slotChangeTimeout(Duration.ofMillis(20)).build();
    private final GfnPfnCache[] caches = new GfnPfnCache[PAGES];
    private final GuestTlb tlb;
    private final GuestArea[] areas = new GuestArea[PAGES];
    private final Attempt before;
    private final Attempt attempt;
    private final int warmUp;
    private final List<Integer> overflowed = new ArrayList<>(PAGES);
    private int next;
    private int succeeded;

    StackSweep(Attempt attempt, int warmUp) {
        this((sweep, page) -> {}, attempt, warmUp);
    }

    /** With something that is done to each page first, while there is stack. */
    StackSweep(Attempt before, Attempt attempt, int warmUp) {
        this.before = before;
        this.attempt = attempt;
        this.warmUp = warmUp;
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, PAGES);
        vm.ram().add(SPARE_SLOT, 0, SPARE, 1);
        for (int page = 0; page < PAGES; page++) { // bounded by the pages
            caches[page] = vm.newCache(8);
            caches[page].activate(gpa(page));
            areas[page] = vm.newArea();
        }
        tlb = vm.newTlb(TLB_ENTRIES, new GuestTlb.Unbacked() {
            @Override
            public long load(long gpa, int width, Outcome why) {
                throw new IllegalStateException(why + " at " + Pages.hex(gpa));
            }

            @Override
            public void store(long gpa, int width, long value, Outcome why) {
                throw new IllegalStateException(why + " at " + Pages.hex(gpa));
            }
        });
    }

    static long gpa(int page) {
        return GPA + (long) page * Pages.PAGE_SIZE;
    }

    GfnPfnCache cache(int page) {
        return caches[page];
    }

    GuestTlb tlb() {
        return tlb;
    }

    GuestArea area(int page) {
        return areas[page];
    }

    /** Takes the page away: whatever goes there next takes the slow way. */
    void migrate(int page) {
        vm.host().migrate(hva(page));
    }

    private long hva(int page) {
        return vm.memslots().table().byId(0).hva() + (long) page * Pages.PAGE_SIZE;
    }

    /** Ends the stack once, with some bytes more or less in use: what is wrong afterwards; empty if nothing is. */
    List<String> run(int padding) {
        List<String> faults = new ArrayList<>();
        try (Crew crew = new Crew()) {
            Thread guest = new Thread(null, () -> guest(padding), "sweep-guest", STACK_BYTES);
            guest.start();
            guest.join(Duration.ofSeconds(GUEST_SECONDS).toMillis());
            if (guest.isAlive()) {
                return List.of(new Crew.Hangs("a guest", guest).getMessage());
            }
            crew.check(() -> {
                look(faults);
                return null;
            });
        } catch (Crew.Hangs e) {
            faults.add(e.getMessage());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return faults;
    }

    int overflows() {
        return overflowed.size();
    }

    private void guest(int padding) {
        for (int page = 0; page < PAGES; page++) { // bounded by the pages: what is done here is found there, too
            tlb.loadLong(gpa(page));
        }
        for (int i = 0; i < warmUp; i++) { // bounded by the caller
            before.on(this, i % PAGES);
            attempt.on(this, i % PAGES);
        }
        vm.guestMemory().write(GPA, new byte[PAGES * Pages.PAGE_SIZE]);
        vm.memslots().harvestDirty(0);
        for (int page = 0; page < PAGES; page++) { // bounded by the pages
            before.on(this, page);
        }
        next = 0;
        succeeded = 0;
        overflowed.clear();
        pad(padding, 1, 2, 3);
        int token = vm.memslots().enterRead();
        try (Crew other = new Crew()) {
            // While this thread reads the memory map nobody's slot is given up, whatever has failed before.
            Memslots.Change change = other.check(() -> vm.memslots().delete(SPARE_SLOT));
            if (change == Memslots.Change.DONE) {
                throw new IllegalStateException("a slot was given up under a reader");
            }
        } finally {
            vm.memslots().exitRead(token);
        }
    }

    /** Frames of another size than those of the descent. */
    private long pad(int count, long a, long b, long c) {
        if (count > 0) {
            return pad(count - 1, a + b, b + c, c + a) + a;
        }
        descend();
        return b;
    }

    private void descend() {
        try {
            descend();
        } catch (StackOverflowError e) {
            succeeded = 0; // the bottom: attempts begin
        }
        if (succeeded < SUCCESSES && next < PAGES) {
            int page = next++;
            try {
                attempt.on(this, page);
                succeeded++;
            } catch (StackOverflowError e) {
                succeeded = note(page);
            }
        }
    }

    private int note(int page) {
        overflowed.add(page);
        return 0;
    }

    private void look(List<String> faults) {
        List<Long> logged = new ArrayList<>();
        for (long page : vm.memslots().harvestDirty(0).harvest().pages()) { // bounded by the pages
            logged.add(page);
        }
        HostMemory host = vm.host();
        for (int page : overflowed) { // bounded by the pages
            byte[] bytes = new byte[1];
            host.peek(hva(page), bytes);
            if (bytes[0] != 0 && !logged.contains((long) page)) {
                faults.add("page " + page + " was written and is not in the log");
            }
        }
        for (int page = 0; page < PAGES; page++) { // bounded by the pages: waits for whoever holds one
            migrate(page);
            Outcome outcome = caches[page].refresh();
            if (outcome != Outcome.OK && outcome != Outcome.INACTIVE) {
                faults.add("page " + page + " is refreshed with " + outcome);
                return;
            }
        }
        if (vm.memslots().delete(SPARE_SLOT) != Memslots.Change.DONE) {
            faults.add("a slot is not given up, though nobody reads the memory map");
        }
        VmAudit.atRest(vm);
    }
}
