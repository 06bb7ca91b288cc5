package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.scenario.Guest;
import io.github.pfncache.vm.DirtyLogFollower;
import io.github.pfncache.vm.Vm;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** Dirty logs, rings and their readers, in which every write of the guest is found. */
public final class LogScenarios {

    private LogScenarios() {}

    private static void store(Guest guest, int page, long value) {
        GfnPfnCache cache = guest.cacheOf(page);
        assertThat(cache.storeLong(0, value)).isEqualTo(Outcome.OK);
        cache.deactivate();
    }

    /** A ring is read while its vCPU writes: what it hands out is what was written. */
    public static void writesAgainstReadsOfTheRing(ScenarioRun stage) {
        HostMemory host = HostMemory.builder().chunkBytes(0x4000, 0x10000).build();
        Vm vm = Vm.builder().host(host).vcpus(0).dirtyRing(128).build();
        host.mapAnonymous(Guest.HVA, Guest.PAGES, Protection.READ_WRITE);
        vm.memslots().set(Guest.SLOT, Memslot.FLAG_LOG_DIRTY_PAGES, Guest.GPA, Guest.PAGES * 4096L, Guest.HVA);
        List<GfnPfnCache> caches = new ArrayList<>();
        for (int page = 1; page < 4; page++) {
            caches.add(vm.newCache(8));
            caches.get(page - 1).activate(Guest.gpa(page));
        }
        DirtyRing ring = vm.memslots().newDirtyRing(128);
        List<DirtyRing.Entry> found = new ArrayList<>();
        stage.thread("vcpu", () -> {
            ring.bind();
            caches.forEach(cache -> cache.storeLong(0, 9));
            ring.unbind();
        });
        stage.thread("reader", () -> {
            found.addAll(ring.entries());
            ring.reset();
            found.addAll(ring.entries());
        });
        stage.afterwards(() -> {
            found.addAll(ring.entries());
            assertThat(found).as("entries").extracting(DirtyRing.Entry::page).containsExactly(1L, 2L, 3L);
            assertThat(found).as("slots").extracting(DirtyRing.Entry::slotId).containsOnly(Guest.SLOT);
        });
    }

    /** A follower begins while a vCPU writes: it finds all writes, or the whole slot. */
    public static void followerAgainstWrites(ScenarioRun stage) {
        Guest guest = Guest.logging();
        TreeSet<Long> delivered = new TreeSet<>();
        long[] copied = new long[Guest.PAGES];
        DirtyLogFollower[] follower = new DirtyLogFollower[1];
        stage.thread("migration", () -> {
            follower[0] = guest.vm.followDirtyLog();
            deliver(guest, follower[0], delivered, copied);
        });
        stage.thread("vcpu", () -> {
            store(guest, 0, 7);
            store(guest, 3, 8);
        });
        stage.afterwards(() -> {
            deliver(guest, follower[0], delivered, copied);
            for (int page = 0; page < Guest.PAGES; page++) {
                assertThat(copied[page]).as("copy of a page").isEqualTo(guest.peek(page));
            }
            follower[0].close();
            guest.atRest();
        });
    }

    private static void deliver(Guest guest, DirtyLogFollower follower, TreeSet<Long> delivered, long[] copied) {
        follower.deliver(gfn -> {
            delivered.add(gfn);
            int page = (int) (gfn - (Guest.GPA >>> 12));
            copied[page] = guest.peek(page);
            return true;
        });
    }

    /** Two followers and a harvest, while a vCPU writes: each of the three has it. */
    public static void readersAgainstWrite(ScenarioRun stage) {
        Guest guest = Guest.logging();
        DirtyLogFollower one = guest.vm.followDirtyLog();
        long[] mine = new long[Guest.PAGES];
        deliver(guest, one, new TreeSet<>(), mine);
        long[] harvested = {guest.peek(2)};
        stage.thread("vcpu", () -> store(guest, 2, 5));
        stage.thread("follower", () -> deliver(guest, one, new TreeSet<>(), mine));
        stage.thread("harvest", () -> {
            if (guest.harvest().length != 0) {
                harvested[0] = guest.peek(2);
            }
        });
        stage.afterwards(() -> {
            deliver(guest, one, new TreeSet<>(), mine);
            if (guest.harvest().length != 0) {
                harvested[0] = guest.peek(2);
            }
            assertThat(mine[2]).as("copy of the follower").isEqualTo(5);
            assertThat(harvested[0]).as("copy of the harvest").isEqualTo(5);
            one.close();
            guest.atRest();
        });
    }

    /** A machine is closed while a follower and a cache begin: nothing is left open, and nothing works on. */
    public static void closeAgainstBeginnings(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GfnPfnCache cache = guest.vm.newCache(8);
        DirtyLogFollower[] follower = new DirtyLogFollower[1];
        stage.thread("close", guest.vm::close);
        stage.thread("beginnings", () -> {
            try {
                follower[0] = guest.vm.followDirtyLog();
            } catch (IllegalStateException e) {
                assertThat(guest.vm.isClosed()).as("refused because it is closed").isTrue();
            }
            cache.activate(Guest.GPA);
        });
        stage.afterwards(() -> {
            assertThat(guest.vm.isClosed()).isTrue();
            assertThat(guest.vm.stillOpen()).as("left open").isEmpty();
            assertThat(cache.loadLong(0, -1)).as("a load of what is closed").isEqualTo(-1);
        });
    }
}
