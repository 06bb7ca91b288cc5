package io.github.pfncache.report;

/** The axis of time, joined with the columns, which are as wide as each other. */
final class TimeFan {

    static final double HEIGHT = 58;

    private static final double FAN = 30;
    private static final int TICKS = 8;
    private static final long MICROS_PER_MILLI = 1_000;
    private static final long MICROS_PER_SECOND = 1_000_000;

    private final Timeline timeline;
    private final Frame frame;

    TimeFan(Timeline timeline, Frame frame) {
        this.timeline = timeline;
        this.frame = frame;
    }

    void draw(Markup to, double top) {
        long last = timeline.micros;
        double axis = top + FAN;
        Outline fan = new Outline();
        for (int column = 0; column < timeline.columns.size(); column++) { // bounded by Budget.columns
            double at = x(timeline.columns.get(column).micros, last);
            fan.add('M', frame.x(column), top).add('v', 4).add('L', at, axis - 4).add('v', 4);
        }
        to.empty("path", "class", "fan", "d", fan);
        to.empty("path", "class", "axis", "d", new Outline().add('M', Frame.LEFT, axis).add('H', frame.end()));
        to.element("text", "recorded time", "class", "label dim", "x", Frame.LEFT - 10, "y", axis + 4).line();
        long step = step(last);
        for (int i = 0; i <= TICKS && i * step <= last; i++) {
            double x = x(i * step, last);
            to.empty("path", "class", "axis", "d", new Outline().add('M', x, axis).add('v', 5));
            to.element("text", i == 0 ? "0" : time(i * step), "class", "mid dim", "x", x, "y", axis + 17);
        }
        to.line();
    }

    private double x(long micros, long last) {
        return Frame.LEFT + (last == 0 ? 0 : (frame.end() - Frame.LEFT) * ((double) micros / last));
    }

    /** The least of 1, 2, 5, 10, ... microseconds that gives no more than so many ticks. */
    private static long step(long last) {
        long step = 1;
        int[] factors = {2, 5, 10};
        for (int i = 0; last / step >= TICKS; i++) { // bounded: SlotOperation.MAX_MICROS has 16 digits
            step = (long) Math.pow(10, i / factors.length) * factors[i % factors.length];
        }
        return step;
    }

    static String time(long micros) {
        if (micros >= MICROS_PER_SECOND) {
            return Markup.number((double) micros / MICROS_PER_SECOND) + " s";
        }
        return micros >= MICROS_PER_MILLI
                ? Markup.number((double) micros / MICROS_PER_MILLI) + " ms"
                : micros + " µs";
    }
}
