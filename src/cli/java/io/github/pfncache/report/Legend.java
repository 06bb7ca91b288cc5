package io.github.pfncache.report;

import java.util.List;

/** The legend of a picture: what its colours and marks mean. */
final class Legend {

    /** The hatching of pictures, in one place of the page for all of them. */
    static void patterns(Markup to) {
        to.open("svg", "class", "patterns", "width", 0, "height", 0, "aria-hidden", "true").open("defs");
        pattern(to, "hatch", 6, 2);
        pattern(to, "fine", 4, 1);
        to.close().close().line();
    }

    private static void pattern(Markup to, String id, int distance, int stroke) {
        to.open("pattern", "id", id, "width", distance, "height", distance, "patternUnits", "userSpaceOnUse",
                        "patternTransform", "rotate(45)")
                .empty("rect", "class", id + "-ground", "width", distance, "height", distance)
                .empty("rect", "class", id + "-line", "width", stroke, "height", distance)
                .close();
    }

    private Legend() {}

    static void draw(Markup to, List<Mark> marks) {
        to.element("h2", "How to read the pictures").line().open("ul", "class", "legend").line();
        for (LaneState state : List.of(LaneState.VALID, LaneState.STALE, LaneState.UNBACKED, LaneState.BUSY)) {
            swatch(to).empty("rect", "class", state.word(), "width", 26, "height", 14);
            meaning(to, state.word(), state.meaning());
        }
        swatch(to).empty("rect", "class", "valid", "width", 26, "height", 14)
                .empty("rect", "class", "b0", "y", 9, "width", 26, "height", 5);
        meaning(to, "strip", "the block of host memory that it leads to, coloured as in the memslots");
        swatch(to).empty("path", "class", "invalidation", "d", "M13 0v14");
        meaning(to, "line", "the host invalidated its page");
        swatch(to).empty("rect", "class", "slot b0", "x", 1, "y", 1, "width", 24, "height", 12)
                .empty("rect", "class", "readonly", "x", 1, "y", 1, "width", 24, "height", 12);
        meaning(to, "", "read-only memslot");
        swatch(to).empty("rect", "class", "slot b0 log", "x", 1, "y", 1, "width", 24, "height", 12);
        meaning(to, "", "memslot with a dirty log");
        for (Mark mark : marks) { // bounded by the marks
            swatch(to).empty("path", "class", "operation", "d", mark.at(13, 7, 5));
            meaning(to, "", mark.meaning());
        }
        to.close().line();
    }

    private static Markup swatch(Markup to) {
        return to.open("li").open("svg", "width", 26, "height", 14, "viewBox", "0 0 26 14", "aria-hidden", "true");
    }

    private static void meaning(Markup to, String word, String meaning) {
        to.close().element("b", word).text(" " + meaning).close().line();
    }
}
