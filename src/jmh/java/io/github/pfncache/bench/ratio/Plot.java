package io.github.pfncache.bench.ratio;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import org.knowm.xchart.AnnotationLine;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.HorizontalBarChart;
import org.knowm.xchart.HorizontalBarChartBuilder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.Styler.LegendPosition;

/** The table as a picture: how much of each goal is used up, and what grows with the size of the machine. */
final class Plot {

    private static final int WIDTH = 1500;
    private static final int HEIGHT = 900;

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
        List<Row> rows = new ArrayList<>(Rows.ALL);
        rows.removeIf(row -> !row.goal().exists() || row.base() == null);
        rows.removeIf(row -> runs.stream().noneMatch(run -> row.value(run).isPresent()));
        if (rows.isEmpty()) {
            return Optional.empty();
        }
        HorizontalBarChart chart = new HorizontalBarChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title("How much of each goal is used up: left of the line it is met")
                .xAxisTitle("share of the goal")
                .build();
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        chart.getStyler().setLabelsVisible(false);
        chart.getStyler().setXAxisMin(0.0);
        Collections.reverse(rows); // the axis counts from below
        List<String> labels = rows.stream().map(row -> row.measure() + " / " + row.baseline()).toList();
        for (Results run : runs) { // bounded by the JDKs
            List<Double> shares = rows.stream()
                    .map(row -> row.value(run).map(row.goal()::share).orElse(0.0))
                    .toList();
            chart.addSeries("JDK " + run.release(), shares, labels);
        }
        chart.addAnnotation(new AnnotationLine(1, true, false));
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
