package io.github.pfncache.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Runs of marked pages against marks of each page. */
class PageMarksPropertyTest {

    private static final int PAGES = 24;
    private static final int ALL = PageMarks.CHANGED | PageMarks.WRITING | PageMarks.ZEROED;

    /** Takes marks from {@code [from, to)}, which may be empty, and gives others. */
    record Step(int taken, int given, int from, int to) {}

    @Provide
    Arbitrary<List<Step>> steps() {
        Arbitrary<Integer> pages = Arbitraries.integers().between(0, PAGES);
        Arbitrary<Integer> marks = Arbitraries.integers().between(0, ALL);
        return Combinators.combine(marks, marks, pages, pages)
                .as(Step::new)
                .list()
                .ofMaxSize(20);
    }

    @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
    void runsSayWhatEachPageSays(@ForAll("steps") List<Step> steps) {
        PageMarks marks = new PageMarks();
        int[] pages = new int[PAGES + 1];
        for (Step step : steps) {
            marks.change(step.from, step.to, step.taken, step.given);
            for (int page = step.from; page < step.to; page++) {
                pages[page] = pages[page] & ~step.taken | step.given;
            }
            for (int page = 0; page <= PAGES; page++) {
                assertThat(marks.at(page)).as("page %d after %s", page, step).isEqualTo(pages[page]);
            }
            for (int mark = 1; mark <= ALL; mark++) {
                check(marks, pages, mark);
            }
        }
    }

    @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
    void movedMarksAreThoseOfOtherPages(@ForAll("steps") List<Step> steps, @ForAll("steps") List<Step> moves) {
        PageMarks marks = new PageMarks();
        steps.forEach(step -> marks.change(step.from, step.to, step.taken, step.given));
        for (Step move : moves) {
            int length = Math.min(Math.max(0, move.to - move.from), Math.max(0, move.from));
            int from = move.from;
            int shift = move.taken % 2 == 0 ? -length : PAGES; // next to it, or beyond everything
            PageMarks copy = marks.copy();
            copy.move(from, from + length, length == 0 ? PAGES : shift);
            for (int page = 0; page < 3 * PAGES; page++) {
                boolean source = page >= from && page < from + length;
                boolean target = page >= from + shift && page < from + shift + length;
                int expected = source ? 0 : target ? marks.at(page - shift) : marks.at(page);
                assertThat(copy.at(page)).as("page %d of %s by %d", page, move, shift).isEqualTo(expected);
            }
            boolean marked = false;
            for (int page = from; page < from + length; page++) {
                marked |= marks.at(page) != 0;
            }
            assertThat(marks.draft(from, from + length) == marks).as("no copy for pages without").isEqualTo(!marked);
            int before = marks.at(0);
            copy.change(0, PAGES, 0, ALL);
            assertThat(marks.at(0)).as("the marks themselves stay").isEqualTo(before);
        }
    }

    private static void check(PageMarks marks, int[] pages, int mark) {
        long next = -1;
        int count = 0;
        for (int page = PAGES; page >= 0; page--) {
            boolean marked = (pages[page] & mark) != 0;
            next = marked ? page : next;
            count += marked ? 1 : 0;
            assertThat(marks.has(mark, page)).as("page %d", page).isEqualTo(marked);
            assertThat(marks.next(mark, page)).as("next of %d", page).isEqualTo(next);
        }
        assertThat(marks.size(mark)).isEqualTo(count);
    }
}
