package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.kvm.KernelDifference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The guide's tables of what differs from the kernel's Xen interfaces are those by which recordings are judged. */
final class DifferencesTableTest {

    private static final Path GUIDE = Path.of(".github/GUIDE.md");
    private static final String BEGIN = "<!-- differences of the Xen interfaces, written by DifferencesTableTest -->\n";
    private static final String END = "<!-- end of the differences -->";
    private static final String KERNELS_BEGIN =
            "<!-- differences between kernels, written by DifferencesTableTest -->\n";
    private static final String KERNELS_END = "<!-- end of the differences between kernels -->";
    private static final String COSTS_BEGIN = "<!-- what costs less, written by DifferencesTableTest -->\n";
    private static final String COSTS_END = "<!-- end of what costs less -->";

    @Test
    void theGuideNamesEachDifference() throws IOException {
        String rows = rows(KernelDifference::isXen);
        renew(BEGIN, "| of the Xen interfaces | kernel | here |\n|---|---|---|\n" + rows, END);
    }

    @Test
    void theGuideNamesEachDifferenceBetweenKernels() throws IOException {
        String rows = rows(each -> !each.isXen());
        renew(KERNELS_BEGIN, "| between kernels | a kernel | here |\n|---|---|---|\n" + rows, KERNELS_END);
    }

    private static String rows(Predicate<KernelDifference> which) {
        return Arrays.stream(KernelDifference.values())
                .filter(which)
                .map(KernelDifference::toMarkdown)
                .collect(Collectors.joining("\n"));
    }

    @Test
    void theGuideSaysWhatCostsLess() throws IOException {
        assumeTrue(Vectors.areBundled(), "other recordings have other sums");
        StringBuilder table = new StringBuilder("| what costs less here, of the recorded operations | operations |"
                + " refreshes | slot look-ups | pages resolved |\n|---|---|---|---|---|");
        for (Cheaper why : Cheaper.values()) { // few
            CostComparison.Saving all = CostComparison.Saving.NONE;
            for (String file : CostComparison.FILES) { // two
                all = all.plus(CostComparison.of(file).saving(why));
            }
            table.append("\n| ").append(why.why()).append(" | ").append(all.operations());
            for (long saved : new long[] {all.saved().refreshes(), all.saved().lookups(), all.saved().resolutions()}) {
                table.append(" | ").append(saved == 0 ? "" : "-" + saved);
            }
            table.append(" |");
        }
        renew(COSTS_BEGIN, table.toString(), COSTS_END);
    }

    private static void renew(String begin, String rows, String end) throws IOException {
        String guide = Files.readString(GUIDE);
        String table = begin + "\n" + rows + "\n\n";
        int from = guide.indexOf(begin);
        int to = guide.indexOf(end);
        assertThat(from).as("the place of the table in %s", GUIDE).isNotNegative();
        String renewed = guide.substring(0, from) + table + guide.substring(to);
        if (Boolean.getBoolean("guide.write")) {
            Files.writeString(GUIDE, renewed);
            guide = renewed;
        }
        assertThat(guide).as("after a change of these: mvn test -Dtest=DifferencesTableTest -Dguide.write=true")
                .isEqualTo(renewed);
    }
}
