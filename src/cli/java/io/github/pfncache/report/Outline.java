package io.github.pfncache.report;

/** The outline of shapes, which may be far apart: what a path in SVG has as its {@code d}. */
final class Outline {

    private final StringBuilder text = new StringBuilder();

    /**
     * One more step.
     *
     * @param command a letter of SVG: M moves, L draws a line, H and V along one axis; small ones by a distance
     * @param numbers what goes with it
     */
    Outline add(char command, double... numbers) {
        text.append(command);
        for (int i = 0; i < numbers.length; i++) { // bounded by the arguments
            text.append(i == 0 ? "" : " ").append(Markup.number(numbers[i]));
        }
        return this;
    }

    /** Back to where this shape began. */
    Outline shut() {
        return add('z');
    }

    /** A rectangle, as one more shape. */
    Outline box(double x, double y, double width, double height) {
        return add('M', x, y).add('h', width).add('v', height).add('h', -width).shut();
    }

    boolean isEmpty() {
        return text.isEmpty();
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
