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
        assertThat(logs.compare(Set.of(FIRST_PROBE_GFN, 0x100L), differences)).isEqualTo(1);
        assertThat(logs.compare(Set.of(), differences)).isZero();
        assertThat(differences).isEmpty();
    }

    @Test
    void aPageThatIsNotLoggedIsTheFaultOfItsProbe() {
        assertThat(logs.compare(Set.of(FIRST_PROBE_GFN), differences)).isZero();
        assertThat(differences).containsExactly(
                new ReplayStep.Difference(0, "dirty page 0x7000 in the log of slot 4", "it clean"));
    }

    @Test
    void aPageThatNoProbeExplainsIsTheFaultOfAll() {
        mark(0x5);
        mark(FIRST_PROBE_GFN);
        assertThat(logs.compare(Set.of(), differences)).isZero();
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
        assertThat(logs.compare(Set.of(0x5L), differences)).isZero();
        assertThat(differences).isEmpty();
    }

    @Test
    void clearingForgetsWhatWasBefore() {
        mark(0x5);
        logs.clear();
        assertThat(logs.compare(Set.of(), differences)).isZero();
        assertThat(differences).isEmpty();
    }
}
