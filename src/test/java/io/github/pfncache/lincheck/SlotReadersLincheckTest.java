package io.github.pfncache.lincheck;

import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;
import io.github.pfncache.memslot.Memslots;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Readers of the memslot table against a VMM that gives the memory of a slot up once the slot is deleted. */
@Tag("lincheck")
@Tag("deep")
final class SlotReadersLincheckTest {

    private static final long HVA = 0x7f00_0000_0000L;

    /** What a reader found. */
    public enum Found {
        NO_SLOT,
        MEMORY,
        MEMORY_GIVEN_UP
    }

    /** A slot that comes and goes, and the memory behind it. */
    public abstract static class Guest {
        final Memslots memslots = new Memslots();
        private volatile boolean backed;

        Guest() {
            create();
        }

        @Operation(nonParallelGroup = "vmm")
        public final void create() {
            backed = true;
            memslots.set(1, 0, 0, 0x1000, HVA);
        }

        @Operation(nonParallelGroup = "vmm")
        public final boolean delete() {
            boolean done = memslots.table().byId(1) != null && memslots.set(1, 0, 0, 0, 0) == Memslots.Change.DONE;
            if (done) {
                backed = false;
            }
            return done;
        }

        @Operation
        public abstract Found read();

        final Found use(Memslot slot) {
            if (slot == null) {
                return Found.NO_SLOT;
            }
            return backed ? Found.MEMORY : Found.MEMORY_GIVEN_UP;
        }
    }

    /** As the library is meant to be used. */
    public static final class InSection extends Guest {
        @Override
        public Found read() {
            int token = memslots.enterRead();
            try {
                return use(memslots.table().find(0));
            } finally {
                memslots.exitRead(token);
            }
        }
    }

    /** The table is read before the section is entered. */
    public static final class TableBeforeSection extends Guest {
        @Override
        public Found read() {
            MemslotTable table = memslots.table();
            int token = memslots.enterRead();
            try {
                return use(table.find(0));
            } finally {
                memslots.exitRead(token);
            }
        }
    }

    /** The slot is used after the section was left. */
    public static final class UseAfterSection extends Guest {
        @Override
        public Found read() {
            int token = memslots.enterRead();
            Memslot slot = memslots.table().find(0);
            memslots.exitRead(token);
            return use(slot);
        }
    }

    /** The specification. */
    public static final class Slot {
        private boolean present = true;

        public void create() {
            present = true;
        }

        public boolean delete() {
            boolean was = present;
            present = false;
            return was;
        }

        public Found read() {
            return present ? Found.MEMORY : Found.NO_SLOT;
        }
    }

    private static ModelCheckingOptions quick() {
        return Checking.quick().sequentialSpecification(Slot.class);
    }

    @Test
    void noReaderUsesASlotAfterItsDeletion() {
        quick().check(InSection.class);
    }

    @Test
    @Tag("deep")
    void noReaderUsesASlotAfterItsDeletionDeep() {
        Checking.deep().sequentialSpecification(Slot.class).threads(3).check(InSection.class);
    }

    @Test
    void aTableReadBeforeTheSectionIsFound() {
        Checking.mustFind(Checking.NO_ORDER_EXPLAINS, quick(), TableBeforeSection.class);
    }

    @Test
    void aUseAfterTheSectionIsFound() {
        Checking.mustFind(Checking.NO_ORDER_EXPLAINS, quick(), UseAfterSection.class);
    }
}
