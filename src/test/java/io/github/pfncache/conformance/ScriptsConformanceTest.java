package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.kvm.Script;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Runs the recorded scripts and compares what shows in guest memory with what real KVM was seen to do. */
final class ScriptsConformanceTest {

    /** How many rows of the project's own recordings the rules of the scope select. */
    private static final Map<String, Integer> BUNDLED = Map.of(
            "pv_registration.tsv", 53,
            "pv_version_flags.tsv", 59,
            "memslot_rules.tsv", 46,
            "memslot_churn.tsv", 34,
            "host_page_churn.tsv", 45,
            "random_sequences.tsv", 1779,
            "steal_wall_apf_eoi.tsv", 65,
            "misc.tsv", 1);

    static List<String> files() {
        return Scope.SCRIPTS;
    }

    @ParameterizedTest
    @MethodSource("files")
    void guestMemoryShowsWhatRealKvmDid(String file) throws IOException {
        assumeTrue(Vectors.exists(file), () -> Report.absent(file));
        Vectors.Table table = Vectors.read(file);
        Report report = new Report(file);
        for (Vectors.Row row : table.rows()) { // bounded by the file
            switch (Scope.ofScript(table, row)) {
                case REQUIRED -> runRow(row, report);
                case OUT_OF_SCOPE -> report.outOfScope();
                case UNKNOWN -> report.unknown(row, "not in the format of this file");
            }
        }
        report.finish();
        if (Vectors.areBundled()) {
            assertThat(report.run()).isEqualTo(BUNDLED.get(file));
        }
    }

    private static void runRow(Vectors.Row row, Report report) {
        try {
            Script script = Script.parse(row.get(1));
            report.compare(row, row.get(2), ScriptRun.of(script));
        } catch (Script.Unreadable e) {
            report.unknown(row, e.getMessage());
        }
    }
}
