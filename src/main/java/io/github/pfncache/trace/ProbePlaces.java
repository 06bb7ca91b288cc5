package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Every place in host memory where some operation of a trace ever puts a probe, and what was last read there. Reads host
 * memory as a debugger does: what the caches believe plays no part.
 */
final class ProbePlaces {

    /** Bytes that an update writes, from the version on. */
    private static final int CLOCK_SIZE = 32;

    private final HostMemory host;
    private final List<List<Watched>> byProbe = new ArrayList<>();
    /** Every page in which a clock was found. Bounded by the places. */
    private final Set<Long> writtenPages = new HashSet<>();
    private final byte[] page = new byte[Pages.PAGE_SIZE];
    private final byte[] version = new byte[Integer.BYTES];

    private static final class Watched {
        final Landing.Place place;
        final long hva;
        int version;

        /** Found written since the last search for strays. */
        boolean fresh;

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
                watched.fresh = true;
                changed.add(watched.place);
                writtenPages.add(Pages.pageStart(watched.hva));
            }
        }
        return new Landing(changed);
    }

    /**
     * Looks for bytes where none belong: in another page than those where clocks were found, or next to the clocks that
     * were written since the last search.
     *
     * @param everywhere whether to look next to all other clocks too
     * @return what was found, or null
     */
    String stray(boolean everywhere) {
        if (host.framesInUse() != writtenPages.size()) {
            return host.framesInUse() + " pages of host memory in use, clocks in " + writtenPages.size();
        }
        for (List<Watched> places : byProbe) { // bounded: probes x operations x bytes of a page
            for (Watched watched : places) {
                if (!watched.fresh && !everywhere) {
                    continue;
                }
                watched.fresh = false;
                read(Pages.pageStart(watched.hva), page);
                int clock = Pages.offsetInPage(watched.hva);
                for (int i = 0; i < page.length; i++) {
                    if (page[i] != 0 && (i < clock || i >= clock + CLOCK_SIZE)) {
                        return "a byte written at " + watched.place.block() + "+"
                                + Pages.hex(watched.place.offset() - clock + i);
                    }
                }
            }
        }
        return null;
    }

    private void read(long hva, byte[] into) {
        HostResult result = host.peek(hva, into);
        if (result != HostResult.OK) {
            throw new IllegalStateException(result + " at " + Pages.hex(hva));
        }
    }
}
