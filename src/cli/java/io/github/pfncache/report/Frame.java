package io.github.pfncache.report;

/**
 * The horizontal axis that the parts of one picture share: columns of equal width, each of which begins with its
 * change.
 *
 * @param columns how many
 */
record Frame(int columns) {

    static final double WIDTH = 1160;
    static final double LEFT = 150;
    static final double RIGHT = WIDTH - 50;

    private static final double MAX_COLUMN = 90;
    private static final double MAX_SLIVER = 4;

    /** Where a column begins; the number of columns gives the end of the last one. */
    double x(int column) {
        return LEFT + columnWidth() * column;
    }

    double columnWidth() {
        return columns == 0 ? 0 : Math.min(MAX_COLUMN, (RIGHT - LEFT) / columns);
    }

    double end() {
        return x(columns);
    }

    /** The part at the beginning of a column that shows what was before everybody had accessed their memory. */
    double sliver() {
        return Math.max(1, Math.min(MAX_SLIVER, columnWidth() * 0.25));
    }

    /** The changes of some columns, for a tooltip. */
    String operations(int from, int to, Timeline timeline) {
        int first = from * timeline.perColumn;
        int last = Math.min(Math.max(from + 1, to) * timeline.perColumn, timeline.operations) - 1;
        return first == last ? "change " + first : "changes " + first + " to " + last;
    }
}
