package io.github.pfncache.report;

/**
 * The budget of a picture: how much is drawn, so that a page has a bound whatever it is made of.
 * The more traces there are, the less
 * each of them gets.
 *
 * @param pictures traces that are drawn at most; the others are rows of the table only
 * @param columns columns of one picture
 * @param rectangles slots drawn in one picture
 */
record Budget(int pictures, int columns, int rectangles) {

    /** Caches drawn in one picture. */
    static final int LANES = 32;

    /** Addresses that the axis of one slot map tells apart. */
    static final int ADDRESSES = 48;

    private static final int MAX_PICTURES = 100;
    private static final int MAX_COLUMNS = 300;
    private static final int ALL_COLUMNS = 6_000;
    private static final int MAX_RECTANGLES = 2_000;
    private static final int ALL_RECTANGLES = 40_000;

    static Budget of(int traces) {
        int drawn = Math.max(1, Math.min(traces, MAX_PICTURES));
        return new Budget(
                Math.min(traces, MAX_PICTURES),
                Math.min(MAX_COLUMNS, ALL_COLUMNS / drawn),
                Math.min(MAX_RECTANGLES, ALL_RECTANGLES / drawn));
    }
}
