package io.github.pfncache.report;

import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A vertical axis of guest physical addresses, low ones above. What lies between two addresses at which some slot
 * begins or ends gets a height by the logarithm of its size, so that a page beside gigabytes can be seen; what never
 * had memory is a thin gap.
 */
final class GpaAxis {

    /** Height of a gap. */
    static final double GAP = 5;

    private static final double LEAST = 12;
    private static final double BY_LOG = 1.6;

    /** Where each address is drawn, from the top of the axis. */
    private final TreeMap<Long, Double> places = new TreeMap<>();

    private final List<Double> gaps = new ArrayList<>();
    /** Addresses that had to be left out. */
    final int leftOut;


    GpaAxis(List<SlotSpan> slots) {
        TreeSet<Long> addresses = new TreeSet<>();
        for (SlotSpan span : slots) { // bounded by Budget.rectangles
            addresses.add(span.gpa());
            addresses.add(span.end());
        }
        List<Long> kept = thinned(new ArrayList<>(addresses));
        leftOut = addresses.size() - kept.size();
        double y = 0;
        for (int i = 0; i < kept.size(); i++) { // bounded by Budget.ADDRESSES
            places.put(kept.get(i), y);
            if (i + 1 < kept.size()) {
                long from = kept.get(i);
                long to = kept.get(i + 1);
                boolean used = slots.stream().anyMatch(span -> span.gpa() < to && span.end() > from);
                if (!used) {
                    gaps.add(y);
                }
                y += used ? LEAST + BY_LOG * Math.log((double) (to - from) / Pages.PAGE_SIZE) : GAP;
            }
        }
    }

    private static List<Long> thinned(List<Long> all) {
        if (all.size() <= Budget.ADDRESSES) {
            return all;
        }
        List<Long> some = new ArrayList<>();
        for (int i = 0; i < Budget.ADDRESSES; i++) {
            some.add(all.get((int) ((long) i * (all.size() - 1) / (Budget.ADDRESSES - 1))));
        }
        return some;
    }

    double height() {
        return places.isEmpty() ? 0 : places.lastEntry().getValue();
    }

    /** Where an address is, between its neighbours in proportion; beyond the ends at the end. */
    double y(long gpa) {
        Map.Entry<Long, Double> below = places.floorEntry(gpa);
        Map.Entry<Long, Double> above = places.ceilingEntry(gpa);
        if (below == null || above == null) {
            return below == null ? 0 : height();
        }
        if (below.getKey().equals(above.getKey())) {
            return below.getValue();
        }
        double part = (double) (gpa - below.getKey()) / (above.getKey() - below.getKey());
        return below.getValue() + part * (above.getValue() - below.getValue());
    }

    boolean covers(long gpa) {
        return !places.isEmpty() && gpa >= places.firstKey() && gpa < places.lastKey();
    }

    /** The addresses that it tells apart, with their places. */
    Map<Long, Double> places() {
        return places;
    }

    /** Tops of what never had memory, each {@link #GAP} high. */
    List<Double> gaps() {
        return gaps;
    }
}
