package io.github.pfncache.bench.ratio;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** The table as a picture: how much of each goal is used up, and what grows with the size of the machine. */
final class Plot {

    private static final int WIDTH = 1500;
    private static final int HEIGHT = 900;
    private static final int LABEL_ANGLE = 60;
    private static final int LABEL_LENGTH = 48;

    private Plot() {}

    /**
     * Draws what was measured.
     *
     * @param runs one for each JDK
     * @param file where to, without the ending
     * @return whether there was anything to draw
     */
    static boolean write(List<Results> runs, Path file) throws IOException {
        List<Chart<?, ?>> charts = new ArrayList<>();
        goals(runs).ifPresent(charts::add);
        for (Results run : runs) { // bounded by the JDKs
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

    private static Optional<Chart<?, ?>> goals(List<Results> runs) {
        List<Row> rows = Rows.ALL.stream()
                .filter(row -> row.goal().exists() && row.base() != null)
                .filter(row -> runs.stream().anyMatch(run -> row.value(run).isPresent()))
                .toList();
        if (rows.isEmpty()) {
            return Optional.empty();
        }
        CategoryChart chart = new CategoryChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title("How much of each goal is used up: 1 is the goal, lower is better")
                .yAxisTitle("share of the goal")
                .build();
        chart.getStyler().setLegendPosition(LegendPosition.InsideNE);
        chart.getStyler().setXAxisLabelRotation(LABEL_ANGLE);
        chart.getStyler().setYAxisMin(0.0);
        List<String> labels = new ArrayList<>();
        for (Row row : rows) { // bounded by the table
            String full = row.measure() + " / " + row.baseline();
            String label = full.length() <= LABEL_LENGTH ? full : full.substring(0, LABEL_LENGTH - 1) + "…";
            labels.add(labels.contains(label) ? label + " (" + labels.size() + ")" : label);
        }
        for (Results run : runs) { // bounded by the JDKs
            List<Double> shares = rows.stream()
                    .map(row -> row.value(run).map(row.goal()::share).orElse(0.0))
                    .toList();
            chart.addSeries("JDK " + run.release(), labels, shares);
        }
        chart.addSeries("goal", labels, Collections.nCopies(labels.size(), 1.0))
                .setChartCategorySeriesRenderStyle(CategorySeriesRenderStyle.Line)
                .setMarker(SeriesMarkers.NONE)
                .setLineColor(Color.RED);
        return Optional.of(chart);
    }

    private static Optional<Chart<?, ?>> scaling(Results run, String what, String param, List<Line> lines) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title("JDK " + run.release() + ": " + what + ", by number of " + param)
                .xAxisTitle(param)
                .yAxisTitle("ns")
                .build();
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
