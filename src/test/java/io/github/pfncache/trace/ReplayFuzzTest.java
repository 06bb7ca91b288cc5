package io.github.pfncache.trace;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.List;

/**
 * Whatever a trace says, its replay ends, with an audited machine, and every clock landed in one place at most. That a
 * call was answered otherwise than recorded is the only difference there may be.
 */
final class ReplayFuzzTest {

    private static final String[] BLOCKS = {"ram", "rom"};
    private static final int MAX_CALLS = 16;

    @FuzzTest(maxDuration = "60s")
    void anyTraceIsReplayedToItsEnd(FuzzedDataProvider data) {
        MemslotTrace trace = trace(data);
        List<ReplayStep.Difference> differences = new ArrayList<>();
        ReplayResult result = Replay.observe(trace, new ReplayObserver() {
            @Override
            public void stepped(ReplayStep step) {
                differences.addAll(step.differences());
            }
        });
        assertThat(result.operations()).isEqualTo(trace.operations().size());
        assertThat(differences).allMatch(each -> each.expected().startsWith("result "));
    }

    private static MemslotTrace trace(FuzzedDataProvider data) {
        List<SlotOperation> operations = new ArrayList<>();
        SlotHistory history = new SlotHistory();
        long micros = 0;
        while (data.remainingBytes() > 0 && operations.size() < MAX_CALLS) { // bounded by MAX_CALLS
            micros += data.consumeInt(0, 1_000);
            int slot = data.consumeInt(0, 4) == 4 ? data.consumeInt(0, Integer.MAX_VALUE) : data.consumeInt(0, 3);
            long gpa = number(data, 0x110);
            long size = data.consumeBoolean() ? number(data, 0x200) : 0x10000;
            long offset = number(data, 0x20) & SlotOperation.MAX_BLOCK_END - 1;
            size = Pages.rangeFits(offset, size, SlotOperation.MAX_BLOCK_END) ? size : 0;
            SlotOperation operation = new SlotOperation(
                    operations.size(),
                    micros,
                    history.kindOf(slot, gpa, size),
                    slot,
                    data.consumeInt(0, 7) == 7 ? data.consumeInt() : data.consumeInt(0, 3),
                    gpa,
                    size,
                    data.pickValue(BLOCKS),
                    offset,
                    data.consumeInt(0, 7) == 7 ? -data.consumeInt(1, 4095) : 0);
            operations.add(operation);
            history.add(operation);
        }
        return new MemslotTrace("fuzz.tsv", List.of(), operations);
    }

    /** A page address of so many, or now and then anything. */
    private static long number(FuzzedDataProvider data, int pages) {
        return data.consumeInt(0, 15) == 15 ? data.consumeLong() : data.consumeInt(0, pages) * 0x1000L;
    }
}
