package io.github.pfncache.vm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnToHvaCache;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.memslot.DirtyBitmap;
import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.WriteWatch;
import io.github.pfncache.sweep.Allocations;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Each allocation fails of each call that reads a dirty log, or has it written, in a library that counts them: what was
 * written is found all the same, by a reader, by a follower and by a watch.
 */
public final class LogOutOfMemory implements Function<String[], List<String>> {

    /** Marks of these pages lie far from each other: each needs room of its own. */
    private static final long[] WRITTEN = {1, 40_000};
    private static final long HELD = 5;
    private static final long WATCHED = 70_000;
    private static final int NPAGES = 70_001;
    /** Of a slot that the follower has not seen yet. */
    private static final long NEW = 100_000;

    private interface Call {
        void on(World world);
    }

    /** A slot of which pages were written through a ring, one of them held for writing by a vCPU outside. */
    private static final class World {
        final Vm vm = Vm.builder().vcpus(0).dirtyRing(128).build();
        final DirtyReader reader = vm.memslots().newDirtyReader();
        /** Null without one: its first delivery takes most of the time. */
        final DirtyLogFollower follower;
        final WriteWatch watch = vm.memslots().newWriteWatch();
        final DirtyRing ring = vm.memslots().newDirtyRing(128);
        final Set<Long> read = new TreeSet<>();
        final Set<Long> delivered = new TreeSet<>();
        final RamSnapshot snapshot;
        private boolean settled;
        private final GuestMode mode = vm.newGuestMode(gpa -> {});

        World(boolean follows) {
            vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0, NPAGES);
            follower = follows ? vm.followDirtyLog() : null;
            vm.host().poke(vm.memslots().table().byId(0).gfnToHva(WATCHED), new byte[] {1}); // there is no mark of it
            snapshot = vm.ram().snapshot();
            settle();
            settled = false;
            if (follows) {
                vm.ram().add(1, 0, Pages.gfnToGpa(NEW), 1);
            }
            mode.enter();
            mode.hold(Pages.gfnToGpa(HELD), true);
            mode.leave();
            ring.bind();
            Arrays.stream(WRITTEN).forEach(page -> write(page, 1));
            ring.unbind();
        }

        void write(long gfn, int value) {
            vm.guestMemory().write(Pages.gfnToGpa(gfn), new byte[] {(byte) value});
        }

        void update(long gfn, int value) {
            GfnToHvaCache half = vm.caches().newGfnToHvaCache(1);
            half.activate(Pages.gfnToGpa(gfn));
            half.update(window -> window.put(0, Byte.BYTES, value));
        }

        byte at(long gfn) {
            byte[] bytes = new byte[1];
            vm.host().peek(vm.memslots().table().byId(0).gfnToHva(gfn), bytes);
            return bytes[0];
        }

        /** What was written has been found. */
        void settle() {
            reader.harvest((slot, pages) -> {});
            if (follower != null) {
                follower.deliver(gfn -> true);
            }
            settled = true;
        }

        void harvest() {
            reader.harvest((slot, pages) -> Arrays.stream(pages).forEach(read::add));
        }

        void harvestSome() {
            BitSet some = new BitSet();
            some.set((int) WRITTEN[1]);
            DirtyBitmap.Harvest harvest = reader.harvest(vm.memslots().table().byId(0), some);
            boolean delivered = false;
            try {
                Arrays.stream(harvest.pages()).forEach(read::add);
                delivered = true;
            } finally {
                if (!delivered) {
                    harvest.putBack();
                }
            }
        }

        void deliver() {
            follower.deliver(delivered::add);
        }

        /** Takes all that is left, and ends it. What is missing. */
        String end() {
            harvest();
            Set<Long> all = new TreeSet<>();
            if (!settled || at(WRITTEN[0]) == 0) { // not found yet, or put back
                Arrays.stream(WRITTEN).forEach(all::add);
            }
            if (!settled) {
                all.add(HELD);
            }
            if (at(WATCHED) != 1) {
                all.add(WATCHED);
            }
            String missing = read.containsAll(all) ? "" : " the reader has " + read + " of " + all;
            if (follower != null) {
                deliver();
                all.add(NEW);
            }
            missing += follower == null || delivered.containsAll(all) ? ""
                    : " the follower has " + delivered + " of " + all;
            mode.close();
            snapshot.close();
            watch.close();
            reader.close();
            vm.close();
            return missing;
        }
    }

    private static Map<String, Call> calls() {
        Map<String, Call> calls = new LinkedHashMap<>();
        calls.put("harvest", World::harvest);
        calls.put("harvest of some", World::harvestSome);
        calls.put("deliver", World::deliver);
        calls.put("write", world -> world.write(WATCHED, 7));
        calls.put("first write", world -> world.write(WATCHED, 7));
        calls.put("first update", world -> world.update(WATCHED, 7));
        calls.put("rewind", world -> world.vm.ram().rewind(world.snapshot));
        return calls;
    }

    @Override
    public List<String> apply(String[] nothing) {
        List<String> faults = new ArrayList<>();
        int tries = 0;
        for (Map.Entry<String, Call> each : calls().entrySet()) {
            int[] count = {1};
            for (int n = 0; n < count[0]; n++) { // bounded by the allocations of the call
                tries++;
                String wrong = tried(each.getKey(), each.getValue(), n, count);
                if (!wrong.isEmpty()) {
                    faults.add(each.getKey() + ", allocation " + n + ", " + Allocations.place() + ":" + wrong);
                }
            }
        }
        faults.add(0, tries + " tries");
        return faults;
    }

    private static String tried(String name, Call call, int n, int[] count) {
        World world = new World(name.equals("deliver"));
        if (name.equals("rewind")) {
            world.settle();
        }
        boolean watched = !name.startsWith("first") && world.watch.watch(WATCHED);
        boolean more = Allocations.failing(n, () -> {
            try {
                call.on(world);
                return false;
            } catch (OutOfMemoryError e) {
                return true;
            }
        }, all -> {});
        count[0] += more ? 1 : 0;
        String untold = watched && world.at(WATCHED) != 1 && !world.watch.isDue() ? " the watch is not due" : "";
        return untold + world.end();
    }
}
