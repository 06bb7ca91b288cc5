package io.github.pfncache.conformance;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.kvm.Comparison;
import io.github.pfncache.kvm.Kvm;
import io.github.pfncache.kvm.LiveKernel;
import io.github.pfncache.kvm.Script;
import io.github.pfncache.kvm.Unusable;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Where the recordings and the kernel of this machine overlap, they agree, row by row: the recorder in Java and the one
 * that made the recordings are one notation.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LiveKernelConformanceTest {

    private static final int STABILITY = 3;

    /** Of a file of more rows, that were made at random, each third is run; all of them with the tag "deep". */
    private static final int MANY = 200;
    private static final int STEP = 3;

    private Kvm kvm;
    private Comparison comparison;

    static List<String> files() {
        return Scope.SCRIPTS;
    }

    @BeforeAll
    void open() {
        try {
            kvm = Kvm.open(Kvm.DEVICE);
            comparison = new Comparison(kvm, Comparison.applying(kvm));
        } catch (Unusable e) {
            LiveKernel.isNotRun(e);
        }
    }

    @AfterAll
    void close() {
        if (kvm != null) {
            kvm.close();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void theKernelDoesWhatWasRecorded(String file) throws IOException, Unusable {
        run(file, STEP);
    }

    @ParameterizedTest
    @MethodSource("files")
    @Tag("deep")
    void theKernelDoesWhatWasRecordedInEveryRow(String file) throws IOException, Unusable {
        run(file, 1);
    }

    private void run(String file, int stepOfMany) throws IOException, Unusable {
        assumeTrue(Vectors.exists(file), () -> Report.absent(file));
        Vectors.Table table = Vectors.read(file);
        Report report = new Report("live kernel, " + file);
        int step = table.rows().size() > MANY ? stepOfMany : 1;
        for (int i = 0; i < table.rows().size(); i += step) { // bounded by the file
            Vectors.Row row = table.rows().get(i);
            if (Scope.ofScript(table, row) != Scope.Verdict.REQUIRED || !row.get(STABILITY).equals("stable")) {
                report.outOfScope();
            } else {
                runRow(row, report);
            }
        }
        report.finish();
    }

    static List<String> xenFiles() {
        return Scope.XEN_SCRIPTS;
    }

    @ParameterizedTest
    @MethodSource("xenFiles")
    void theKernelsXenInterfacesDoWhatWasRecorded(String file) throws IOException, Unusable {
        LiveKernel.assumeXen();
        assumeTrue(Vectors.exists(file), () -> Report.absent(file));
        Vectors.Table table = Vectors.read(file);
        Report report = new Report("live kernel, " + file);
        for (Vectors.Row row : table.rows()) { // bounded by the file
            if (Scope.ofXenScript(table, row) == Scope.Verdict.REQUIRED) {
                runRow(row, report);
            } else {
                report.outOfScope();
            }
        }
        report.finish();
    }

    private void runRow(Vectors.Row row, Report report) throws Unusable {
        try {
            Comparison.Verdict verdict = comparison.of(Script.parse(row.get(1)), row.get(2));
            if (verdict.named() == null) { // it may agree but for what depends on the time that other programs took
                report.compare(row, row.get(2), verdict.agrees() ? row.get(2) : verdict.kernel());
            } else {
                report.outOfScope("this kernel: " + verdict.named());
            }
        } catch (Script.Unreadable e) {
            report.outOfScope(e.getMessage());
        }
    }
}
