package io.github.pfncache.bench.ratio;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.Styler.LegendPosition;

/** What grows with the size of the machine, as a picture. */
final class Plot {

    private static final int WIDTH = 1500;
    private static final int HEIGHT = 900;

    private Plot() {}

    /**
     * Draws what was measured.
     *
     * @param runs one for each processor and JDK
     * @param file where to, without the ending
     * @return whether there was anything to draw
     */
    static boolean write(List<Results> runs, Path file) throws IOException {
        List<Chart<?, ?>> charts = new ArrayList<>();
        for (Results run : runs) { // bounded by the JDKs and processors
            scaling(run, "an invalidation that hits nothing", "caches", List.of(
                    new Line("4 KiB", Figure.nanos("InvalidationMissBenchmark.indexed").with("range", "PAGE_4K")),
                    new Line("2 MiB", Figure.nanos("InvalidationMissBenchmark.indexed").with("range", "BLOCK_2M")),
                    new Line("1 GiB", Figure.nanos("InvalidationMissBenchmark.indexed").with("range", "AREA_1G")),
                    new Line("walk of all locks", Figure.nanos("InvalidationMissBenchmark.walkOfAllLocks"))))
                    .ifPresent(charts::add);
            scaling(run, "a slot look-up, a slot change", "slots", List.of(
                    new Line("look-up", Figure.nanos("SlotLookupBenchmark.table")),
                    new Line("look-up, TreeMap", Figure.nanos("SlotLookupBenchmark.treeMap")),
                    new Line("change", Figure.nanos("SlotUpdateBenchmark.move")),
                    new Line("flat copy", Figure.nanos("SlotUpdateBenchmark.flatCopy"))))
                    .ifPresent(charts::add);
        }
        if (!charts.isEmpty()) {
            BitmapEncoder.saveBitmap(charts, charts.size(), 1, file.toString(), BitmapEncoder.BitmapFormat.PNG);
        }
        return !charts.isEmpty();
    }

    /** A line of a chart: a benchmark whose time goes with a parameter. */
    private record Line(String name, Figure figure) {}

    private static Optional<Chart<?, ?>> scaling(Results run, String what, String param, List<Line> lines) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(run.name() + ": " + what + ", by number of " + param)
                .xAxisTitle(param)
                .yAxisTitle("ns")
                .build();
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        chart.getStyler().setXAxisLogarithmic(true);
        chart.getStyler().setYAxisLogarithmic(true);
        chart.getStyler().setLegendPosition(LegendPosition.InsideNW);
        boolean empty = true;
        for (Line line : lines) { // bounded by the lines
            SortedMap<Double, Double> points = run.series(line.figure(), param);
            if (points.size() > 1) {
                chart.addSeries(line.name(), List.copyOf(points.keySet()), List.copyOf(points.values()));
                empty = false;
            }
        }
        return empty ? Optional.empty() : Optional.of(chart);
    }
}
