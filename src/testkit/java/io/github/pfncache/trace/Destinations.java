package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The places in host memory where the calls of a trace put each probe, whether or not they succeed. Not thread-safe.
 *
 * <p>They are counted because each may cost a replay a page of memory: see {@link MemslotTrace#MAX_PLACES}.
 */
final class Destinations {

    /** By number of the probe, each in the order of the calls. Bounded by a check of {@link #count} after each call. */
    private final List<Set<ClockWrites.Place>> byProbe = new ArrayList<>();

    private int count;

    Destinations() {
        for (int probe = 0; probe < Probes.COUNT; probe++) { // bounded by the probes
            byProbe.add(new LinkedHashSet<>());
        }
    }

    void add(SlotOperation operation) {
        if (!Pages.isPageAligned(operation.gpa() | operation.blockOffset() | operation.size())) {
            return; // no slot comes of it
        }
        for (int probe = 0; probe < Probes.COUNT; probe++) { // bounded by the probes
            long into = Probes.gpa(probe) - operation.gpa();
            if (Pages.isBelow(into, operation.size())) {
                var place = new ClockWrites.Place(operation.block(), operation.blockOffset() + into);
                count += byProbe.get(probe).add(place) ? 1 : 0;
            }
        }
    }

    /** How many there are, those of all probes together. */
    int count() {
        return count;
    }

    Set<ClockWrites.Place> of(int probe) {
        return byProbe.get(probe);
    }
}
