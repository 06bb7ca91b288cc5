package io.github.pfncache.trace;

import static io.github.pfncache.trace.TraceTexts.HEADER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.vm.Vm;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** However hostile a trace is, its replay costs what its operations cost: counted in looks, not in time. */
final class ReplayCostTest {

    /** One page of low memory, where a clock is, comes from a new place each time. */
    private static String comingAndGoing(int operations) {
        StringBuilder text = new StringBuilder(HEADER);
        for (int i = 0; i < operations; i++) {
            boolean create = i % 2 == 0;
            text.append(String.format(Locale.ROOT, "%d\t%d\t%s\t0\t0x0\t0x7000\t%s\tram\t0x%x\t0\n",
                    i, i, create ? "create" : "delete", create ? "0x1000" : "0x0", i / 2 * 0x1000L));
        }
        return text.toString();
    }

    /** Very many logging slots. */
    private static String manyLogs(int operations) {
        StringBuilder text = new StringBuilder(HEADER);
        for (int i = 0; i < operations; i++) {
            text.append(String.format(Locale.ROOT, "%d\t%d\tcreate\t%d\t0x1\t0x%x\t0x1000\tram\t0x%x\t0\n",
                    i, i, i, i * 0x1000L, i * 0x1000L));
        }
        return text.toString();
    }

    private static double looksPerOperation(String text) throws MalformedInput {
        MemslotTrace trace = TraceTexts.trace(text);
        Replay replay = new Replay(trace, null);
        assertThat(replay.run(ReplayObserver.NONE).differ()).isZero();
        return (double) replay.looks() / trace.operations().size();
    }

    @Test
    void manyPlacesCostNoMoreEach() throws MalformedInput {
        double few = looksPerOperation(comingAndGoing(200));
        double many = looksPerOperation(comingAndGoing(3_000));
        assertThat(many).isLessThan(2 * few).isLessThan(2 * (ProbePlaces.RECENT + 4 * Probes.COUNT));
    }

    @Test
    void manyLogsCostNoMoreEach() throws MalformedInput {
        double few = looksPerOperation(manyLogs(200));
        double many = looksPerOperation(manyLogs(3_000));
        assertThat(many).isLessThan(2 * few).isLessThan(2 * (DirtyLogs.FEW + 4 * Probes.COUNT));
    }

    @Test
    void aWriteToAPlaceLongGoneIsFoundInTheEnd() throws MalformedInput {
        MemslotTrace trace = TraceTexts.trace(comingAndGoing(600));
        List<String> found = new ArrayList<>();
        Replay.observe(trace, new ReplayObserver() {
            private Vm machine;

            @Override
            public void started(MemslotTrace started, Vm vm) {
                machine = vm;
            }

            @Override
            public void stepped(ReplayStep step) {
                long first = 1L << 48; // where the only block begins
                if (step.operation().index() == 301) {
                    machine.host().poke(first + 0x7100 - 0x7000, new byte[] {1});
                }
                step.differences().forEach(each -> found.add(each.toString()));
            }
        });
        assertThat(found).isNotEmpty().allMatch(each -> each.contains("ram+0x100"));
    }

    @Test
    void aTraceThatPutsClocksEverywhereIsRefused() throws MalformedInput {
        StringBuilder text = new StringBuilder(HEADER);
        int rows = MemslotTrace.MAX_PLACES / 8 + 1; // eight probes are below 1 MiB
        for (int i = 0; i < 2 * rows; i++) {
            boolean create = i % 2 == 0;
            text.append(String.format(Locale.ROOT, "%d\t0\t%s\t0\t0x0\t0x0\t%s\tram\t0x%x\t0\n",
                    i, create ? "create" : "delete", create ? "0x100000" : "0x0", i / 2 * 0x1000L));
        }
        int last = 2 * rows - 1;
        assertThatThrownBy(() -> TraceTexts.trace(text.toString()))
                .isInstanceOf(MalformedInput.class)
                .hasMessage("some/dir/small.tsv:" + (last + 1) + ":1: expected at most 32768 places in blocks where the"
                        + " 12 clocks can be, found another");
    }

    @Test
    void commentsAreBounded() throws MalformedInput {
        String most = "#\n".repeat(MemslotTrace.MAX_COMMENTS);
        assertThat(TraceTexts.trace(most + HEADER).description()).hasSize(MemslotTrace.MAX_COMMENTS);
        assertThatThrownBy(() -> TraceTexts.trace("#\n" + most + HEADER))
                .isInstanceOf(MalformedInput.class)
                .hasMessage("some/dir/small.tsv:10001:1: expected at most 10000 comment lines");
        List<String> tooMany = TraceTexts.trace(most + HEADER).description();
        List<String> oneMore = new ArrayList<>(tooMany);
        oneMore.add("#");
        assertThatThrownBy(() -> new MemslotTrace("t", oneMore, List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("10001 comment lines");
    }
}
