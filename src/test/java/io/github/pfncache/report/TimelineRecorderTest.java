package io.github.pfncache.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.trace.MemslotTrace;
import io.github.pfncache.trace.Probes;
import io.github.pfncache.trace.SlotOperation.Kind;
import io.github.pfncache.vm.Vm;
import java.util.List;
import org.junit.jupiter.api.Test;

final class TimelineRecorderTest {

    private static final long SIZE = 0x100000;
    private static final int EINVAL = -22;

    private static List<LaneState> settled(Timeline timeline, int lane) {
        return timeline.lanes.get(lane).cells.stream().map(cell -> cell.settled).toList();
    }

    private static List<LaneState> before(Timeline timeline, int lane) {
        return timeline.lanes.get(lane).cells.stream().map(cell -> cell.before).toList();
    }

    @Test
    void aCacheIsStaleAfterAChangeAndThenWhatItsMemoryAllows() {
        Timeline timeline = Traces.recorded(Traces.of(
                "t",
                Traces.operation(0, Kind.CREATE, 0, 0, 0, SIZE, 0),
                Traces.operation(1, Kind.CREATE, 1, 0, 0x10, SIZE, EINVAL),
                Traces.operation(2, Kind.FLAGS, 0, Memslot.FLAG_LOG_DIRTY_PAGES, 0, SIZE, 0),
                Traces.operation(3, Kind.DELETE, 0, 0, 0, 0, 0),
                Traces.operation(4, Kind.CREATE, 0, Memslot.FLAG_READONLY, 0, SIZE, 0)));
        assertThat(timeline.lanes).hasSize(Probes.COUNT);
        assertThat(timeline.lanes.get(0).name).isEqualTo("clock 0");
        assertThat(timeline.lanes.get(0).gpa).isEqualTo(Probes.gpa(0));
        assertThat(settled(timeline, 0)).containsExactly(
                LaneState.VALID, LaneState.VALID, LaneState.VALID, LaneState.UNBACKED, LaneState.UNBACKED);
        assertThat(before(timeline, 0)).containsExactly(
                LaneState.STALE, LaneState.VALID, LaneState.STALE, LaneState.UNBACKED, LaneState.UNBACKED);
        assertThat(settled(timeline, 11)).containsOnly(LaneState.UNBACKED);
        assertThat(timeline.lanes.get(0).cells.get(0).place).isEqualTo("ram+0x7100");
        assertThat(timeline.lanes.get(0).cells.get(3).place).isNull();
        assertThat(timeline.columns.stream().map(column -> column.failed)).containsExactly(0, 1, 0, 0, 0);
        assertThat(timeline.columns.stream().map(column -> column.invalidations)).containsOnly(0);
    }

    @Test
    void theSlotMapHoldsWhatTheMachineHadAndForHowLong() {
        Timeline timeline = Traces.recorded(Traces.of(
                "t",
                Traces.operation(0, Kind.CREATE, 0, 0, 0, SIZE, 0),
                Traces.operation(1, Kind.CREATE, 1, 0, 0, SIZE, EINVAL),
                Traces.operation(2, Kind.MOVE, 0, 0, SIZE, SIZE, 0),
                Traces.operation(3, Kind.CREATE, 2, 0, 0, SIZE, 0)));
        assertThat(timeline.slots)
                .extracting(SlotSpan::id, SlotSpan::gpa, SlotSpan::from, SlotSpan::to, SlotSpan::block)
                .containsExactly(
                        tuple(0, 0L, 0, 2, "ram"),
                        tuple(0, SIZE, 2, 4, "ram"),
                        tuple(2, 0L, 3, 4, "ram"));
    }

    @Test
    void aLongTraceSharesColumns() {
        Timeline timeline = Traces.recorded(Traces.busy("t", "ram", 1000));
        assertThat(timeline.perColumn).isEqualTo(4);
        assertThat(timeline.columns).hasSize(250);
        assertThat(timeline.columns).allSatisfy(column -> assertThat(column.operations).isEqualTo(4));
        assertThat(timeline.lanes).allSatisfy(lane -> assertThat(lane.cells).hasSize(250));
    }

    /** In a replay the host leaves the pages alone; a machine of which it does not is drawn too. */
    @Test
    void anInvalidationIsSeenInTheLaneOfItsPage() {
        Vm vm = Vm.builder().vcpus(0).build();
        vm.host().mapAnonymous(0x7f0000000000L, 2, Protection.READ_WRITE);
        vm.memslots().set(0, 0, 0, 0x2000, 0x7f0000000000L);
        for (int page = 0; page < 2; page++) {
            GfnPfnCache cache = vm.newCache(8);
            assertThat(cache.activate(page * 0x1000L)).isEqualTo(Outcome.OK);
        }
        MemslotTrace trace = Traces.of("t", Traces.operation(0, Kind.CREATE, 0, 0, 0, 0x2000, 0));
        TimelineRecorder recorder = new TimelineRecorder(Budget.of(1));
        recorder.started(trace, vm);
        recorder.applied(trace.operations().get(0), "0");
        vm.host().migrate(0x7f0000001000L);
        Timeline timeline = recorder.timeline();
        assertThat(before(timeline, 0)).containsExactly(LaneState.VALID);
        assertThat(before(timeline, 1)).containsExactly(LaneState.BUSY);
        assertThat(timeline.lanes.get(1).cells.get(0).invalidations).isOne();
        assertThat(timeline.columns.get(0).invalidations).isOne();
        Markup drawn = new Markup();
        new TracePicture(timeline, "t").draw(drawn);
        assertThat(drawn.finish()).contains("class=\"busy\"", "class=\"invalidation\"");
        vm.host().unregisterNotifier(recorder);
    }
}
