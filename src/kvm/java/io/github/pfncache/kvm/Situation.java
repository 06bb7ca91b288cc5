package io.github.pfncache.kvm;

import java.util.Arrays;
import java.util.List;

/**
 * The operations of a script up to one that is looked at. An operation is named by its name and, if it sets an
 * attribute of Xen interfaces, by the attribute's as well. Immutable.
 */
record Situation(List<Script.Op> ops) {

    /** Memslots and host memory are changed: caches are invalidated. */
    static final String[] CHANGE = {"slot", "del", "dn", "ro", "rw", "none", "unmap", "map", "mapro", "mapanon",
        "mapfile", "mv", "punch", "trunc", "rm", "free", "willneed"};

    /** An event is sent, or may come by itself from here on. */
    static final String[] EVENT = {"xsend", "send", "fire", "irqline", "tmr", "sst", "sto"};

    /** A timer or a device is the sender. */
    static final String[] EXPIRY = {"fire", "tmr", "sst", "sto"};

    static final String[] POLL = {"poll", "pollat"};

    private static final String[] RUN = {"run", "irun", "hlt", "hltcli", "spin"};
    private static final String[] REGISTERED = {"vi", "vih", "rs", "si", "sih"};

    /** The operation that is looked at. */
    Script.Op last() {
        return ops.get(ops.size() - 1);
    }

    boolean is(String... names) {
        return isOne(last(), names);
    }

    /** Whether one of the operations is of these names. */
    boolean has(String... names) {
        return ops.stream().anyMatch(op -> isOne(op, names));
    }

    boolean isXen() {
        return has("xen");
    }

    private static boolean isOne(Script.Op op, String... names) {
        int attribute = op.name().equals("xset") ? 1 : op.name().equals("vset") ? 2 : 0;
        return Arrays.asList(names).contains(op.has(attribute) ? op.word(attribute) : op.name());
    }

    /** Without the operation that is looked at. */
    Situation before() {
        return new Situation(ops.subList(0, ops.size() - 1));
    }

    /** From the last time on that a guest was entered, before the operation that is looked at. */
    Situation sinceRun() {
        int from = ops.size() - 1;
        while (from > 0 && !isOne(ops.get(from - 1), RUN)) { // bounded by the script
            from--;
        }
        return new Situation(ops.subList(from, ops.size()));
    }

    /** Behind the first place of a structure that was told. */
    Situation sinceRegistered() {
        return after(REGISTERED);
    }

    /** Behind the first operation of these names. */
    Situation after(String... names) {
        int from = 0;
        while (from < ops.size() && !isOne(ops.get(from), names)) { // bounded by the script
            from++;
        }
        return new Situation(ops.subList(Math.min(from + 1, ops.size()), ops.size()));
    }
}
