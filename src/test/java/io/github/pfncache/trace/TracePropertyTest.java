package io.github.pfncache.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

final class TracePropertyTest {

    private static final String[] BLOCKS = {"pc.ram", "pc.bios", "a+b", "!", "none"};

    @Property
    void whatIsWrittenIsReadAgain(@ForAll long seed) throws MalformedInput {
        MemslotTrace trace = trace(new Random(seed));
        assertThat(TraceTexts.trace(TraceTexts.text(trace))).isEqualTo(trace);
    }

    @Property
    void aWrittenTableIsReadAgain(@ForAll long seed) throws MalformedInput {
        ProbeTable table = table(new Random(seed));
        assertThat(TraceTexts.table(TraceTexts.text(table)).changes()).isEqualTo(table.changes());
    }

    @Property(tries = 500)
    void aDamagedTraceIsATraceOrALocatedFault(@ForAll long seed) {
        Random random = new Random(seed);
        byte[] damaged = damage(TraceTexts.text(trace(random)), random);
        try {
            MemslotTrace trace = TraceTexts.trace(damaged);
            assertThat(TraceTexts.trace(TraceTexts.text(trace))).isEqualTo(trace);
        } catch (MalformedInput fault) {
            TraceTexts.assertLocated(fault, damaged);
        }
    }

    @Property(tries = 500)
    void aDamagedTableIsATableOrALocatedFault(@ForAll long seed) throws MalformedInput {
        Random random = new Random(seed);
        byte[] damaged = damage(TraceTexts.text(table(random)), random);
        try {
            assertThat(TraceTexts.table(damaged).changes()).hasSizeLessThanOrEqualTo(damaged.length);
        } catch (MalformedInput fault) {
            TraceTexts.assertLocated(fault, damaged);
        }
    }

    /** A few small accidents: bytes changed, lost, doubled, swapped; lines lost, doubled, cut. */
    private static byte[] damage(String text, Random random) {
        StringBuilder out = new StringBuilder(text);
        for (int i = random.nextInt(4); i >= 0; i--) { // at most 4 accidents
            int at = random.nextInt(out.length());
            int end = Math.min(out.length(), at + 1 + random.nextInt(random.nextBoolean() ? 3 : 60));
            switch (random.nextInt(5)) {
                case 0 -> out.setCharAt(at, (char) random.nextInt(256));
                case 1 -> out.setCharAt(at, "\t\n#x0-+9".charAt(random.nextInt(8)));
                case 2 -> out.delete(at, Math.max(end, 1));
                case 3 -> out.insert(at, out.substring(at, end));
                default -> out.insert(at, random.nextLong());
            }
            if (out.length() == 0) {
                break;
            }
        }
        return out.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    private static MemslotTrace trace(Random random) {
        List<SlotOperation> operations = new ArrayList<>();
        SlotHistory history = new SlotHistory();
        long micros = 0;
        for (int i = random.nextInt(20); i > 0; i--) { // at most 19 calls
            micros += random.nextInt(1000);
            int slot = random.nextInt(4);
            long gpa = random.nextInt(4) == 0 ? random.nextLong() : random.nextInt(4) * 0x1000L;
            long size = random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(1 << 20);
            SlotOperation operation = new SlotOperation(
                    operations.size(),
                    micros,
                    history.kindOf(slot, gpa, size),
                    slot,
                    random.nextInt(),
                    gpa,
                    size,
                    BLOCKS[random.nextInt(BLOCKS.length)],
                    random.nextInt(1 << 20),
                    random.nextInt(4) == 0 ? -1 - random.nextInt(100) : 0);
            operations.add(operation);
            history.add(operation);
        }
        List<String> description = random.nextBoolean() ? List.of() : List.of("#", "# \u00e4\tb");
        return new MemslotTrace("small.tsv", description, operations);
    }

    private static ProbeTable table(Random random) {
        List<ProbeTable.Change> changes = new ArrayList<>();
        for (int i = 0, index = 0; i < random.nextInt(30); i++) { // at most 30 changes
            index += 1 + random.nextInt(5);
            ClockWrites landing = random.nextInt(3) == 0
                    ? ClockWrites.NONE
                    : ClockWrites.at(BLOCKS[random.nextInt(BLOCKS.length)], random.nextInt(1 << 30));
            changes.add(new ProbeTable.Change("t" + i % 3, index, random.nextInt(Probes.COUNT), landing));
        }
        return new ProbeTable(changes);
    }
}
