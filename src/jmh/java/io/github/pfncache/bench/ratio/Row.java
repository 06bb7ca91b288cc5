package io.github.pfncache.bench.ratio;

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
 * @param detail whether it is left out of the README
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

    /** The same, left out of the README. */
    Row asDetail() {
        return new Row(measure, why, figure, baseline, base, goal, true);
    }

    /** The ratio, or the number; empty if the run did not measure it. */
    Optional<Double> value(Results results) {
        Optional<Double> number = results.number(figure);
        return base == null ? number : number.flatMap(n -> results.number(base).map(b -> n / b));
    }

    /** Unit of {@link #value}. */
    String unit() {
        return base == null ? " " + figure.kind().unit() : "x";
    }

    /** The ratio or the number as it is printed. */
    String text(double value) {
        if (value < 0.005 && base == null) {
            return "0" + unit();
        }
        String format = value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%,.0f";
        return String.format(Locale.ROOT, format, value) + unit();
    }

    /** The numbers that were divided. */
    String numbers(Results results) {
        List<String> parts = Stream.of(Optional.of(figure), Optional.ofNullable(base))
                .flatMap(Optional::stream)
                .map(each -> results.number(each).map(n -> String.format(Locale.ROOT, "%,.4g", n)).orElse("?"))
                .toList();
        return base == null ? "" : String.join(" / ", parts) + " " + figure.kind().unit();
    }
}
