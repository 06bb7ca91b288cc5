package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.InvalidationGate;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.scenario.Guest;
import io.github.pfncache.vm.Vm;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** What a harvest may count on where a writer begins in the middle of it, and does not end. */
public final class HarvestScenarios {

    private HarvestScenarios() {}

    /** The first store of a page marks it, and then writes: the harvest that has the mark has the data. */
    public static void firstStoreAgainstHarvest(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GfnPfnCache cache = guest.cacheOf(0);
        long[] copied = {guest.peek(0)};
        stage.thread("harvest", () -> {
            if (guest.harvest().length != 0) {
                copied[0] = guest.peek(0);
            }
        });
        stage.thread("store", () -> assertThat(cache.storeLong(0, 7)).as("store").isEqualTo(Outcome.OK));
        stage.afterwards(() -> {
            assertThat(copied[0] == 7 || guest.harvest().length != 0).as("copied, or marked").isTrue();
            guest.atRest();
        });
    }

    /** A vCPU writes into its ring, and its slot goes, while the logs are read: the last marks are handed out. */
    public static void lastWriteAgainstHarvest(ScenarioRun stage) {
        Guest guest = Guest.logging();
        Vm vm = Vm.builder().host(guest.host).vcpus(0).dirtyRing(128).build();
        vm.memslots().set(Guest.SLOT, Memslot.FLAG_LOG_DIRTY_PAGES, Guest.GPA, Guest.PAGES * 4096L, Guest.HVA);
        DirtyRing ring = vm.memslots().newDirtyRing(128);
        DirtyReader reader = vm.memslots().newDirtyReader();
        vm.memslots().table().forEach(reader::follow);
        Set<Long> read = new TreeSet<>();
        stage.thread("harvest", () -> reader.harvest((slot, pages) -> Arrays.stream(pages).forEach(read::add)));
        stage.thread("vcpu", () -> {
            ring.bind();
            vm.memslots().table().byId(Guest.SLOT).markDirty(Pages.gpaToGfn(Guest.gpa(1)));
            ring.unbind();
            assertThat(vm.memslots().delete(Guest.SLOT)).isEqualTo(Memslots.Change.DONE);
        });
        stage.afterwards(() -> {
            reader.harvest((slot, pages) -> Arrays.stream(pages).forEach(read::add));
            assertThat(read).as("read").contains(1L);
        });
    }

    /** A mark leaves a vCPU's ring while its slot goes, and comes back: it is read. */
    public static void ringMarkAgainstDeletionThatIsTakenBack(ScenarioRun stage) {
        Memslots memslots = takingBack(Memslots.DirtyMode.RING);
        DirtyRing ring = memslots.newDirtyRing(128);
        DirtyReader reader = memslots.newDirtyReader();
        memslots.table().forEach(reader::follow);
        ring.bind();
        memslots.table().byId(Guest.SLOT).markDirty(Pages.gpaToGfn(Guest.gpa(1)));
        ring.unbind();
        Set<Long> read = new TreeSet<>();
        stage.thread("harvest", () -> reader.harvest((slot, pages) -> Arrays.stream(pages).forEach(read::add)));
        stage.thread("delete", () -> assertThat(memslots.delete(Guest.SLOT)).isEqualTo(Memslots.Change.BUSY));
        stage.afterwards(() -> {
            reader.harvest((slot, pages) -> Arrays.stream(pages).forEach(read::add));
            assertThat(read).as("read").containsExactly(1L);
        });
    }

    /** With one slot, and a user of slots that lets none go. */
    private static Memslots takingBack(Memslots.DirtyMode mode) {
        Memslots memslots = new Memslots(mode, Memslots.DEFAULT_TIMEOUT);
        memslots.attach((publish, deadlineNanos) -> {
            publish.run();
            return InvalidationGate.Gate.DONE;
        }, (former, deadlineNanos) -> false);
        memslots.set(Guest.SLOT, Memslot.FLAG_LOG_DIRTY_PAGES, Guest.GPA, Guest.PAGES * 4096L, Guest.HVA);
        return memslots;
    }

    /** A reader begins with a log while the last other one leaves it: it is on, or that is said. */
    public static void followAgainstTheLastClose(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Memslots memslots = guest.vm.memslots();
        DirtyReader last = memslots.newDirtyReader();
        last.follow(memslots.table().byId(Guest.SLOT));
        DirtyReader reader = memslots.newDirtyReader();
        boolean[] follows = new boolean[1];
        stage.thread("close", last::close);
        stage.thread("follow", () -> follows[0] = reader.follow(memslots.table().byId(Guest.SLOT)) != null);
        stage.afterwards(() -> {
            memslots.table().byId(Guest.SLOT).markDirty(Pages.gpaToGfn(Guest.gpa(1)));
            Set<Long> read = new TreeSet<>();
            reader.harvest((slot, pages) -> Arrays.stream(pages).forEach(read::add));
            assertThat(!follows[0] || read.contains(1L)).as("read, if that was said").isTrue();
        });
    }

    /** A slot goes while readers begin with its log, one of them once more: of none that has gone a log is kept. */
    public static void followAgainstDeletion(ScenarioRun stage) {
        Guest guest = Guest.logging();
        Memslots memslots = guest.vm.memslots();
        Memslot slot = memslots.table().byId(Guest.SLOT);
        List<DirtyReader> readers = List.of(memslots.newDirtyReader(), memslots.newDirtyReader());
        readers.get(0).follow(slot);
        stage.thread("follow", () -> readers.forEach(reader -> reader.follow(slot)));
        stage.thread("delete", () -> assertThat(memslots.delete(Guest.SLOT)).isEqualTo(Memslots.Change.DONE));
        stage.afterwards(() -> {
            for (DirtyReader reader : readers) {
                reader.harvest((of, pages) -> {});
                assertThat(reader).hasToString("reader of 0 dirty logs");
            }
        });
    }

    /** A harvest sees a table without the slot, which comes back: its log is read as before. */
    public static void harvestAgainstDeletionThatIsTakenBack(ScenarioRun stage) {
        Memslots memslots = takingBack(Memslots.DirtyMode.BITMAP);
        DirtyReader reader = memslots.newDirtyReader();
        memslots.table().forEach(reader::follow);
        stage.thread("harvest", () -> reader.harvest((slot, pages) -> {}));
        stage.thread("delete", () -> assertThat(memslots.delete(Guest.SLOT)).isEqualTo(Memslots.Change.BUSY));
        stage.afterwards(() -> {
            memslots.table().byId(Guest.SLOT).markDirty(Pages.gpaToGfn(Guest.gpa(1)));
            Set<Long> read = new TreeSet<>();
            reader.harvest((slot, pages) -> Arrays.stream(pages).forEach(read::add));
            assertThat(read).as("read").containsExactly(1L);
        });
    }
}
