package io.github.pfncache.trace;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class DirtyLogsTest {

    private static final long FIRST_PROBE_GFN = Probes.gpa(0) >>> 12;

    private final Memslots memslots = new Memslots();
    private final DirtyLogs logs = new DirtyLogs(memslots);
    private final List<ReplayStep.Difference> differences = new ArrayList<>();

    DirtyLogsTest() {
        memslots.set(4, Memslot.FLAG_LOG_DIRTY_PAGES, 0x4000, 0x10000, 0x7f0000000000L);
        logs.slotChanged(4);
    }

    private void mark(long gfn) {
        memslots.table().find(gfn).markDirty(gfn);
    }

    @Test
    void anExactLogHasNoDifference() {
        mark(FIRST_PROBE_GFN);
        assertThat(logs.compare(Set.of(FIRST_PROBE_GFN, 0x100L), false, differences)).isEqualTo(1);
        assertThat(logs.compare(Set.of(), false, differences)).isZero();
        assertThat(differences).isEmpty();
    }

    @Test
    void aPageThatIsNotLoggedIsTheFaultOfItsProbe() {
        assertThat(logs.compare(Set.of(FIRST_PROBE_GFN), false, differences)).isZero();
        assertThat(differences).containsExactly(
                new ReplayStep.Difference(0, "dirty page 0x7000 in the log of slot 4", "it clean"));
    }

    @Test
    void aPageThatNoProbeExplainsIsTheFaultOfAll() {
        mark(0x5);
        mark(FIRST_PROBE_GFN);
        assertThat(logs.compare(Set.of(), false, differences)).isZero();
        assertThat(differences).containsExactly(
                new ReplayStep.Difference(
                        ReplayStep.Difference.ALL_PROBES, "clean page 0x5000 in the log of slot 4", "it dirty"),
                new ReplayStep.Difference(0, "clean page 0x7000 in the log of slot 4", "it dirty"));
    }

    @Test
    void aSlotThatStopsLoggingIsNotLookedAt() {
        mark(0x5);
        memslots.setFlags(4, 0);
        logs.slotChanged(4);
        assertThat(logs.compare(Set.of(0x5L), false, differences)).isZero();
        assertThat(differences).isEmpty();
    }

    @Test
    void whatIsInALogWhenItsSlotChangesIsADifference() {
        mark(0x5);
        logs.slotChanges(4, differences);
        assertThat(differences).extracting(Object::toString)
                .containsExactly("expected clean page 0x5000 in the log of slot 4, found it dirty");
        logs.slotChanges(5, differences);
        assertThat(differences).hasSize(1);
    }

    @Test
    void ofManyLogsAllAreLookedAtInTheLongRun() {
        int slots = 4 * DirtyLogs.FEW;
        for (int id = 5; id < slots; id++) {
            memslots.set(id, Memslot.FLAG_LOG_DIRTY_PAGES, id * 0x100000L, 0x1000, 0x7f0000100000L);
            logs.slotChanged(id);
        }
        long before = logs.harvests();
        mark(FIRST_PROBE_GFN);
        assertThat(logs.compare(Set.of(FIRST_PROBE_GFN), false, differences)).isEqualTo(1);
        assertThat(logs.harvests() - before).isLessThanOrEqualTo(Probes.COUNT + 1);
        memslots.table().byId(7).markDirty(0x700);
        assertThat(logs.compare(Set.of(), false, differences)).isZero();
        assertThat(differences).as("not yet").isEmpty();
        for (int look = 0; look < slots; look++) {
            logs.compare(Set.of(), false, differences);
        }
        assertThat(differences).extracting(Object::toString)
                .containsExactly("expected clean page 0x700000 in the log of slot 7, found it dirty");
        assertThat(logs.harvests() - before).isLessThan((long) slots * (Probes.COUNT + 3));
        memslots.table().byId(8).markDirty(0x800);
        logs.compare(Set.of(), true, differences);
        assertThat(differences).as("everywhere").hasSize(2);
    }
}
