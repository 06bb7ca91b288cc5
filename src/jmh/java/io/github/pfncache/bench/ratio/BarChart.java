package io.github.pfncache.bench.ratio;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Bars in groups, from above to below, each with its name and its number, on a white ground, as SVG. Its letters can be
 * read at the width of a page. Not thread-safe.
 */
final class BarChart {

    private static final int WIDTH = 900;
    private static final int NAME = 190;
    private static final int BAR = 16;
    private static final int NUMBER = 80;

    /** What the widest bar stands for; a longer one ends there with a broken end. */
    private static final double MOST = 2;

    private final List<String> shapes = new ArrayList<>();
    private int y = 40;

    BarChart(String title) {
        text(WIDTH / 2, 22, "middle", "16\" font-weight=\"bold", title);
    }

    /** Begins a group. */
    void group(String name, String goal) {
        y += 30;
        text(8, y - 5, "start", "13", name);
        text(WIDTH - 8, y - 5, "end", "13", goal);
    }

    /** The next bar of the group; up to a share of 1 it is good. */
    void bar(String name, double share, String number) {
        double length = Math.min(share, MOST) * (WIDTH - NAME - NUMBER) / MOST;
        String end = share > MOST ? String.format(Locale.ROOT, "l6,%d -6,%d 6,%d", 4, 4, 4) : "v12";
        shapes.add(String.format(Locale.ROOT, "<path fill=\"%s\" d=\"M%d,%d h%.1f %s H%d z\"/>",
                share <= 1 ? "#4878a8" : "#c8553d", NAME, y + 1, length, end, NAME));
        text(NAME - 6, y + 11, "end", "12", name);
        text((int) (NAME + length) + (share > MOST ? 12 : 5), y + 11, "start", "12", number);
        y += BAR;
    }

    private void text(int x, int height, String anchor, String size, String text) {
        shapes.add(String.format(Locale.ROOT, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" font-size=\"%s\">%s</text>",
                x, height, anchor, size, text.replace("&", "&amp;").replace("<", "&lt;")));
    }

    String svg() {
        int line = NAME + (int) ((WIDTH - NAME - NUMBER) / MOST);
        return String.format(Locale.ROOT, """
                <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %1$d %2$d" width="%1$d" height="%2$d"
                     font-family="sans-serif" fill="#1a1a1a">
                <rect width="%1$d" height="%2$d" fill="#ffffff"/>
                <style>text { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }</style>
                <path stroke="#1a1a1a" stroke-dasharray="4 3" d="M%4$d,40 V%5$d"/>
                %3$s
                </svg>
                """, WIDTH, y + 16, String.join("\n", shapes), line, y + 4);
    }
}
