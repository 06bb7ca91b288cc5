package io.github.pfncache.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Traces and tables as texts. */
final class TraceTexts {

    static final String HEADER = "idx\tt_us\top\tslot\tflags\tgpa\tsize\tblock\tblock_off\tret\n";
    static final String TABLE_HEADER = "trace\tafter_idx\tprobe_gpa\tlands_in\n";

    /** One slot of RAM comes, logs, goes. */
    static final String SMALL = "# trace: small\n"
            + HEADER
            + "0\t0\tcreate\t0\t0x0\t0x0\t0x10000\tpc.ram\t0x0\t0\n"
            + "1\t25\tflags\t0\t0x1\t0x0\t0x10000\tpc.ram\t0x0\t0\n"
            + "2\t30\tdelete\t0\t0x0\t0x0\t0x0\tpc.ram\t0x0\t0\n";

    private TraceTexts() {}

    static MemslotTrace trace(String text) throws MalformedInput {
        return trace(text.getBytes(StandardCharsets.UTF_8));
    }

    static MemslotTrace trace(byte[] bytes) throws MalformedInput {
        try {
            return TraceParser.parse("some/dir/small.tsv", new ByteArrayInputStream(bytes));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    static ProbeTable table(String text, MemslotTrace... traces) throws MalformedInput {
        return table(text.getBytes(StandardCharsets.UTF_8), traces);
    }

    static ProbeTable table(byte[] bytes, MemslotTrace... traces) throws MalformedInput {
        try {
            return ProbeTableParser.parse("table.tsv", new ByteArrayInputStream(bytes), List.of(traces));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    static String text(MemslotTrace trace) {
        StringBuilder out = new StringBuilder();
        try {
            TraceWriter.write(trace, out);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return out.toString();
    }

    static String text(ProbeTable table) {
        StringBuilder out = new StringBuilder();
        try {
            TraceWriter.write(table, out);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return out.toString();
    }

    /** The fault names a place that is in the text, and says in plain words what should be there. */
    static void assertLocated(MalformedInput fault, byte[] bytes) {
        String[] lines = (new String(bytes, StandardCharsets.ISO_8859_1) + "\n").split("\n", -1);
        assertThat(fault.line()).isBetween(1, lines.length);
        assertThat(fault.column()).isBetween(1, lines[fault.line() - 1].length() + 1);
        assertThat(fault.expected()).isNotBlank();
        assertThat(fault.getMessage().chars()).as("plain text").allMatch(c -> !Character.isISOControl(c));
    }
}
