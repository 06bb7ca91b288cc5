package io.github.pfncache.kvm;

import java.util.ArrayList;
import java.util.List;

/** Takes operations away from a script for as long as something holds of what remains. */
final class Shrinker {

    /** Most scripts that are tried for one result. */
    private static final int MOST_TRIES = 400;

    private int tries;

    /** What must hold of a smaller script. */
    @FunctionalInterface
    interface Condition {
        boolean holds(Script script) throws Unusable;
    }

    /** A smaller script of which the condition holds, or the script itself, of which it must hold. */
    Script shrink(Script script, Condition condition) throws Unusable {
        List<Script.Op> ops = script.ops();
        for (int size = Math.max(1, ops.size() / 2); size >= 1 && tries < MOST_TRIES; ) { // halved, or something goes
            List<Script.Op> smaller = without(ops, size, condition);
            if (smaller != null) {
                ops = smaller;
            }
            if (smaller == null || size > ops.size()) {
                size /= 2;
            }
        }
        return new Script(List.copyOf(ops));
    }

    /** The operations without some that follow each other; null if all are needed. From the end on. */
    private List<Script.Op> without(List<Script.Op> ops, int size, Condition condition) throws Unusable {
        for (int end = ops.size(); end >= size && tries < MOST_TRIES; end -= size) { // the pieces of the script
            List<Script.Op> rest = new ArrayList<>(ops.subList(0, end - size));
            rest.addAll(ops.subList(end, ops.size()));
            tries++;
            if (!rest.isEmpty() && condition.holds(new Script(rest))) {
                return rest;
            }
        }
        return null;
    }
}
