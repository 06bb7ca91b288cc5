package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.interleaving.Once;
import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.memslot.WriteWatch;
import io.github.pfncache.rules.Interleaving;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One reader of the logs of two slots, of which each test does something to one, or to either. */
class DirtyReaderTest {

    private static final int PAGE = 4096;
    private static final int NPAGES = 4;

    private Vm vm;
    private DirtyReader reader;

    private void begin(int ringEntries) {
        vm = Vm.builder().dirtyRing(ringEntries).slotChangeTimeout(Duration.ofMillis(50)).build();
        for (int slot : new int[] {0, 1}) { // they log before there is a reader
            vm.ram().add(slot, Memslot.FLAG_LOG_DIRTY_PAGES, gpa(slot, 0), NPAGES);
        }
        reader = vm.memslots().newDirtyReader();
        vm.memslots().table().forEach(slot -> assertThat(reader.follow(slot)).isSameAs(slot));
    }

    @AfterEach
    void close() {
        reader.close();
        VmAudit.atRest(vm);
        vm.close();
    }

    private static long gpa(int slot, long page) {
        return (slot + 1L << 20) + page * PAGE;
    }

    /** On the vCPU: into its ring where there are rings. */
    private void write(int slot, long page) {
        vm.vcpu(0).run(() -> assertThat(vm.guestMemory().write(gpa(slot, page), new byte[] {1})).isOne());
    }

    private static String name(Memslot slot, long page) {
        return slot.id() + ":" + page;
    }

    private List<String> harvest() {
        TreeSet<String> all = new TreeSet<>();
        assertThat(reader.harvest((slot, pages) -> {
            for (long page : pages) {
                assertThat(page).isLessThan(slot.npages());
                all.add(name(slot, page));
            }
        })).isTrue();
        return List.copyOf(all);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void whatLoggedBeforeIsReadOfEachSlot(int ringEntries) {
        begin(ringEntries);
        write(0, 1);
        write(1, 2);
        assertThat(harvest()).containsExactly("0:1", "1:2");
        assertThat(harvest()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aHarvestThatEndsInTheMiddleLosesNothing(int ringEntries) {
        begin(ringEntries);
        write(0, 1);
        write(1, 2);
        assertThatIllegalStateException().isThrownBy(() -> reader.harvest((slot, pages) -> {
            throw new IllegalStateException("full");
        }));
        assertThat(harvest()).containsExactly("0:1", "1:2");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aPartIsOfWhatIsInTheRingsToo(int ringEntries) {
        begin(ringEntries);
        write(0, 1);
        write(0, 2);
        BitSet two = new BitSet();
        two.set(2);
        assertThat(reader.harvest(vm.memslots().table().byId(0), two).pages()).containsExactly(2);
        assertThat(harvest()).containsExactly("0:1");
    }

    /** Inside, the vCPU would wait for itself. */
    private static void elsewhere(Runnable call) throws InterruptedException {
        Thread thread = new Thread(call);
        thread.start();
        thread.join();
    }

    /** Of either slot, whichever is read first. */
    @Test
    void aVcpuThatGoesOnWritingOneSlotIsSaidOfAllAndOnlyThen() throws InterruptedException {
        begin(0);
        for (int held : new int[] {0, 1}) {
            write(0, 1);
            write(1, 1);
            try (GuestMode mode = vm.newGuestMode(gpa -> {})) {
                mode.enter();
                assertThat(mode.hold(gpa(held, 1), true).isWritable()).isTrue();
                List<String> pages = new ArrayList<>();
                elsewhere(() -> pages.addAll(harvest()));
                assertThat(pages).containsExactly("0:1", "1:1");
                assertThat(reader.isUnsettled()).isTrue();
                elsewhere(() -> harvestPage(1 - held));
                assertThat(reader.isUnsettled()).as("of the other slot").isFalse();
                elsewhere(() -> harvestPage(held));
                assertThat(reader.isUnsettled()).as("of this one").isTrue();
                mode.leave();
            }
            assertThat(harvest()).containsExactly(held + ":1");
            assertThat(reader.isUnsettled()).isFalse();
            assertThat(harvest()).isEmpty();
        }
    }

    /** A thread stops right before its bytes, which it has marked: none of what may still be written is forgotten. */
    @Test
    void aStoreThatDoesNotEndIsHandedOutAgain() throws InterruptedException {
        begin(0);
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(gpa(0, 1));
        Stopped storing = Stopped.at("about to store", stop -> {
            Interleaving.bind(stop);
            cache.storeLong(0, 1);
        });
        try (WriteWatch watch = vm.memslots().newWriteWatch()) {
            assertThat(watch.watch(gpa(0, 1) / PAGE)).isFalse();
            assertThat(harvest()).containsExactly("0:1");
            assertThat(reader.isUnsettled()).isTrue();
            storing.goesOn();
            assertThat(harvest()).containsExactly("0:1");
            assertThat(reader.isUnsettled()).isFalse();
            assertThat(harvest()).isEmpty();
        }
        cache.deactivate();
    }

    /** A thread that waits at one place until it is told to go on. */
    private static final class Stopped implements Interleaving.Explorer {
        private final String place;
        private final CountDownLatch stopped = new CountDownLatch(1);
        private final CountDownLatch goesOn = new CountDownLatch(1);
        private final Thread thread;

        private Stopped(String place, Consumer<Interleaving.Explorer> body) {
            this.place = place;
            this.thread = new Thread(() -> body.accept(this));
        }

        /** Starts one, and waits until it is there; the body binds what it is given. */
        static Stopped at(String place, Consumer<Interleaving.Explorer> body) throws InterruptedException {
            Stopped one = new Stopped(place, body);
            one.thread.setDaemon(true);
            one.thread.start();
            one.stopped.await();
            return one;
        }

        /** Lets it go on, and waits for its end. */
        void goesOn() throws InterruptedException {
            goesOn.countDown();
            thread.join();
        }

        @Override
        public void reached(String point) {
            if (point.equals(place)) {
                stopped.countDown();
                try {
                    goesOn.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        }

        @Override
        public boolean blocked(Object on, boolean timed) {
            throw new AssertionError("waits for " + on);
        }
    }

    private void harvestPage(int slot) {
        BitSet one = new BitSet();
        one.set(1);
        reader.harvest(vm.memslots().table().byId(slot), one);
    }

    /** Another thread has found the slots, and does not leave them in time. */
    @Test
    void aChangeThatIsTakenBackLeavesTheReaderAsItWas() throws InterruptedException {
        begin(0);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch leaves = new CountDownLatch(1);
        Thread other = new Thread(() -> {
            int token = vm.memslots().enterRead();
            try {
                inside.countDown();
                leaves.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            } finally {
                vm.memslots().exitRead(token);
            }
        });
        other.start();
        inside.await();
        Memslot first = vm.memslots().table().byId(0);
        assertThat(vm.memslots().move(0, gpa(7, 0))).isEqualTo(Memslots.Change.BUSY);
        assertThat(vm.memslots().set(5, 0, gpa(5, 0), PAGE, first.hva())).isEqualTo(Memslots.Change.BUSY);
        leaves.countDown();
        other.join();
        write(0, 1);
        List<Memslot> read = new ArrayList<>();
        reader.harvest((slot, pages) -> read.add(slot));
        assertThat(read).containsExactly(first);
        assertThat(harvest()).isEmpty();
        assertThat(reader).hasToString("reader of 2 dirty logs");
    }

    /** The change has not ended: another thread finds the slot, and writes; another reader harvests. */
    @Test
    void whatIsWrittenToASlotFromItsFirstMomentIsRead() throws InterruptedException {
        begin(0);
        long hva = vm.memslots().table().byId(0).hva();
        Stopped plugs = Stopped.at("memslot table published", stop -> {
            Interleaving.bind(stop);
            vm.memslots().set(5, 0, gpa(5, 0), PAGE, hva);
        });
        write(5, 0);
        assertThat(vm.memslots().harvestDirty(5).harvest().pages()).as("by another reader").containsExactly(0);
        plugs.goesOn();
        assertThat(vm.memslots().table().byId(5)).isNotNull();
        assertThat(harvest()).containsExactly("5:0");
    }

    @Test
    void aStoreThatDoesNotEndIsInTheRingOnceMore() throws InterruptedException {
        begin(128);
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(gpa(0, 1));
        Stopped vcpu = Stopped.at("about to store", stop -> vm.vcpu(0).run(() -> {
            Interleaving.bind(stop);
            cache.storeLong(0, 1);
            Interleaving.bind(null);
        }));
        DirtyRing ring = vm.vcpu(0).dirtyRing();
        assertThat(ring.entries()).hasSize(1);
        vcpu.goesOn();
        assertThat(ring.entries()).hasSize(1);
        assertThat(ring.entries()).isEmpty();
        cache.deactivate();
    }

    /** A mark that is in a ring belongs to the slot that had the number when it was made. */
    @Test
    void whatIsInARingOfASlotThatHasGoneIsOfThatSlotAlone() {
        begin(128);
        write(0, 1);
        write(1, 3);
        vm.ram().remove(0);
        vm.ram().remove(1);
        assertThat(harvest()).containsExactly("0:1", "1:3");
        assertThat(harvest()).isEmpty();
    }

    @Test
    void aMarkBehindTheEndOfASmallerSlotOfTheNumberIsOfTheFormerOne() {
        begin(128);
        vm.ram().remove(0);
        vm.ram().add(0, 0, gpa(0, 0), 1);
        write(0, 0);
        vm.ram().remove(0);
        vm.ram().add(0, 0, gpa(0, 0), NPAGES);
        write(0, 1); // right behind the end of the smaller one
        write(0, 3);
        vm.ram().remove(0);
        vm.ram().add(0, 0, gpa(0, 0), 1);
        assertThat(harvest()).contains("0:0", "0:1", "0:3");
    }

    /** The rings have been looked through, and the slots not yet. */
    @Test
    void whatIsInARingOfASlotThatGoesAsAHarvestBeginsIsReadOnceMore() {
        begin(128);
        Once removal = new Once("unlock DIRTY", () -> {
            write(0, 1);
            vm.ram().remove(0);
        });
        OnLooker.during(this::harvest, removal);
        assertThat(removal.isDone()).isTrue();
        assertThat(harvest()).containsExactly("0:1");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aSlotThatHasGoneIsHandedOutUntilItIsTaken(int ringEntries) {
        begin(ringEntries);
        write(0, 1);
        vm.ram().remove(0);
        assertThatIllegalStateException().isThrownBy(() -> reader.harvest((slot, pages) -> {
            throw new IllegalStateException("full");
        }));
        assertThat(harvest()).containsExactly("0:1");
    }

    /** Another thread turns the log off between the two looks. */
    @Test
    void aSlotThatIsAnotherOneByThenIsNotFollowed() {
        begin(0);
        Memslot first = vm.memslots().table().byId(0);
        OnLooker.during(() -> assertThat(reader.follow(first)).isNull(), new Once("unlock DIRTY", () ->
                assertThat(vm.memslots().setFlags(0, 0)).isEqualTo(Memslots.Change.DONE)));
        Memslot now = vm.memslots().table().byId(0);
        assertThat(reader.follow(now)).isSameAs(now).isNotSameAs(first);
    }

    /** The reader's own code makes a mark, in a ring, of a slot that goes before its log is read. */
    @Test
    void aSlotThatGoesDuringAHarvestIsReadOnceMore() {
        begin(128);
        write(0, 1);
        write(1, 1);
        TreeSet<String> all = new TreeSet<>();
        int[] calls = {0};
        reader.harvest((slot, pages) -> {
            all.add(name(slot, pages[0]));
            if (calls[0]++ == 0) {
                int other = 1 - slot.id();
                write(other, 2);
                vm.ram().remove(other);
            }
        });
        all.addAll(harvest());
        assertThat(all).contains("0:1", "1:1").containsAnyOf("0:2", "1:2");
    }

    @Test
    void aClosedReaderKeepsNoLogOn() {
        begin(0);
        vm.ram().add(2, 0, gpa(2, 0), 1);
        assertThat(vm.memslots().table().byId(2).logsDirtyPages()).as("for the reader").isTrue();
        reader.close();
        reader.follow(vm.memslots().table().byId(2));
        vm.memslots().newDirtyReader().close();
        assertThat(vm.memslots().table().byId(2).logsDirtyPages()).isFalse();
    }

    /** 1024 slots that have gone are remembered, and no more. */
    @Test
    void asManySlotsAsAreSaidAreRemembered() {
        begin(0);
        for (int gone : new int[] {1024, 1025}) {
            for (int i = 0; i < gone; i++) {
                vm.memslots().set(2, 0, gpa(2, 0), PAGE, vm.memslots().table().byId(0).hva());
                vm.memslots().table().byId(2).markDirty(gpa(2, 0) / PAGE);
                vm.memslots().delete(2);
            }
            int[] slots = {0};
            assertThat(reader.harvest((slot, pages) -> slots[0]++)).isEqualTo(gone == 1024);
            assertThat(slots[0]).isEqualTo(1024);
        }
    }
}
