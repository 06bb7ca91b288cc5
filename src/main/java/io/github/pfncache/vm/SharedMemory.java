package io.github.pfncache.vm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.MemoryRun;
import io.github.pfncache.memslot.Memslot;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * The pages of slots that show the same host memory: the log knows the address that was written, and the content has
 * changed at all of them. What is of one memory is told from where it is in that memory, so it does not matter whether
 * the slots have the same host addresses, or overlap there in part. Confined to one thread.
 */
final class SharedMemory {

    /** A slot, and a run of its memory. */
    private record Shown(Memslot slot, MemoryRun run) {
        long end() {
            return run.offset() + (run.npages() << Pages.PAGE_SHIFT);
        }

        /** Page of the slot that the run begins with. */
        int firstPage() {
            return (int) (run.hva() - slot.hva() >>> Pages.PAGE_SHIFT);
        }
    }

    private final HostMemory host;

    /** What the slots were of at the last look: of one that has gone, the memory may have gone with it. */
    private Map<Memslot, List<MemoryRun>> known = new IdentityHashMap<>();

    SharedMemory(HostMemory host) {
        this.host = host;
    }

    /** Looks at what some slots are of. Others are forgotten, but for those that {@code alsoGone} has. */
    void lookAt(Iterable<Memslot> slots, Collection<Memslot> alsoGone) {
        Map<Memslot, List<MemoryRun>> now = new IdentityHashMap<>();
        slots.forEach(slot -> now.put(slot, host.runs(slot.hva(), slot.npages())));
        for (Memslot slot : alsoGone) { // bounded by the slots that have gone since the last look
            now.computeIfAbsent(slot, this::runsOfGone);
        }
        known = now;
    }

    /** One that came and went since the last look may have been another one moved or re-flagged: of the same memory. */
    private List<MemoryRun> runsOfGone(Memslot gone) {
        List<MemoryRun> runs = new ArrayList<>(
                known.containsKey(gone) ? List.of() : host.runs(gone.hva(), gone.npages()));
        known.forEach((slot, itsRuns) -> {
            if (slot == gone || slot.sharesLogWith(gone)) {
                runs.addAll(itsRuns);
            }
        });
        return runs;
    }

    /** The pages of the slots that were looked at that show what is at some addresses of the host. */
    Map<Memslot, BitSet> pagesAt(LongStream hvas) {
        long[] at = hvas.sorted().distinct().toArray();
        Map<Memslot, BitSet> marks = new IdentityHashMap<>();
        for (Memslot slot : known.keySet()) { // bounded by the slots
            int from = Arrays.binarySearch(at, slot.hva());
            Arrays.stream(at, from < 0 ? -1 - from : from, at.length)
                    .map(hva -> hva - slot.hva() >>> Pages.PAGE_SHIFT)
                    .takeWhile(page -> page < slot.npages())
                    .forEach(page -> marks.computeIfAbsent(slot, none -> new BitSet()).set((int) page));
        }
        spread(marks);
        return marks;
    }

    /** Adds every page that shows what a marked page shows; of the slots that were looked at. */
    void spread(Map<Memslot, BitSet> marks) {
        Map<Object, List<Shown>> byMemory = new IdentityHashMap<>();
        known.forEach((slot, runs) -> runs.forEach(run ->
                byMemory.computeIfAbsent(run.memory(), memory -> new ArrayList<>()).add(new Shown(slot, run))));
        for (List<Shown> all : byMemory.values()) { // bounded by the memories
            all.sort(Comparator.comparingLong(one -> one.run.offset()));
            int first = 0;
            while (first < all.size()) { // bounded by the runs: each turn passes those that overlap
                long end = all.get(first).end();
                int next = first + 1;
                while (next < all.size() && all.get(next).run.offset() < end) {
                    end = Math.max(end, all.get(next).end());
                    next++;
                }
                if (next > first + 1) {
                    spread(all.subList(first, next), marks);
                }
                first = next;
            }
        }
    }

    private static void spread(List<Shown> overlapping, Map<Memslot, BitSet> marks) {
        long start = overlapping.get(0).run.offset();
        BitSet written = new BitSet(); // pages from there on; a page of an array may touch two of them
        for (Shown one : overlapping) { // bounded by the runs
            BitSet pages = marks.getOrDefault(one.slot, new BitSet());
            int last = one.firstPage() + (int) one.run.npages();
            for (int p = pages.nextSetBit(one.firstPage()); p >= 0 && p < last; p = pages.nextSetBit(p + 1)) {
                long at = one.run.offset() + ((long) (p - one.firstPage()) << Pages.PAGE_SHIFT);
                written.set(pageOf(at, start), pageOf(at + Pages.PAGE_SIZE - 1, start) + 1);
            }
        }
        for (Shown one : overlapping) {
            int from = pageOf(one.run.offset(), start);
            int to = pageOf(one.end() - 1, start) + 1;
            for (int w = written.nextSetBit(from); w >= 0 && w < to; w = written.nextSetBit(w + 1)) {
                long at = start + ((long) w << Pages.PAGE_SHIFT) - one.run.offset(); // in the run, or a bit before it
                long page = Math.max(0, at >> Pages.PAGE_SHIFT);
                long end = Math.min(one.run.npages(), (at + Pages.PAGE_SIZE - 1 >> Pages.PAGE_SHIFT) + 1);
                marks.computeIfAbsent(one.slot, slot -> new BitSet())
                        .set(one.firstPage() + (int) page, one.firstPage() + (int) end);
            }
        }
    }

    private static int pageOf(long offset, long start) {
        return (int) (offset - start >>> Pages.PAGE_SHIFT);
    }
}
