package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Every place in host memory where some operation of a trace ever puts a probe, and what was last read there. Reads
 * host memory as a debugger does: what the caches believe plays no part.
 */
final class ProbePlaces {

    /** Bytes that an update writes, from the version on. */
    private static final int CLOCK_SIZE = 32;

    private final HostMemory host;
    private final List<List<Watched>> byProbe = new ArrayList<>();
    /** Every page in which a clock was found, by its hva, with the bytes of its clocks. Bounded by the places. */
    private final Map<Long, BitSet> clocks = new HashMap<>();

    /** Those of them that were written since the last search for strays. */
    private final Set<Long> fresh = new HashSet<>();

    private final byte[] page = new byte[Pages.PAGE_SIZE];
    private final byte[] version = new byte[Integer.BYTES];

    private static final class Watched {
        final Landing.Place place;
        final long hva;
        int version;

        Watched(Landing.Place place, long hva) {
            this.place = place;
            this.hva = hva;
        }
    }

    ProbePlaces(HostMemory host, HostBlocks blocks, MemslotTrace trace) {
        this.host = host;
        for (int probe = 0; probe < Probes.COUNT; probe++) { // bounded: probes x operations
            Set<Landing.Place> places = new LinkedHashSet<>();
            for (SlotOperation each : trace.operations()) {
                long into = Probes.gpa(probe) - each.gpa();
                boolean aligned = Pages.isPageAligned(each.gpa() | each.blockOffset() | each.size());
                if (aligned && Pages.isBelow(into, each.size())) {
                    places.add(new Landing.Place(each.block(), each.blockOffset() + into));
                }
            }
            List<Watched> watched = new ArrayList<>();
            places.forEach(place -> watched.add(new Watched(place, blocks.hva(place.block(), place.offset()))));
            byProbe.add(watched);
        }
    }

    /** Where the version of a probe's clock has changed since the last look. */
    Landing look(int probe) {
        List<Landing.Place> changed = new ArrayList<>();
        for (Watched watched : byProbe.get(probe)) { // bounded by the operations
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
        return new Landing(changed);
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

    private void read(long hva, byte[] into) {
        HostResult result = host.peek(hva, into);
        if (result != HostResult.OK) {
            throw new IllegalStateException(result + " at " + Pages.hex(hva));
        }
    }
}
