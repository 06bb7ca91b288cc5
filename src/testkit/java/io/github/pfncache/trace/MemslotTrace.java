package io.github.pfncache.trace;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Everything one machine did to its memslots, in order. Immutable.
 *
 * @param name name of the file it is kept in, without directories; a {@link ProbeTable} knows it by this name
 * @param description the comment lines, each with its {@code #}; at most {@link #MAX_COMMENTS}
 * @param operations the calls; at most {@link #MAX_OPERATIONS}
 * @since 0.1.0
 */
public record MemslotTrace(String name, List<String> description, List<SlotOperation> operations) {

    /** Longest trace, in calls. */
    public static final int MAX_OPERATIONS = 100_000;

    /**
     * Most blocks of host memory that a trace names: so many of the greatest length fit into a host's user addresses.
     */
    public static final int MAX_BLOCKS = 127;

    /** Most places in host memory where the calls put clocks, those of all {@link Probes} together: a page for each. */
    public static final int MAX_PLACES = 32_768;

    /** Most comment lines. */
    public static final int MAX_COMMENTS = 10_000;

    /**
     * One trace.
     *
     * @param name name of the file it is kept in, without directories; a {@link ProbeTable} knows it by this name
     * @param description the comment lines, each with its {@code #}; at most {@link #MAX_COMMENTS}
     * @param operations the calls; at most {@link #MAX_OPERATIONS}
     * @throws IllegalArgumentException if a comment is none or holds a control character; if the calls are not numbered
     *     from 0, go back in time, or are of another kind than the state of their slots says; if there are too many
     *     comments, calls, blocks or places
     */
    public MemslotTrace {
        require(description.size() <= MAX_COMMENTS, description.size() + " comment lines");
        require(operations.size() <= MAX_OPERATIONS, operations.size() + " operations");
        description = List.copyOf(description);
        operations = List.copyOf(operations);
        for (String line : description) {
            require(line.startsWith("#") && TextRows.isPlain(line), "not a comment line: " + TextRows.show(line));
        }
        SlotHistory history = new SlotHistory();
        Destinations destinations = new Destinations();
        long before = 0;
        for (int i = 0; i < operations.size(); i++) { // bounded by MAX_OPERATIONS
            SlotOperation operation = operations.get(i);
            require(operation.index() == i, "operation " + i + " has the number " + operation.index());
            require(operation.micros() >= before, "operation " + i + " goes back to t_us=" + operation.micros());
            SlotOperation.Kind derived = history.kindOf(operation.slot(), operation.gpa(), operation.size());
            require(operation.kind() == derived, "operation " + i + " is a " + derived + ", not " + operation.kind());
            history.add(operation);
            destinations.add(operation);
            require(destinations.count() <= MAX_PLACES, "more than " + MAX_PLACES + " places for clocks");
            before = operation.micros();
        }
        long blocks = operations.stream().map(SlotOperation::block).distinct().count();
        require(blocks <= MAX_BLOCKS, blocks + " blocks of host memory");
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    /**
     * The blocks of host memory that it names, in the order in which it names them.
     *
     * @return name to length in bytes: the largest offset plus size; 0 for a block that only deletes name
     */
    public Map<String, Long> blockLengths() {
        Map<String, Long> lengths = new LinkedHashMap<>();
        for (SlotOperation operation : operations) { // bounded by MAX_OPERATIONS
            lengths.merge(operation.block(), operation.blockOffset() + operation.size(), Math::max);
        }
        return Collections.unmodifiableMap(lengths);
    }

    @Override
    public String toString() {
        return name + ", " + operations.size() + " operations";
    }
}
