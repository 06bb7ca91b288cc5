package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Every place in host memory where some operation of a trace ever puts a probe, and what was last read there. Reads
 * host memory as a debugger does: what the caches believe plays no part.
 *
 * <p><b>Cost.</b> Up to {@link #RECENT} places of a probe are read each time. Of more, the ones where the memory map
 * put it last, and all of them once in so many times as there are: so a replay costs what its operations cost, however
 * many places they name, and a clock that was written where it did not belong is found a little later.
 */
final class ProbePlaces {

    /** So many places of each probe are read every time. */
    static final int RECENT = 32;

    /** Bytes that an update writes, from the version on. */
    private static final int CLOCK_SIZE = 32;

    private final HostMemory host;
    private final Memslots memslots;
    private final List<Watch> byProbe = new ArrayList<>();
    /** Every page in which a clock was found, by its hva, with the bytes of its clocks. Bounded by the places. */
    private final Map<Long, BitSet> clocks = new HashMap<>();

    /** Those of them that were written since the last search for strays. */
    private final Set<Long> fresh = new HashSet<>();

    private final byte[] page = new byte[Pages.PAGE_SIZE];
    private final byte[] version = new byte[Integer.BYTES];

    private long reads;

    private static final class Watched {
        final ClockWrites.Place place;
        final long hva;
        int version;

        Watched(ClockWrites.Place place, long hva) {
            this.place = place;
            this.hva = hva;
        }
    }

    /** The places of one probe. */
    private static final class Watch {
        final Map<Long, Watched> byHva = new LinkedHashMap<>();

        /** Where the memory map put it, the last one last; at most RECENT. */
        final Set<Watched> recent = new LinkedHashSet<>();

        int looksSinceAll;

        void putAt(long hva) {
            Watched now = byHva.get(hva);
            if (now == null) {
                return;
            }
            recent.remove(now);
            recent.add(now);
            if (recent.size() > RECENT) {
                recent.remove(recent.iterator().next());
            }
        }

        Collection<Watched> toRead(boolean everywhere) {
            boolean all = everywhere || byHva.size() <= RECENT || ++looksSinceAll >= byHva.size();
            looksSinceAll = all ? 0 : looksSinceAll;
            return all ? byHva.values() : recent;
        }
    }

    ProbePlaces(Vm vm, HostBlocks blocks, MemslotTrace trace) {
        this.host = vm.host();
        this.memslots = vm.memslots();
        Destinations destinations = new Destinations();
        trace.operations().forEach(destinations::add);
        for (int probe = 0; probe < Probes.COUNT; probe++) { // bounded by the probes, and by MAX_PLACES
            Watch watch = new Watch();
            for (ClockWrites.Place place : destinations.of(probe)) {
                long hva = blocks.hva(place.block(), place.offset());
                watch.byHva.put(hva, new Watched(place, hva));
            }
            byProbe.add(watch);
        }
    }

    /**
     * Where the version of a probe's clock has changed since it was last read.
     *
     * @param everywhere whether to read all its places, however many
     */
    ClockWrites look(int probe, boolean everywhere) {
        Watch watch = byProbe.get(probe);
        long gpa = Probes.gpa(probe);
        Memslot slot = memslots.table().find(Pages.gpaToGfn(gpa));
        if (slot != null) {
            watch.putAt(slot.gfnToHva(Pages.gpaToGfn(gpa)) + Pages.offsetInPage(gpa));
        }
        List<ClockWrites.Place> changed = new ArrayList<>();
        for (Watched watched : watch.toRead(everywhere)) { // bounded by the places
            read(watched.hva, version);
            int now = ByteBuffer.wrap(version).order(ByteOrder.LITTLE_ENDIAN).getInt();
            if (now != watched.version) {
                watched.version = now;
                changed.add(watched.place);
                int offset = Pages.offsetInPage(watched.hva);
                long start = Pages.pageStart(watched.hva);
                clocks.computeIfAbsent(start, page -> new BitSet()).set(offset, offset + CLOCK_SIZE);
                fresh.add(start);
            }
        }
        return new ClockWrites(changed);
    }

    /**
     * Looks for bytes where none belong: in another page than those where clocks were found, or next to the clocks in a
     * page that was written since the last search.
     *
     * @param everywhere whether to look into all pages with clocks instead
     * @return what was found, or null
     */
    String stray(boolean everywhere) {
        if (host.framesInUse() != clocks.size()) {
            return host.framesInUse() + " pages of host memory in use, clocks in " + clocks.size();
        }
        String found = null;
        for (long start : everywhere ? clocks.keySet() : fresh) { // bounded by the places and the bytes of a page
            BitSet expected = clocks.get(start);
            read(start, page);
            for (int i = expected.nextClearBit(0); i < page.length; i = expected.nextClearBit(i + 1)) {
                found = page[i] == 0 ? found : "a byte written at hva " + Pages.hex(start + i);
            }
        }
        fresh.clear();
        return found;
    }

    /** How often host memory was read. */
    long reads() {
        return reads;
    }

    private void read(long hva, byte[] into) {
        reads++;
        HostResult result = host.peek(hva, into);
        if (result != HostResult.OK) {
            throw new IllegalStateException(result + " at " + Pages.hex(hva));
        }
    }
}
