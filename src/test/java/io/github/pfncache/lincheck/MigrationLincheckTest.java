package io.github.pfncache.lincheck;

import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What the dirty log is for: guests write, a copier copies the pages it is told of, and after a last round the copy is
 * equal. The pages lie in two words of the log, which is made when the first of them is marked.
 */
@Tag("lincheck")
final class MigrationLincheckTest {

    private static final long[] PAGES = {0, 63, 64, 65};

    /** Guest, log and copy. */
    @Param(name = "page", gen = IntGen.class, conf = "0:3")
    public abstract static class Migration {
        private final Memslots memslots = new Memslots();
        final AtomicIntegerArray guest = new AtomicIntegerArray(PAGES.length);
        private final int[] copy = new int[PAGES.length];
        final Memslot slot;

        Migration() {
            memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 66L << 12, 0x7f00_0000_0000L);
            slot = memslots.table().byId(1);
        }

        @Operation
        public abstract void write(@Param(name = "page") int page);

        @Operation(nonParallelGroup = "copier")
        public void copyRound() {
            long[] dirty = memslots.harvestDirty(1).harvest().pages();
            for (long page : dirty) { // bounded by the pages of the slot
                int i = Arrays.binarySearch(PAGES, page);
                copy[i] = guest.get(i);
            }
        }

        @Operation(nonParallelGroup = "copier")
        public void cancelledRound() {
            memslots.harvestDirty(1).harvest().putBack();
        }

        /** The guest has stopped: one more round, and every page is the same. */
        @Validate
        public void theCopyIsComplete() {
            copyRound();
            for (int i = 0; i < PAGES.length; i++) { // bounded by the pages
                if (copy[i] != guest.get(i)) {
                    throw new IllegalStateException("page " + PAGES[i] + " differs");
                }
            }
        }
    }

    /** As the library does it. */
    public static final class MarksAfterWriting extends Migration {
        @Override
        public void write(int page) {
            guest.incrementAndGet(page);
            slot.markDirty(PAGES[page]);
        }
    }

    /** The mark is taken before the data is there. */
    public static final class MarksBeforeWriting extends Migration {
        @Override
        public void write(int page) {
            slot.markDirty(PAGES[page]);
            guest.incrementAndGet(page);
        }
    }

    /** Operations without a result, so any order explains them: the check at the end judges. */
    public static final class NoResults {
        public void write(int page) {}

        public void copyRound() {}

        public void cancelledRound() {}
    }

    private static ModelCheckingOptions quick() {
        return Checking.quick().sequentialSpecification(NoResults.class);
    }

    @Test
    void nothingWrittenIsMissingFromTheCopy() {
        quick().iterations(5).check(MarksAfterWriting.class);
    }

    @Test
    @Tag("deep")
    void nothingWrittenIsMissingFromTheCopyDeep() {
        Checking.deep().sequentialSpecification(NoResults.class).threads(3).check(MarksAfterWriting.class);
    }

    @Test
    void aMarkBeforeTheWriteIsFound() {
        Checking.mustFind(Checking.END_STATE_WRONG, quick(), MarksBeforeWriting.class);
    }
}
