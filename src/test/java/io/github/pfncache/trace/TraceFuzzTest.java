package io.github.pfncache.trace;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;

/** Any bytes are a trace, which is printed and read again as the same, or a fault with its place. */
final class TraceFuzzTest {

    @FuzzTest(maxDuration = "60s")
    void anyBytesAreATraceOrALocatedFault(byte[] bytes) {
        MemslotTrace trace;
        try {
            trace = TraceTexts.trace(bytes);
        } catch (MalformedInput fault) {
            TraceTexts.assertLocated(fault, bytes);
            return;
        }
        assertThat(trace.operations()).hasSizeLessThanOrEqualTo(MemslotTrace.MAX_OPERATIONS);
        try {
            assertThat(TraceTexts.trace(TraceTexts.text(trace))).isEqualTo(trace);
        } catch (MalformedInput fault) {
            throw new AssertionError("what was printed is not read again", fault);
        }
    }
}
