package io.github.pfncache.report;

import io.github.pfncache.trace.SlotOperation.Kind;
import java.util.List;

/** What the colours and marks of a trace's picture mean. */
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

    static void draw(Markup to) {
        to.open("ul", "class", "legend").line();
        for (LaneState state : List.of(LaneState.VALID, LaneState.STALE, LaneState.UNBACKED, LaneState.BUSY)) {
            to.open("li");
            swatch(to).empty("rect", "class", state.word(), "width", 26, "height", 14).close();
            to.element("b", state.word()).text(" " + state.meaning()).close().line();
        }
        to.open("li");
        swatch(to).empty("rect", "class", "valid", "width", 26, "height", 14)
                .empty("rect", "class", "b0", "y", 9, "width", 26, "height", 5).close();
        to.text("strip: the block of host memory that it leads to, coloured as in the memslots").close().line();
        to.open("li");
        swatch(to).empty("path", "class", "invalidation", "d", "M13 0v14").close();
        to.text("the host invalidated its page").close().line();
        to.open("li");
        swatch(to).empty("rect", "class", "slot b0", "x", 1, "y", 1, "width", 24, "height", 12)
                .empty("rect", "class", "readonly", "x", 1, "y", 1, "width", 24, "height", 12).close();
        to.text("read-only memslot").close().line();
        to.open("li");
        swatch(to).empty("rect", "class", "slot b0 log", "x", 1, "y", 1, "width", 24, "height", 12).close();
        to.text("memslot with a dirty log").close().line();
        for (Kind kind : Kind.values()) {
            to.open("li");
            swatch(to).empty("path", "class", "operation", "d", TracePicture.mark(kind, 13, 7, 5)).close();
            to.text(kind.word()).close().line();
        }
        to.close().line();
    }

    private static Markup swatch(Markup to) {
        return to.open("svg", "width", 26, "height", 14, "viewBox", "0 0 26 14", "aria-hidden", "true");
    }
}
