package io.github.pfncache.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BinaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A table, for a terminal or for a page. A column of numbers that are all 0 is left out. Not thread-safe. */
public final class Table {

    private static final String GAP = "  ";

    /** Columns of the narrowest terminal that is usual. */
    private static final int TERMINAL = 80;

    private final String sides;
    private final List<Object[]> rows = new ArrayList<>();
    private Object[] head = {};
    private boolean summed;

    /**
     * A cell that stands out.
     *
     * @param value what it says
     * @param style the class in the style sheet of a page: {@code good}, {@code bad}, {@code dim}
     */
    public record Marked(Object value, String style) {
        @Override
        public String toString() {
            return String.valueOf(value);
        }
    }

    /** A cell of a page that is more than a text. */
    interface Drawn {
        void draw(Markup to);
    }

    /**
     * A table without a row.
     *
     * @param sides a character for each column: {@code <} if its cells stand left, {@code >} if they stand right
     */
    public Table(String sides) {
        this.sides = sides;
    }

    /**
     * Names the columns.
     *
     * @param names one for each column
     * @return this table
     */
    public Table head(Object... names) {
        head = names;
        return this;
    }

    /**
     * Adds a row.
     *
     * @param cells one for each column: a text, a number, either of them {@link Marked}
     * @return this table
     */
    public Table row(Object... cells) {
        rows.add(cells);
        return this;
    }

    /**
     * Adds the last row, which sums the others up.
     *
     * @param cells as of other rows
     * @return this table
     */
    public Table sum(Object... cells) {
        summed = true;
        return row(cells);
    }

    private int[] columns() {
        return IntStream.range(0, sides.length())
                .filter(column -> rows.isEmpty() || !rows.stream().allMatch(row -> isZero(row[column])))
                .toArray();
    }

    private static boolean isZero(Object cell) {
        Object value = cell instanceof Marked marked ? marked.value : cell;
        return value instanceof Number number && number.longValue() == 0;
    }

    /**
     * The table as text, with a last column that is folded where it would leave a terminal.
     *
     * @param paint makes of a style and a text the text with the colours of that style
     * @return a line for each row, without blanks at their ends
     */
    public List<String> lines(BinaryOperator<String> paint) {
        List<Object[]> all = new ArrayList<>(rows);
        if (head.length > 0) {
            all.add(0, head);
        }
        int[] columns = columns();
        int[] widths = new int[sides.length()];
        all.forEach(row -> Arrays.setAll(widths, column -> Math.max(widths[column], row[column].toString().length())));
        int last = sides.length() - 1;
        int before = IntStream.of(columns).filter(column -> column < last).map(column -> widths[column] + 2).sum();
        boolean folds = sides.charAt(last) == '<' && before < TERMINAL - 30;
        return all.stream().flatMap(row -> folded(row, folds ? TERMINAL - before : Integer.MAX_VALUE))
                .map(row -> line(row, columns, widths, paint)).toList();
    }

    /** A row whose last cell is longer than there is room, as several rows: the rest of the cell stands below. */
    private static Stream<Object[]> folded(Object[] row, int room) {
        int last = row.length - 1;
        String text = row[last].toString();
        int cut = text.length() <= room || row[last] instanceof Marked ? -1 : text.lastIndexOf(' ', room);
        if (cut <= 0) {
            return Stream.<Object[]>of(row);
        }
        Object[] first = row.clone();
        Object[] rest = Arrays.stream(row).map(cell -> "").toArray();
        first[last] = text.substring(0, cut);
        rest[last] = text.substring(cut + 1);
        return Stream.concat(Stream.<Object[]>of(first), folded(rest, room)); // each is shorter than the one before
    }

    private String line(Object[] row, int[] columns, int[] widths, BinaryOperator<String> paint) {
        StringBuilder line = new StringBuilder();
        for (int column : columns) { // bounded by the columns
            String text = row[column].toString();
            String blanks = " ".repeat(widths[column] - text.length());
            boolean left = sides.charAt(column) == '<';
            line.append(column == columns[0] ? "" : GAP).append(left ? "" : blanks)
                    .append(row[column] instanceof Marked marked ? paint.apply(marked.style, text) : text)
                    .append(left ? blanks : "");
        }
        return line.toString().stripTrailing();
    }

    /** The table in a page; one that is too wide can be moved sideways. */
    void html(Markup to) {
        int[] columns = columns();
        to.open("div", "class", "wide", "tabindex", 0).open("table").line().open("thead").open("tr");
        for (int column : columns) { // bounded by the columns
            to.element("th", head[column], "scope", "col", "class", sides.charAt(column) == '>' ? "n" : "");
        }
        to.close().close().line().open("tbody").line();
        for (int i = 0; i < rows.size(); i++) { // bounded by the rows
            if (summed && i == rows.size() - 1) {
                to.close().open("tfoot");
            }
            to.open("tr");
            for (int column : columns) { // bounded by the columns
                cell(to, rows.get(i)[column], column);
            }
            to.close().line();
        }
        to.close().close().close().line();
    }

    private void cell(Markup to, Object cell, int column) {
        String style = (sides.charAt(column) == '>' ? "n " : "") + (cell instanceof Marked marked ? marked.style : "");
        to.open(column == 0 ? "th" : "td", "class", style.strip());
        if (cell instanceof Drawn drawn) {
            drawn.draw(to);
        } else {
            to.text(cell);
        }
        to.close();
    }
}
