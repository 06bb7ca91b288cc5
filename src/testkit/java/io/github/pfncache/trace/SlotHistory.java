package io.github.pfncache.trace;

import io.github.pfncache.trace.SlotOperation.Kind;
import java.util.HashMap;
import java.util.Map;

/** Where each slot was put by the calls up to now: enough to derive what kind of call the next one is. */
final class SlotHistory {

    /** Slot number to guest physical address; a slot that is empty is missing. Bounded by the rows of a trace. */
    private final Map<Integer, Long> gpaOf = new HashMap<>();

    Kind kindOf(int slot, long gpa, long size) {
        if (size == 0) {
            return Kind.DELETE;
        }
        Long former = gpaOf.get(slot);
        if (former == null) {
            return Kind.CREATE;
        }
        return former == gpa ? Kind.FLAGS : Kind.MOVE;
    }

    void add(SlotOperation operation) {
        if (!operation.succeeded()) {
            return;
        }
        if (operation.kind() == Kind.DELETE) {
            gpaOf.remove(operation.slot());
        } else {
            gpaOf.put(operation.slot(), operation.gpa());
        }
    }
}
