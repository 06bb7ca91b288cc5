package io.github.pfncache.bench.ratio;

import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.Locale;

/**
 * What a ratio, or a number without a baseline, should be.
 *
 * @param direction on which side of the limit
 * @param limit the number
 */
record Goal(Direction direction, double limit) {

    /**
     * What is printed as 0: some kilobytes of the harness itself, spread over the million operations of an iteration.
     * The smallest object of an access form would be 16 bytes in each of them.
     */
    static final double NOTHING = 0.02;

    /** The verdict on what is on the wrong side of the limit. */
    static final String MISSED = "NOT MET";

    /** On which side of the limit. */
    enum Direction {
        AT_MOST,
        AT_LEAST,
        /** For comparison only. */
        NONE
    }

    static Goal none() {
        return new Goal(Direction.NONE, Double.NaN);
    }

    static Goal atMost(double limit) {
        return new Goal(Direction.AT_MOST, limit);
    }

    static Goal atLeast(double limit) {
        return new Goal(Direction.AT_LEAST, limit);
    }

    static Goal zero() {
        return atMost(NOTHING);
    }

    boolean exists() {
        return direction != Direction.NONE;
    }

    /** How much of what is allowed a value takes: up to 1 it is met. */
    double share(double value) {
        return direction == Direction.AT_MOST ? value / limit : limit / value;
    }

    String verdict(double value) {
        return !exists() ? "" : share(value) <= 1 ? "met" : MISSED;
    }

    /** The goal in words, with the unit of what it is for. */
    String text(String unit) {
        if (!exists()) {
            return "";
        }
        if (limit == NOTHING) {
            return "0" + unit;
        }
        String number = new DecimalFormat("#,##0.##", DecimalFormatSymbols.getInstance(Locale.ROOT)).format(limit);
        return (direction == Direction.AT_MOST ? "≤ " : "≥ ") + number + unit;
    }
}
