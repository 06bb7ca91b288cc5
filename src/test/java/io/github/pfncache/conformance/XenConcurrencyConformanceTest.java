package io.github.pfncache.conformance;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * What a real kernel's Xen interfaces kept while events were sent and things changed: nobody writes to a page that has
 * been taken away, or beside a structure; clocks are whole and advance, the runstate adds up, the next event
 * interrupts. Each case runs for {@code -Dxen.stressMillis}; numbers that depend on the machine do not count.
 */
final class XenConcurrencyConformanceTest {

    private static final Duration LOAD = Duration.ofMillis(Long.getLong("xen.stressMillis", 100));

    @Test
    void invariantsHoldThroughEachRecordedChange() throws IOException {
        assumeTrue(Vectors.exists(Scope.XEN_CONCURRENCY), () -> Report.absent(Scope.XEN_CONCURRENCY));
        Report report = new Report(Scope.XEN_CONCURRENCY);
        Map<String, Fields> done = new HashMap<>();
        for (Vectors.Row row : Vectors.read(Scope.XEN_CONCURRENCY).rows()) { // bounded by the file
            if (row.columns().size() != 4 || !XenStress.knows(row.get(0))) {
                report.unknown(row, "no such case");
                continue;
            }
            Fields actual = done.computeIfAbsent(row.get(0), name -> XenStress.run(name, LOAD));
            report.compare(row, Fields.parse(row.get(2)).only(actual).toString(), actual.toString());
        }
        report.finish();
    }
}
