package io.github.pfncache.trace;

import static io.github.pfncache.trace.TraceTexts.SMALL;
import static io.github.pfncache.trace.TraceTexts.TABLE_HEADER;
import static io.github.pfncache.trace.TraceTexts.table;
import static io.github.pfncache.trace.TraceTexts.trace;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ProbeTableTest {

    private static final String TABLE = TABLE_HEADER
            + "small.tsv\t0\t0x7100\tpc.ram+0x7100\n"
            + "small.tsv\t2\t0x7100\tnone\n"
            + "other.tsv\t900\t0x7100\ta+b+0x0\n";

    @Test
    void aProbeKeepsItsLastLanding() throws MalformedInput {
        ProbeTable table = table(TABLE, trace(SMALL));
        ClockWrites ram = ClockWrites.at("pc.ram", 0x7100);
        assertThat(IntStream.range(0, 4).mapToObj(i -> table.expected("small.tsv", i, 0)))
                .containsExactly(ram, ram, ClockWrites.NONE, ClockWrites.NONE);
        assertThat(table.expected("other.tsv", 899, 0)).isEqualTo(ClockWrites.NONE);
        assertThat(table.expected("other.tsv", 901, 0)).isEqualTo(ClockWrites.at("a+b", 0));
        assertThat(table.expected("small.tsv", 0, 1)).isEqualTo(ClockWrites.NONE);
        assertThat(table.covers("small.tsv")).isTrue();
        assertThat(table.covers("third.tsv")).isFalse();
        assertThat(TraceTexts.text(table)).isEqualTo(TABLE);
    }

    @Test
    void theBundledTableIsWrittenAsItWasRecorded() throws Exception {
        try (InputStream in = BundledTraces.class.getResourceAsStream(BundledTraces.TABLE)) {
            String recorded = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            assertThat(TraceTexts.text(BundledTraces.table(BundledTraces.traces()))).isEqualTo(recorded);
        }
    }

    /** Changes one column of line 3. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "0 | ''            | 1  | trace: the name of a trace, found ''",
        "1 | 3             | 11 | after_idx: the number of one of the 3 operations of small.tsv, found '3'",
        "1 | -1            | 11 | after_idx: a number in 0..2147483647, found '-1'",
        "1 | 0             | 11 | after_idx: more than 0, where this probe changed last, found '0'",
        "2 | 7100          | 13 | probe_gpa: a number like 0x1fc0, of at most 16 digits, found '7100'",
        "3 | nowhere       | 20 | lands_in: none, or a place like pc.ram+0x1fc0, found 'nowhere'",
        "3 | +0x0          | 20 | lands_in: none, or a place like pc.ram+0x1fc0, found '+0x0'",
        "3 | pc.ram+7100   | 27 | lands_in: a number like 0x1fc0, of at most 16 digits, found 'pc.ram+7100'",
        "3 | pc.ram+0x800000000000 | 27 | lands_in: an offset below 0x800000000000, found 'pc.ram+0x800000000000'"
    })
    void aColumnThatIsWrongIsNamed(int column, String value, int at, String expected) {
        String[] lines = TABLE.split("\n");
        String[] fields = lines[2].split("\t");
        fields[column] = value;
        lines[2] = String.join("\t", fields);
        assertThatThrownBy(() -> table(String.join("\n", lines), trace(SMALL)))
                .isInstanceOf(MalformedInput.class)
                .hasMessage("table.tsv:3:" + at + ": expected " + expected);
    }

    @Test
    void aProbeThatIsNoneIsToldWhichAre() {
        assertThatThrownBy(() -> table(TABLE_HEADER + "small.tsv\t0\t0x7101\tnone\n"))
                .isInstanceOf(MalformedInput.class)
                .hasMessageStartingWith("table.tsv:2:13: expected probe_gpa: one of 0x7100 0x9f140 0xa0180 ")
                .hasMessageEndingWith(" 0xfffc03c0, found '0x7101'");
    }

    @Test
    void aTraceToCompareMustBeInTheTable() throws MalformedInput {
        assertThatThrownBy(() -> table(TABLE_HEADER, trace(SMALL)))
                .isInstanceOf(MalformedInput.class)
                .hasMessage("table.tsv:2:1: expected lines of small.tsv, which this table does not name");
        assertThat(table(TABLE_HEADER, trace(TraceTexts.HEADER)).changes()).isEmpty();
    }

    @Test
    void aTableNamesNoMoreTracesThanItMay() throws MalformedInput { // each costs memory of its own
        String most = IntStream.range(0, ProbeTable.MAX_TRACES)
                .mapToObj(i -> i + "\t0\t0x7100\tnone\n")
                .collect(Collectors.joining("", TABLE_HEADER, "0\t1\t0x7100\tnone\n"));
        ProbeTable whole = table(most);
        assertThat(whole.changes()).hasSize(ProbeTable.MAX_TRACES + 1);
        assertThatThrownBy(() -> table(most + "another\t0\t0x7100\tnone\n"))
                .isInstanceOf(MalformedInput.class)
                .hasMessageStartingWith("table.tsv:" + (ProbeTable.MAX_TRACES + 3) + ":1: expected trace: one of the ");
        List<ProbeTable.Change> more = new ArrayList<>(whole.changes());
        more.add(new ProbeTable.Change("another", 0, 0, ClockWrites.NONE));
        assertThatThrownBy(() -> new ProbeTable(more)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theModelRefusesWhatTheParserRefuses() {
        ProbeTable.Change change = new ProbeTable.Change("t", 1, 0, ClockWrites.NONE);
        assertThatThrownBy(() -> new ProbeTable(List.of(change, change))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new ProbeTable.Change("t", -1, 0, ClockWrites.NONE))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new ProbeTable.Change("t", 0, Probes.COUNT, ClockWrites.NONE))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> ClockWrites.at("two words", 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> ClockWrites.at("b", -1)).isInstanceOf(IllegalArgumentException.class);
    }
}
