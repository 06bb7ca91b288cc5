package io.github.pfncache.conformance;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.kvm.KernelDifference;
import io.github.pfncache.kvm.Script;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Runs the recorded scripts of guests with Xen interfaces. Where this library differs from the kernel on purpose, what
 * it has to answer instead is predicted by the {@link EventModel}, which then also has to predict what the kernel did.
 */
final class XenConformanceTest {

    static List<String> files() {
        return Scope.XEN_SCRIPTS;
    }

    @ParameterizedTest
    @MethodSource("files")
    void guestMemoryShowsWhatRealKvmDid(String file) throws IOException {
        assumeTrue(Vectors.exists(file), () -> Report.absent(file));
        Vectors.Table table = Vectors.read(file);
        Report report = new Report(file);
        for (Vectors.Row row : table.rows()) { // bounded by the file
            switch (Scope.ofXenScript(table, row)) {
                case REQUIRED -> runRow(row, report);
                case OUT_OF_SCOPE -> report.outOfScope(Scope.whyNotXenScript(row));
                case UNKNOWN -> report.unknown(row, "not in the format of this file");
            }
        }
        report.finish();
    }

    private static void runRow(Vectors.Row row, Report report) {
        try {
            Script script = Script.parse(row.get(1));
            String recorded = row.get(2);
            ScriptRun.Prediction here = ScriptRun.predict(script, KernelDifference.ofXen());
            if (!here.observed().equals(recorded)) {
                String kernel = ScriptRun.predict(script, Set.of()).observed();
                if (!Tolerance.agree(script, recorded, kernel)) {
                    report.compare(row, recorded, kernel); // the model is wrong, or the row is of something else
                    return;
                }
            }
            if (report.compare(row, here.observed(), ScriptRun.of(script))) {
                report.differently(here.differencesFrom(script, recorded));
            }
        } catch (Script.Unreadable e) {
            report.unknown(row, e.getMessage());
        }
    }
}
