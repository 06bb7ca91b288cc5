package io.github.pfncache.cli;

import io.github.pfncache.load.Latencies;
import io.github.pfncache.report.Table;
import java.util.Locale;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;

/** How long refreshes and invalidations took, from 1 ns to a minute, to two digits. Thread-safe. */
final class LatencyHistograms implements Latencies {

    private static final long LONGEST_NANOS = 60_000_000_000L;
    private static final int DIGITS = 2;
    private static final double[] PERCENTILES = {50, 90, 99, 99.9};

    private final Histogram refreshes = new ConcurrentHistogram(LONGEST_NANOS, DIGITS);
    private final Histogram invalidations = new ConcurrentHistogram(LONGEST_NANOS, DIGITS);

    @Override
    public void refreshed(long nanos) {
        record(refreshes, nanos);
    }

    @Override
    public void invalidated(long nanos) {
        record(invalidations, nanos);
    }

    private static void record(Histogram into, long nanos) {
        into.recordValue(Math.max(1, Math.min(nanos, LONGEST_NANOS)));
    }

    /** Rows for a person: a name, and what there is to say. */
    void addTo(Table table) {
        table.row("refresh:", text(refreshes)).row("invalidation:", text(invalidations));
    }

    private static String text(Histogram of) {
        StringBuilder line = new StringBuilder();
        for (double percentile : PERCENTILES) { // bounded by the percentiles
            line.append(String.format(Locale.ROOT, "p%s %s, ", shortest(percentile),
                    readable(of.getValueAtPercentile(percentile))));
        }
        return line + "max " + readable(of.getMaxValue()) + " (" + of.getTotalCount() + " measured)";
    }

    Json json() {
        return new Json().put("refreshNanos", json(refreshes)).put("invalidationNanos", json(invalidations));
    }

    private static Json json(Histogram of) {
        Json json = new Json().put("count", of.getTotalCount());
        for (double percentile : PERCENTILES) { // bounded by the percentiles
            json.put("p" + shortest(percentile), of.getValueAtPercentile(percentile));
        }
        return json.put("max", of.getMaxValue());
    }

    private static String shortest(double percentile) {
        return percentile == Math.rint(percentile) ? "" + (int) percentile : "" + percentile;
    }

    private static String readable(long nanos) {
        if (nanos < 10_000) {
            return nanos + " ns";
        }
        return nanos < 10_000_000 ? nanos / 1_000 + " us" : nanos / 1_000_000 + " ms";
    }
}
