package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import io.github.pfncache.trace.SlotOperation.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads a trace: comment lines, a header, one line for each call. Strict: a trace that is returned makes sense from the
 * first call to the last. Stateless.
 *
 * <p>Bounds: 64 MiB a file, 64 KiB a line, {@link MemslotTrace#MAX_COMMENTS} comments, {@link
 * MemslotTrace#MAX_OPERATIONS} calls, {@link MemslotTrace#MAX_BLOCKS} blocks, {@link MemslotTrace#MAX_PLACES} places.
 *
 * @since 0.1.0
 */
public final class TraceParser {

    static final String[] COLUMNS = {
        "idx", "t_us", "op", "slot", "flags", "gpa", "size", "block", "block_off", "ret"
    };

    private TraceParser() {}

    /**
     * Reads a trace to its end.
     *
     * @param file name of the file, with its directories, for messages
     * @param in its bytes; not closed
     * @return the trace; its name is the last part of the file's
     * @throws MalformedInput if it is not a trace
     * @throws IOException if it cannot be read
     */
    public static MemslotTrace parse(String file, InputStream in) throws IOException, MalformedInput {
        TextRows rows = TextRows.read(file, in);
        List<String> description = new ArrayList<>();
        boolean more = rows.advance();
        while (more && rows.text().startsWith("#")) { // bounded by the check of their number
            if (description.size() == MemslotTrace.MAX_COMMENTS) {
                throw rows.expected(1, "at most " + MemslotTrace.MAX_COMMENTS + " comment lines");
            }
            description.add(rows.text());
            more = rows.advance();
        }
        rows.header(COLUMNS);
        List<SlotOperation> operations = new ArrayList<>();
        SlotHistory history = new SlotHistory();
        Destinations destinations = new Destinations();
        Map<String, String> blocks = new HashMap<>();
        while (rows.advance()) { // bounded by the check of the number of rows
            if (operations.size() == MemslotTrace.MAX_OPERATIONS) {
                throw rows.expected(1, "at most " + MemslotTrace.MAX_OPERATIONS + " operations");
            }
            long before = operations.isEmpty() ? 0 : operations.get(operations.size() - 1).micros();
            SlotOperation operation = operation(rows.columns(COLUMNS), operations.size(), before, history, blocks);
            if (blocks.size() > MemslotTrace.MAX_BLOCKS) {
                throw rows.expected(1, "at most " + MemslotTrace.MAX_BLOCKS + " names of blocks, found another");
            }
            operations.add(operation);
            history.add(operation);
            destinations.add(operation);
            if (destinations.count() > MemslotTrace.MAX_PLACES) {
                throw rows.expected(1, "at most " + MemslotTrace.MAX_PLACES
                        + " places in blocks where the " + Probes.COUNT + " clocks can be, found another");
            }
        }
        return new MemslotTrace(baseName(file), description, operations);
    }

    /** One call; a block's name is the same object in all of them. */
    private static SlotOperation operation(
            TextRows.Columns row, int index, long before, SlotHistory history, Map<String, String> blocks)
            throws MalformedInput {
        if (row.decimal(0, Integer.MAX_VALUE) != index) {
            throw row.expectedHere("" + index);
        }
        long micros = row.decimal(before, SlotOperation.MAX_MICROS);
        Kind kind = kind(row);
        int slot = (int) row.decimal(0, Integer.MAX_VALUE);
        int flags = (int) row.hex(Integer.SIZE);
        long gpa = row.hex(Long.SIZE);
        long size = row.hex(Long.SIZE);
        if ((size == 0) != (kind == Kind.DELETE)) {
            throw row.expectedHere(size == 0 ? "a size other than 0x0 for a " + kind.word() : "0x0 for a delete");
        }
        Kind derived = history.kindOf(slot, gpa, size);
        if (derived != kind) {
            // The column says something else than the calls before it do.
            throw row.misplaced(2, derived.word() + ", by what was done to slot " + slot + " before");
        }
        String block = row.take();
        if (!SlotOperation.isBlockName(block)) {
            throw row.expectedHere("a name of 1 to 64 printable characters");
        }
        long blockOffset = row.hex(Long.SIZE);
        if (!Pages.rangeFits(blockOffset, size, SlotOperation.MAX_BLOCK_END)) {
            throw row.expectedHere("block_off + size up to " + Pages.hex(SlotOperation.MAX_BLOCK_END));
        }
        int result = (int) row.decimal(SlotOperation.MIN_RESULT, 0);
        String name = blocks.computeIfAbsent(block, same -> same);
        return new SlotOperation(index, micros, kind, slot, flags, gpa, size, name, blockOffset, result);
    }

    private static Kind kind(TextRows.Columns row) throws MalformedInput {
        String word = row.take();
        for (Kind kind : Kind.values()) {
            if (kind.word().equals(word)) {
                return kind;
            }
        }
        throw row.expectedHere("create, delete, move or flags");
    }

    private static String baseName(String file) {
        return file.substring(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
    }
}
