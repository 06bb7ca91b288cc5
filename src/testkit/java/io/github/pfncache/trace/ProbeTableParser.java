package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Reads the table of landings: a header, one line for each change. Strict, also against the traces that it will be
 * compared with. Stateless.
 *
 * <p>Bounds: 64 MiB a file, 64 KiB a line, {@link ProbeTable#MAX_CHANGES} changes of {@link ProbeTable#MAX_TRACES}
 * traces.
 *
 * @since 0.1.0
 */
public final class ProbeTableParser {

    static final String[] COLUMNS = {"trace", "after_idx", "probe_gpa", "lands_in"};

    private ProbeTableParser() {}

    /**
     * Reads a table to its end.
     *
     * @param file name of the file, for messages
     * @param in its bytes; not closed
     * @param traces the traces that will be compared: the table must have changes of each that has operations, and they
     *     must name operations that it has; changes of other traces are read all the same
     * @return the table
     * @throws MalformedInput if it is not a table
     * @throws IOException if it cannot be read
     */
    public static ProbeTable parse(String file, InputStream in, List<MemslotTrace> traces)
            throws IOException, MalformedInput {
        Map<String, Integer> lengths = traces.stream()
                .collect(Collectors.toMap(
                        MemslotTrace::name, trace -> trace.operations().size(), Math::min));
        TextRows rows = TextRows.read(file, in);
        rows.advance();
        rows.header(COLUMNS);
        List<ProbeTable.Change> changes = new ArrayList<>();
        Map<String, int[]> lastIndexes = new HashMap<>();
        Map<String, String> names = new HashMap<>();
        while (rows.advance()) { // bounded by the check of the number of rows
            if (changes.size() == ProbeTable.MAX_CHANGES) {
                throw rows.expected(1, "at most " + ProbeTable.MAX_CHANGES + " changes");
            }
            changes.add(change(rows.columns(COLUMNS), lengths, lastIndexes, names));
        }
        for (MemslotTrace trace : traces) { // bounded by the caller's list
            if (!trace.operations().isEmpty() && !lastIndexes.containsKey(trace.name())) {
                throw rows.expected(1, "lines of " + trace.name() + ", which this table does not name");
            }
        }
        return new ProbeTable(changes);
    }

    private static ProbeTable.Change change(
            TextRows.Columns row,
            Map<String, Integer> lengths,
            Map<String, int[]> lastIndexes,
            Map<String, String> names)
            throws MalformedInput {
        String trace = shared(row.take(), names);
        if (trace.isEmpty()) {
            throw row.expectedHere("the name of a trace");
        }
        if (lastIndexes.size() == ProbeTable.MAX_TRACES && !lastIndexes.containsKey(trace)) {
            throw row.expectedHere("one of the " + ProbeTable.MAX_TRACES + " traces named before, which are the most");
        }
        int index = (int) row.decimal(0, Integer.MAX_VALUE);
        int length = lengths.getOrDefault(trace, Integer.MAX_VALUE);
        if (index >= length) {
            throw row.expectedHere("the number of one of the " + length + " operations of " + trace);
        }
        int probe = Probes.at(row.hex(Long.SIZE));
        if (probe < 0) {
            throw row.expectedHere("one of " + IntStream.range(0, Probes.COUNT)
                    .mapToObj(each -> Pages.hex(Probes.gpa(each)))
                    .collect(Collectors.joining(" ")));
        }
        int[] last = lastIndexes.computeIfAbsent(trace, name -> {
            int[] none = new int[Probes.COUNT];
            Arrays.fill(none, -1);
            return none;
        });
        if (index <= last[probe]) {
            throw row.misplaced(1, "more than " + last[probe] + ", where this probe changed last");
        }
        last[probe] = index;
        return new ProbeTable.Change(trace, index, probe, landing(row, names));
    }

    private static ClockWrites landing(TextRows.Columns row, Map<String, String> names) throws MalformedInput {
        String text = row.take();
        if (text.equals("none")) {
            return ClockWrites.NONE;
        }
        int plus = text.lastIndexOf('+');
        if (plus < 0 || !SlotOperation.isBlockName(text.substring(0, plus))) {
            throw row.expectedHere("none, or a place like pc.ram+0x1fc0");
        }
        long offset = row.hex(text.substring(plus + 1), plus + 1, Long.SIZE);
        if (!Pages.rangeFits(offset, 1, SlotOperation.MAX_BLOCK_END)) {
            throw row.expectedAt(plus + 1, "an offset below " + Pages.hex(SlotOperation.MAX_BLOCK_END));
        }
        return ClockWrites.at(shared(text.substring(0, plus), names), offset);
    }

    /** The same object for the same name: a table is long, and has few names. */
    private static String shared(String name, Map<String, String> names) {
        return names.size() < ProbeTable.MAX_TRACES ? names.computeIfAbsent(name, same -> same) : name;
    }
}
