package io.github.pfncache.trace;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;

/** Any bytes are a table of landings, which is printed and read again as the same, or a fault with its place. */
final class ProbeTableFuzzTest {

    @FuzzTest(maxDuration = "60s")
    void anyBytesAreATableOrALocatedFault(byte[] bytes) throws MalformedInput {
        MemslotTrace small = TraceTexts.trace(TraceTexts.SMALL);
        ProbeTable table;
        try {
            table = TraceTexts.table(bytes, small);
        } catch (MalformedInput fault) {
            TraceTexts.assertLocated(fault, bytes);
            return;
        }
        assertThat(table.covers(small.name())).isTrue();
        assertThat(TraceTexts.table(TraceTexts.text(table), small).changes()).isEqualTo(table.changes());
    }
}
