package io.github.pfncache.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Runs of pages against a bit for each page. */
class PageRangesPropertyTest {

    private static final int PAGES = 24;

    /** Adds or removes {@code [from, to)}, which may be empty. */
    record Step(boolean add, int from, int to) {}

    @Provide
    Arbitrary<List<Step>> steps() {
        Arbitrary<Integer> pages = Arbitraries.integers().between(0, PAGES);
        return Combinators.combine(Arbitraries.of(true, false), pages, pages)
                .as(Step::new)
                .list()
                .ofMaxSize(20);
    }

    @Property(tries = 200, edgeCases = EdgeCasesMode.NONE)
    void runsSayWhatBitsSay(@ForAll("steps") List<Step> steps) {
        PageRanges ranges = new PageRanges();
        BitSet bits = new BitSet();
        for (Step step : steps) {
            if (step.add) {
                ranges.add(step.from, step.to);
            } else {
                ranges.remove(step.from, step.to);
            }
            if (step.from < step.to) {
                bits.set(step.from, step.to, step.add);
            }
            for (int page = 0; page < PAGES; page++) {
                assertThat(ranges.contains(page)).as("page %d after %s", page, step).isEqualTo(bits.get(page));
                assertThat(ranges.next(page)).as("next of %d after %s", page, step).isEqualTo(bits.nextSetBit(page));
                if (bits.get(page)) {
                    assertThat(ranges.runEnd(page)).as("run of %d after %s", page, step)
                            .isEqualTo(bits.nextClearBit(page));
                }
            }
            assertThat(ranges.size()).isEqualTo(bits.cardinality());
        }
    }
}
