package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Names and counts the files that no other test of this package reads. */
final class OutOfScopeConformanceTest {

    @Test
    void filesThatAreNotKnownAreNamed() throws IOException {
        List<String> known = Stream.concat(
                        Stream.concat(Scope.SCRIPTS.stream(), Scope.XEN_SCRIPTS.stream()),
                        Stream.concat(CostComparison.FILES.stream(), Stream.of(
                                Scope.OFFSETS, Scope.TRACES, Scope.CONCURRENCY, Scope.USERFAULTFD,
                                Scope.XEN_CONCURRENCY, Scope.PREEMPTED, Scope.STOCK)))
                .toList();
        List<String> others = Vectors.files().stream()
                .filter(file -> !known.contains(file) && !file.endsWith(".class"))
                .toList();
        for (String file : others) { // bounded by the directory
            Report report = new Report(file);
            if (file.endsWith(".tsv")) {
                Vectors.read(file).rows().forEach(row -> report.outOfScope());
            }
            report.finish();
        }
        if (Vectors.areBundled()) {
            assertThat(others).containsExactly(
                    "capabilities.tsv", "special_mappings.tsv");
        }
    }
}
