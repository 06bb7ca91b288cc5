package io.github.pfncache.bench.ratio;

import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One comparison.
 *
 * @param measure what is measured
 * @param why why anyone should care, in a line
 * @param figure its number
 * @param baseline what it is measured against, in words; empty if the number stands for itself
 * @param base the number of the baseline, or null
 * @param goal what the ratio, or the number, should be
 * @param detail whether it is left out of the documents
 */
record Row(String measure, String why, Figure figure, String baseline, Figure base, Goal goal, boolean detail) {

    /** Starts a row. */
    static Row of(String measure, String why, Figure figure) {
        return new Row(measure, why, figure, "", null, Goal.none(), false);
    }

    /** The same, measured against something. */
    Row against(String name, Figure other) {
        return new Row(measure, why, figure, name, other, goal, detail);
    }

    /** The same with a goal. */
    Row goal(Goal aim) {
        return new Row(measure, why, figure, baseline, base, aim, detail);
    }

    /** The same, left out of the documents. */
    Row asDetail() {
        return new Row(measure, why, figure, baseline, base, goal, true);
    }

    /** What is measured, and against what. */
    String name() {
        return base == null ? measure : measure + " / " + baseline;
    }

    /** The ratio, or the number; empty if the run did not measure it. */
    Optional<Double> value(Results results) {
        return base == null ? results.number(figure) : results.ratio(figure, base);
    }

    /** How far the rounds are apart: the smallest ratio and the largest, empty for a number. */
    String spread(Results results) {
        if (base == null) {
            return "";
        }
        DoubleSummaryStatistics all =
                results.ratios(figure, base).stream().mapToDouble(Double::doubleValue).summaryStatistics();
        return threeDigits(all.getMin()) + ".." + threeDigits(all.getMax());
    }

    /** Unit of {@link #value}. */
    String unit() {
        return base == null ? " " + figure.kind().unit() : "x";
    }

    /** The ratio or the number as it is printed. */
    String text(double value) {
        if (value < Goal.NOTHING && base == null) {
            return "0" + unit();
        }
        return threeDigits(value) + unit();
    }

    /** The numbers that were divided. */
    String numbers(Results results) {
        List<String> parts = Stream.of(Optional.of(figure), Optional.ofNullable(base))
                .flatMap(Optional::stream)
                .map(each -> results.number(each).map(Row::threeDigits).orElse("?"))
                .toList();
        return base == null ? "" : String.join(" / ", parts) + " " + figure.kind().unit();
    }

    /** Bytes that an operation of what is measured allocates; of a group, those of all its threads. */
    String allocated(Results results) {
        return results.number(figure.allocation())
                .map(bytes -> bytes < Goal.NOTHING ? "0" : threeDigits(bytes))
                .orElse("");
    }

    private static String threeDigits(double value) {
        return String.format(Locale.ROOT, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%,.0f", value);
    }
}
