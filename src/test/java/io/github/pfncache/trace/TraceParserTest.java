package io.github.pfncache.trace;

import static io.github.pfncache.trace.TraceTexts.HEADER;
import static io.github.pfncache.trace.TraceTexts.SMALL;
import static io.github.pfncache.trace.TraceTexts.trace;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.trace.SlotOperation.Kind;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TraceParserTest {

    private static final String ROW = "0\t0\tcreate\t0\t0x0\t0x0\t0x10000\tpc.ram\t0x0\t0\n";

    @Test
    void aTraceIsReadAsItIsWritten() throws MalformedInput {
        MemslotTrace trace = trace(SMALL);
        assertThat(trace.name()).isEqualTo("small.tsv");
        assertThat(trace.description()).containsExactly("# trace: small");
        assertThat(trace.operations()).hasSize(3);
        assertThat(trace.operations().get(1))
                .isEqualTo(new SlotOperation(1, 25, Kind.FLAGS, 0, 1, 0, 0x10000, "pc.ram", 0, 0));
        assertThat(trace.blockLengths()).containsExactly(Map.entry("pc.ram", 0x10000L));
        assertThat(TraceTexts.text(trace)).isEqualTo(SMALL);
    }

    @Test
    void aTraceWithoutCallsOrTheLastLineFeedIsOne() throws MalformedInput {
        assertThat(trace(HEADER).operations()).isEmpty();
        assertThat(trace(SMALL.substring(0, SMALL.length() - 1))).isEqualTo(trace(SMALL));
    }

    @Test
    void aCallThatFailedChangesNoSlot() throws MalformedInput {
        String failed = ROW.replace("0x0\t0\n", "0x0\t-17\n");
        MemslotTrace trace = trace(HEADER + failed + ROW.replace("0\t0\tcreate", "1\t0\tcreate"));
        assertThat(trace.operations()).extracting(SlotOperation::succeeded).containsExactly(false, true);
    }

    @Test
    void everyBundledTraceIsWrittenAsItWasRecorded() throws Exception {
        List<MemslotTrace> traces = BundledTraces.traces();
        assertThat(traces).hasSize(20);
        for (MemslotTrace trace : traces) {
            try (InputStream in = BundledTraces.class.getResourceAsStream(trace.name())) {
                String recorded = new String(in.readAllBytes(), StandardCharsets.UTF_8);
                assertThat(TraceTexts.text(trace)).isEqualTo(recorded);
            }
        }
    }

    /** Changes one column of the first call of {@code SMALL}, in line 3. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "0 | 1             | 1  | idx: 0, found '1'",
        "0 | x             | 1  | idx: a decimal number, found 'x'",
        "1 | -1            | 3  | t_us: a number in 0..1125899906842624, found '-1'",
        "1 | 99999999999999999999 | 3 | t_us: a decimal number, found '99999999999999999999'",
        "2 | Create        | 5  | op: create, delete, move or flags, found 'Create'",
        "2 | move          | 5  | op: create, by what was done to slot 0 before, found 'move'",
        "3 | 2147483648    | 12 | slot: a number in 0..2147483647, found '2147483648'",
        "4 | 1             | 14 | flags: a number like 0x1fc0, of at most 16 digits, found '1'",
        "4 | 0x100000000   | 14 | flags: a number of at most 32 bits, found '0x100000000'",
        "5 | 0X0           | 18 | gpa: a number like 0x1fc0, of at most 16 digits, found '0X0'",
        "5 | 0x10000000000000000 | 18 | gpa: a number like 0x1fc0, of at most 16 digits, found '0x10000000000000000'",
        "6 | 0x0           | 22 | size: a size other than 0x0 for a create, found '0x0'",
        "7 | pc ram        | 30 | block: a name of 1 to 64 printable characters, found 'pc ram'",
        "7 | ''            | 30 | block: a name of 1 to 64 printable characters, found ''",
        "8 | 0x7ffffffff001 | 37 | block_off: block_off + size up to 0x800000000000, found '0x7ffffffff001'",
        "8 | 0xffffffffffffffff | 37 | block_off: block_off + size up to 0x800000000000, found '0xffffffffffffffff'",
        "9 | 1             | 41 | ret: a number in -4095..0, found '1'"
    })
    void aColumnThatIsWrongIsNamed(int column, String value, int at, String expected) {
        String[] lines = SMALL.split("\n");
        String[] fields = lines[2].split("\t");
        fields[column] = value;
        lines[2] = String.join("\t", fields);
        assertFault(String.join("\n", lines), 3, at, expected);
    }

    @Test
    void whatCameBeforeCounts() {
        assertFault(SMALL.replace("25\tflags", "25\tcreate"), 4, 6, "op: flags, by what was done to slot 0 before, "
                + "found 'create'");
        assertFault(SMALL.replace("2\t30", "2\t24"), 5, 3, "t_us: a number in 25..1125899906842624, found '24'");
        assertFault(SMALL.replace("2\t30", "3\t30"), 5, 1, "idx: 2, found '3'");
    }

    @Test
    void tooFewAndTooManyColumnsAreSeen() {
        assertFault(HEADER + "0\t0\tcreate\n", 2, 11, "a tab and slot");
        assertFault(HEADER + ROW.replace("\t0\n", "\t0\t7\n"), 2, 42, "the end of the line after ret");
        assertFault(HEADER + "\n" + ROW, 2, 1, "a tab and t_us");
    }

    @Test
    void theHeaderIsRequired() {
        String header = "the header " + HEADER.strip().replace("\t", "<tab>");
        assertFault("", 1, 1, header);
        assertFault("# only a comment\n", 2, 1, header);
        assertFault(HEADER.replace("op", "what"), 1, 10, header);
        assertFault(SMALL.replace("slot\tflags", "slot flags"), 2, 17, header);
    }

    @Test
    void bytesThatAreNoTextAreNotShown() {
        assertFault(SMALL.replace("\n", "\r\n"), 1, 15, "text or a tab, found a control character, 0x0d");
        assertFault(SMALL.replace("small", "\033[31m"), 1, 10, "text or a tab, found a control character, 0x1b");
        byte[] bytes = SMALL.getBytes(StandardCharsets.UTF_8);
        bytes[3] = (byte) 0xff;
        assertThatThrownBy(() -> trace(bytes)).hasMessage("some/dir/small.tsv:1:4: expected UTF-8 text");
    }

    @Test
    void linesAndNumbersOfRowsAreBounded() {
        assertFault("#" + "x".repeat(TextRows.MAX_LINE_BYTES), 1, 1, "a line of at most 65536 bytes");
        StringBuilder rows = new StringBuilder(HEADER);
        for (int i = 0; i <= MemslotTrace.MAX_OPERATIONS; i++) {
            rows.append(ROW.replace("0\t0\tcreate", i + "\t0\t" + (i == 0 ? "create" : "flags")));
        }
        assertFault(rows.toString(), MemslotTrace.MAX_OPERATIONS + 2, 1, "at most 100000 operations");
        StringBuilder blocks = new StringBuilder(HEADER);
        for (int i = 0; i <= MemslotTrace.MAX_BLOCKS; i++) {
            blocks.append(i).append("\t0\tdelete\t0\t0x0\t0x0\t0x0\tb").append(i).append("\t0x0\t-22\n");
        }
        assertFault(blocks.toString(), MemslotTrace.MAX_BLOCKS + 2, 1, "at most 127 names of blocks, found another");
    }

    @Test
    void aFileThatDoesNotEndIsNotReadToItsEnd() {
        InputStream endless = new InputStream() {
            @Override
            public int read() {
                return '\n';
            }

            @Override
            public int read(byte[] into, int start, int length) {
                Arrays.fill(into, start, start + length, (byte) '\n');
                return length;
            }
        };
        assertThatThrownBy(() -> TraceParser.parse("x", endless))
                .isInstanceOfSatisfying(MalformedInput.class, fault -> {
                    assertThat(fault.file()).isEqualTo("x");
                    assertThat(fault.expected()).isEqualTo("the end of the file before byte 67108864");
                });
    }

    @Test
    void theModelRefusesWhatTheParserRefuses() throws MalformedInput {
        SlotOperation create = trace(SMALL).operations().get(0);
        assertThatThrownBy(() -> new MemslotTrace("t", List.of(), List.of(create, create)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new MemslotTrace("t", List.of("no comment"), List.of()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new MemslotTrace("t", List.of("#\n"), List.of()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new SlotOperation(0, 0, Kind.DELETE, 0, 0, 0, 1, "b", 0, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new SlotOperation(0, 0, Kind.CREATE, 0, 0, 0, -1, "b", 1, 0))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static void assertFault(String text, int line, int column, String expected) {
        assertThatThrownBy(() -> trace(text))
                .isInstanceOfSatisfying(MalformedInput.class, fault -> {
                    assertThat(fault.line()).as("line").isEqualTo(line);
                    assertThat(fault.column()).as("column").isEqualTo(column);
                })
                .hasMessage("some/dir/small.tsv:" + line + ":" + column + ": expected " + expected);
    }
}
