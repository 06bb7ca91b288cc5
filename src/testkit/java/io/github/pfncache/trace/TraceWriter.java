package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import java.io.IOException;
import java.util.List;

/**
 * Writes what {@link TraceParser} and {@link ProbeTableParser} read. Stateless.
 *
 * @since 0.1.0
 */
public final class TraceWriter {

    private TraceWriter() {}

    /**
     * Writes a trace.
     *
     * @param trace the trace
     * @param out where to
     * @throws IOException if it cannot be written
     */
    public static void write(MemslotTrace trace, Appendable out) throws IOException {
        for (String line : trace.description()) {
            out.append(line).append('\n');
        }
        row(out, (Object[]) TraceParser.COLUMNS);
        for (SlotOperation each : trace.operations()) { // bounded by MemslotTrace.MAX_OPERATIONS
            row(out, each.index(), each.micros(), each.kind().word(), each.slot(),
                    Pages.hex(Integer.toUnsignedLong(each.flags())), Pages.hex(each.gpa()), Pages.hex(each.size()),
                    each.block(), Pages.hex(each.blockOffset()), each.result());
        }
    }

    /**
     * Writes a table.
     *
     * @param table the table
     * @param out where to
     * @throws IOException if it cannot be written
     */
    public static void write(ProbeTable table, Appendable out) throws IOException {
        write(table.changes(), out);
    }

    /**
     * Writes the table of some changes, of as many traces as there are.
     *
     * @param changes the changes, in order
     * @param out where to
     * @throws IOException if it cannot be written
     */
    public static void write(List<ProbeTable.Change> changes, Appendable out) throws IOException {
        row(out, (Object[]) ProbeTableParser.COLUMNS);
        for (ProbeTable.Change each : changes) { // bounded by the caller's list
            row(out, each.trace(), each.afterIndex(), Pages.hex(Probes.gpa(each.probe())), each.landing());
        }
    }

    private static void row(Appendable out, Object... columns) throws IOException {
        for (int i = 0; i < columns.length; i++) { // bounded by the columns
            out.append(i == 0 ? "" : "\t").append(columns[i].toString());
        }
        out.append('\n');
    }
}
