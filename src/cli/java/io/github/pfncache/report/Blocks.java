package io.github.pfncache.report;

import io.github.pfncache.trace.MemslotTrace;
import java.util.ArrayList;
import java.util.List;

/** The colours of a trace's blocks of host memory: in the order in which it names them, then all the same. */
final class Blocks {

    private static final int COLOURS = 7;

    private final List<String> names;

    Blocks(MemslotTrace trace) {
        names = new ArrayList<>(trace.blockLengths().keySet());
    }

    /** The class of a block in the style sheet. */
    String colour(String block) {
        int index = names.indexOf(block);
        return index >= 0 && index < COLOURS ? "b" + index : "bx";
    }

    /** The name of the block in a place of a landing, as in {@code pc.ram+0x7100}. */
    static String ofPlace(String place) {
        int plus = place.lastIndexOf('+');
        return plus < 0 ? place : place.substring(0, plus);
    }

    List<String> names() {
        return names;
    }
}
