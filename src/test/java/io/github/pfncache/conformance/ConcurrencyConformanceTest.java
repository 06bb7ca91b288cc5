package io.github.pfncache.conformance;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/**
 * What real KVM kept while another thread churned: nothing is lost where memory is replaced in one step, only in
 * windows where it is not there; nobody writes to a page that has been moved away; versions are even, and dirty logs
 * tell of all updates. Each case of the file runs once; numbers that depend on the machine do not count.
 */
final class ConcurrencyConformanceTest {

    private static final String RECOVERY = "_recovery";
    private static final String DETAIL = "_detail";

    private final Map<String, Stress.Result> stressed = new HashMap<>();
    private final Map<String, Fields> twoVcpus = new HashMap<>();
    private final Report report = new Report(Scope.CONCURRENCY);

    @Test
    void invariantsHoldThroughEachRecordedChurn() throws Exception {
        assumeTrue(Vectors.exists(Scope.CONCURRENCY), () -> Report.absent(Scope.CONCURRENCY));
        for (Vectors.Row row : rows()) { // bounded by the file
            if (row.columns().size() != 4) {
                report.unknown(row, "not in the format of this file");
                continue;
            }
            Optional<Fields> actual = actual(row.get(0), row.get(1));
            if (actual.isPresent()) {
                report.compare(row, expected(row, actual.get()).toString(), actual.get().toString());
            } else {
                report.unknown(row, "no such case");
            }
        }
        report.finish();
    }

    private static Iterable<Vectors.Row> rows() throws IOException {
        return Vectors.read(Scope.CONCURRENCY).rows();
    }

    private Optional<Fields> actual(String name, String input)
            throws InterruptedException, ExecutionException, TimeoutException {
        if (name.startsWith("two_vcpu_")) {
            return twoVcpus(name, input);
        }
        // The file has a recovery of its case without updates under the name of the case without churn.
        String base = name.replaceAll("(" + RECOVERY + "|" + DETAIL + ")$", "");
        if (!Churn.BY_CASE.containsKey(base)) {
            return Optional.empty();
        }
        if (!stressed.containsKey(base)) {
            stressed.put(base, Stress.run(base));
        }
        Stress.Result result = stressed.get(base);
        if (name.endsWith(RECOVERY)) {
            return Optional.of(result.recovery());
        }
        return Optional.of(name.endsWith(DETAIL) ? result.detail() : result.main());
    }

    private Optional<Fields> twoVcpus(String name, String input)
            throws InterruptedException, ExecutionException, TimeoutException {
        String key = name + " " + input;
        if (!twoVcpus.containsKey(key)) {
            switch (name) {
                case "two_vcpu_diff" -> twoVcpus.put(key, TwoVcpus.different(Fields.parse(input)));
                case "two_vcpu_same" -> twoVcpus.put(key, TwoVcpus.same(Fields.parse(input)));
                default -> {
                    return Optional.empty();
                }
            }
        }
        return Optional.of(twoVcpus.get(key));
    }

    /** What was recorded, as far as it does not depend on the machine. */
    private static Fields expected(Vectors.Row row, Fields actual) {
        Fields recorded = Fields.parse(row.get(2));
        if (actual.has("lost")) {
            long logged = recorded.number("dirty_logged_updates");
            long done = logged >= 0 ? logged : recorded.number("advanced_by_2");
            recorded.put("lost", Stress.lost(done, Fields.parse(row.get(1)).number("iters")));
        }
        if (actual.has("increments_made_up")) {
            long lost = recorded.number("sum_of_updates_x2") - recorded.number("version_delta");
            recorded.put("increments_made_up", Math.max(0, -lost));
        }
        return recorded.only(actual);
    }
}
