package io.github.pfncache.conformance;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.kvm.Script;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * Rows of the older recordings in which a second kernel did something else: this library is judged by the one that it
 * follows. Of the vendor's own doing, a clock that the host's register write touches, that is the stock kernel; where a
 * version, a host or a configuration differs, it is the one that the recordings are of.
 */
final class TwoKernelsConformanceTest {

    private static final List<String> NOT_JUDGED = List.of("TIME", "SETUP");

    private static final int CLASS = 4;
    private static final int CAUSE = 5;
    private static final int OPERATION = 6;
    private static final int VENDOR = 7;
    private static final int STOCK = 8;

    @Test
    void eachRowIsJudgedByTheKernelThatItIsOf() throws IOException {
        assumeTrue(Vectors.exists(Scope.STOCK), () -> Report.absent(Scope.STOCK));
        Report report = new Report(Scope.STOCK);
        int[] byStock = new int[1];
        for (Vectors.Row row : Vectors.read(Scope.STOCK).rows()) { // bounded by the file
            Optional<Vectors.Row> recorded = recording(row);
            if (row.columns().size() != STOCK + 1) {
                report.unknown(row, "not in the format of this file");
            } else if (NOT_JUDGED.contains(row.get(CLASS))) {
                report.outOfScope("a matter of time or of the machine");
            } else if (recorded.isEmpty()) {
                report.outOfScope("the recording of it is not here");
            } else {
                boolean stock = row.get(CAUSE).startsWith("host MSR write");
                judge(row, recorded.get(), row.get(stock ? STOCK : VENDOR), report);
                byStock[0] += stock ? 1 : 0;
            }
        }
        System.out.println(Scope.STOCK + ": " + byStock[0] + " rows judged by the stock kernel, "
                + (report.run() - byStock[0]) + " by the other");
        report.finish();
    }

    private static Optional<Vectors.Row> recording(Vectors.Row row) throws IOException {
        String file = row.get(0) + ".tsv";
        return Scope.SCRIPTS.contains(file) && Vectors.exists(file)
                ? Vectors.read(file).rows().stream().filter(each -> each.get(0).equals(row.get(1))).findFirst()
                : Optional.empty();
    }

    private static void judge(Vectors.Row row, Vectors.Row recorded, String expected, Report report) {
        Script script = Script.parse(recorded.get(1));
        String[] vendor = recorded.get(2).split(" ; ", -1);
        for (int i = 0; i < script.ops().size(); i++) { // the operations of the script
            if (script.ops().get(i).toString().equals(row.get(OPERATION)) && vendor[i].startsWith(row.get(VENDOR))) {
                String[] here = ScriptRun.of(script).split(" ; ", -1);
                report.compare(row, script.toString(), expected,
                        here.length == vendor.length ? here[i] : Arrays.toString(here));
                return;
            }
        }
        report.unknown(row, "its recording has no such operation");
    }
}
