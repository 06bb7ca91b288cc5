package io.github.pfncache.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine.Help.Ansi;

/** Rows of cells as lines of text, in columns as wide as their widest cell. A cell may be a text with colours. */
final class Table {

    private static final String GAP = "  ";

    private final String sides;
    private final List<Object[]> rows = new ArrayList<>();

    /** @param sides a character for each column: {@code <} if its cells stand left, {@code >} if they stand right */
    Table(String sides) {
        this.sides = sides;
    }

    /** One more row, of as many cells as there are columns. */
    Table row(Object... cells) {
        rows.add(cells);
        return this;
    }

    /** The rows, without blanks at their ends. */
    List<String> lines() {
        int[] widths = new int[sides.length()];
        rows.forEach(row -> Arrays.setAll(widths, column -> Math.max(widths[column], length(row[column]))));
        return rows.stream().map(row -> line(row, widths)).toList();
    }

    private String line(Object[] row, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int column = 0; column < widths.length; column++) { // bounded by the columns
            String blanks = " ".repeat(widths[column] - length(row[column]));
            boolean left = sides.charAt(column) == '<';
            line.append(column == 0 ? "" : GAP).append(left ? "" : blanks).append(row[column])
                    .append(left ? blanks : "");
        }
        return line.toString().stripTrailing();
    }

    private static int length(Object cell) {
        return cell instanceof Ansi.Text text ? text.plainString().length() : cell.toString().length();
    }
}
