package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What each operation cost inside the kernel, and what it costs here: refreshes, look-ups of a memslot, resolutions of
 * a page, and valid caches that an invalidation hit may be fewer, never more. {@link Cheaper} says why they are fewer.
 *
 * <p>Two differences on purpose do something earlier, and pay for it then. An event that is delivered at once has the
 * refresh that the kernel makes when its next entry delivers it ({@link Difference#STALE_VCPU_INFO}). A runstate that
 * becomes {@code runnable} is written ({@link Difference#RUNNABLE}), which the kernel leaves to the next write: one
 * that fails is a use that the kernel does not make, and is counted apart.
 */
final class CountersConformanceTest {

    static List<String> files() {
        return CostComparison.FILES;
    }

    @ParameterizedTest
    @MethodSource("files")
    void nothingCostsMoreThanInTheKernel(String file) throws IOException {
        assumeTrue(Vectors.exists(file), () -> Report.absent(file));
        CostComparison comparison = CostComparison.of(file);
        comparison.higher().forEach(System.out::println);
        for (Cheaper why : Cheaper.values()) { // few
            System.out.println(file + ": " + why + " " + comparison.saving(why));
        }
        System.out.println(comparison.summary());
        assertThat(comparison.higher()).isEmpty();
        assertThat(Vectors.areBundled() ? comparison.unexplained() : List.of()).isEmpty();
    }
}
