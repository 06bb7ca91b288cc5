package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Function;

/**
 * What goes on in the host while a vCPU's clock is updated. Each round leaves everything as it found it, so that the
 * next update after the last round lands.
 */
abstract class Churn {

    /** Waits for more updates are given up after so many looks. */
    private static final int PATIENCE = 10_000;

    private static final long PAGE = ClockRig.HVA;
    private static final long OTHER_PAGE = ClockRig.HVA + Pages.PAGE_SIZE;
    private static final int OTHER_SLOT = 2;
    private static final long OTHER_GPA = 0x4000_0000;

    /** Names of the recorded cases. */
    static final Map<String, Function<ClockRig, Churn>> BY_CASE = Map.ofEntries(
            Map.entry("mt_noupdate", Nothing::new),
            Map.entry("mt_none", Nothing::new),
            Map.entry("mt_reader", ReadingGuest::new),
            Map.entry("mt_dontneed", rig -> replacing(rig, () -> ClockRig.done(rig.host().discard(PAGE, 1)))),
            Map.entry("mt_dontneed_other", rig -> of(rig, () -> ClockRig.done(rig.host().discard(OTHER_PAGE, 1)))),
            Map.entry("mt_punch", rig -> replacing(rig, () -> ClockRig.done(rig.file().punchHole(0, 1)))),
            Map.entry("mt_mapfixed", rig -> replacing(rig, () -> rig.mapFresh(PAGE, 1))),
            Map.entry("mt_fork", rig -> of(rig, () -> rig.host().fork().close())),
            Map.entry("mt_protro", rig -> protection(rig, Protection.READ)),
            Map.entry("mt_protnone_long", rig -> protection(rig, Protection.NONE)),
            Map.entry("mt_munmap_long", Churn::unmapping),
            Map.entry("mt_mremap", MovingAway::new),
            Map.entry("mt_slot_delete_readd", Churn::slotDeletion),
            Map.entry("mt_slot_swap_hva", SlotSwap::new),
            Map.entry("mt_slot_unrelated", Churn::otherSlot),
            Map.entry("mt_slot_flags", Churn::slotFlags));

    final ClockRig rig;

    /** Late writes, torn structures and other things that must not be. Written by the churning thread. */
    long lateWrites;
    long torn;

    /** Updates attempted so far. Written by the updating thread. */
    private volatile long updates;

    Churn(ClockRig rig) {
        this.rig = rig;
    }

    /** Whether a case needs memory that is shared. */
    static boolean isShared(String name) {
        return name.equals("mt_punch") || name.equals("mt_munmap_long");
    }

    /** Whether a case leaves the dirty log of the slot alone. */
    static boolean keepsLog(String name) {
        return !name.startsWith("mt_slot_");
    }

    abstract void round();

    /** How many updates the clock's versions tell of, at rest; -1 if their memory has been thrown away. */
    long updatesSeen() {
        return rig.version(PAGE, ClockRig.CLOCK) / 2;
    }

    /** What else was recorded of this case. */
    Fields detail() {
        return new Fields();
    }

    /** After the last round, on any thread. */
    void end() {}

    void updated() {
        updates++; // one writer
    }

    /** Lets the updating thread attempt a few more updates, so that it meets the state it is in now. */
    final void letUpdatesPass(int count) {
        long target = updates + count;
        for (int i = 0; i < PATIENCE && updates < target; i++) { // bounded by the patience
            Thread.yield();
        }
    }

    /** Looks at memory that is out of reach: nobody writes to it any more, and the structure there is whole. */
    final void watchOutOfReach(long page) {
        byte[] before = new byte[Pages.PAGE_SIZE];
        byte[] after = new byte[Pages.PAGE_SIZE];
        ClockRig.done(rig.host().peek(page, before));
        letUpdatesPass(3);
        ClockRig.done(rig.host().peek(page, after));
        lateWrites += Arrays.equals(before, after) ? 0 : 1;
        torn += rig.version(page, ClockRig.CLOCK) & 1;
    }

    private static final class Nothing extends Churn {
        Nothing(ClockRig rig) {
            super(rig);
        }

        @Override
        void round() {
            letUpdatesPass(1);
        }
    }

    private static Churn of(ClockRig rig, Runnable round) {
        return new Churn(rig) {
            @Override
            void round() {
                round.run();
            }
        };
    }

    /** The page is replaced by an empty one, in one step: no update can fall in between. */
    private static Churn replacing(ClockRig rig, Runnable step) {
        return new Churn(rig) {
            @Override
            void round() {
                step.run();
            }

            @Override
            long updatesSeen() {
                return -1;
            }
        };
    }

    private static Churn protection(ClockRig rig, Protection protection) {
        return new Churn(rig) {
            @Override
            void round() {
                ClockRig.done(rig.host().protect(PAGE, 1, protection));
                watchOutOfReach(PAGE);
                ClockRig.done(rig.host().protect(PAGE, 1, Protection.READ_WRITE));
                letUpdatesPass(3);
            }
        };
    }

    /** The memory is a file's: what was written is kept. */
    private static Churn unmapping(ClockRig rig) {
        return new Churn(rig) {
            @Override
            void round() {
                ClockRig.done(rig.host().unmap(PAGE, 1));
                long before = rig.versionInFile();
                letUpdatesPass(3);
                lateWrites += rig.versionInFile() == before ? 0 : 1;
                torn += before & 1;
                rig.mapFresh(PAGE, 1);
                letUpdatesPass(3);
            }
        };
    }

    /** Each round a fresh page comes and is moved away, with the updates that it got. */
    private static final class MovingAway extends Churn {
        private long moved;

        MovingAway(ClockRig rig) {
            super(rig);
        }

        @Override
        void round() {
            letUpdatesPass(3);
            ClockRig.done(rig.host().move(PAGE, 1, ClockRig.OTHER_HVA));
            watchOutOfReach(ClockRig.OTHER_HVA);
            moved += rig.version(ClockRig.OTHER_HVA, ClockRig.CLOCK) / 2;
            rig.mapFresh(PAGE, 1);
        }

        @Override
        long updatesSeen() {
            return moved + super.updatesSeen();
        }
    }

    private static Churn slotDeletion(ClockRig rig) {
        return new Churn(rig) {
            @Override
            void round() {
                ClockRig.done(rig.memslots().delete(ClockRig.SLOT));
                watchOutOfReach(PAGE);
                ClockRig.done(rig.memslots().set(ClockRig.SLOT, 0, ClockRig.GPA, ClockRig.SIZE, PAGE));
                letUpdatesPass(3);
            }
        };
    }

    /** The slot goes back and forth between two places. */
    private static final class SlotSwap extends Churn {
        SlotSwap(ClockRig rig) {
            super(rig);
        }

        @Override
        void round() {
            swap(PAGE, ClockRig.OTHER_HVA);
            letUpdatesPass(3);
            swap(ClockRig.OTHER_HVA, PAGE);
            letUpdatesPass(3);
        }

        private void swap(long from, long to) {
            ClockRig.done(rig.memslots().delete(ClockRig.SLOT));
            watchOutOfReach(from);
            ClockRig.done(rig.memslots().set(ClockRig.SLOT, 0, ClockRig.GPA, ClockRig.SIZE, to));
        }

        @Override
        long updatesSeen() {
            return super.updatesSeen() + rig.version(ClockRig.OTHER_HVA, ClockRig.CLOCK) / 2;
        }
    }

    private static Churn otherSlot(ClockRig rig) {
        return of(rig, () -> {
            ClockRig.done(rig.memslots().set(OTHER_SLOT, 0, OTHER_GPA, ClockRig.SIZE, ClockRig.OTHER_HVA));
            ClockRig.done(rig.memslots().delete(OTHER_SLOT));
        });
    }

    private static Churn slotFlags(ClockRig rig) {
        return of(rig, () -> {
            ClockRig.done(rig.memslots().setFlags(ClockRig.SLOT, Memslot.FLAG_LOG_DIRTY_PAGES));
            ClockRig.done(rig.memslots().setFlags(ClockRig.SLOT, 0));
        });
    }
}
