package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.kvm.Script;
import io.github.pfncache.trace.BundledTraces;
import io.github.pfncache.trace.ClockWrites;
import io.github.pfncache.trace.MalformedInput;
import io.github.pfncache.trace.MemslotTrace;
import io.github.pfncache.trace.ProbeTable;
import io.github.pfncache.trace.Probes;
import io.github.pfncache.trace.Replay;
import io.github.pfncache.trace.ReplayObserver;
import io.github.pfncache.trace.ReplayResult;
import io.github.pfncache.trace.ReplayStep;
import io.github.pfncache.trace.TraceParser;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * Replays recorded machine boots and compares where clock updates land with what real KVM did. A row says that a
 * probe's landing place changes; what the rows do not say has to stay as it was.
 */
final class TracesConformanceTest {

    private static final List<String> HEADER = List.of("trace", "after_idx", "probe_gpa", "lands_in");

    private static final int BUNDLED_ROWS = 1679;
    private static final int BUNDLED_PROBES = 797 * 12;

    private final Report report = new Report(Scope.TRACES);

    /** Where a row belongs. */
    private record Spot(int afterIndex, int probe) {}

    @Test
    void updatesLandWhereRealKvmPutThem() throws IOException, MalformedInput {
        assumeTrue(Vectors.exists(Scope.TRACES), () -> Report.absent(Scope.TRACES));
        Map<MemslotTrace, Map<Spot, Vectors.Row>> rows = rowsByTrace(Vectors.read(Scope.TRACES));
        ReplayResult total = ReplayResult.none("total");
        for (Map.Entry<MemslotTrace, Map<Spot, Vectors.Row>> entry : rows.entrySet()) { // bounded by the file
            total = total.plus(replay(entry.getKey(), entry.getValue()));
        }
        System.out.printf("%s: %d operations, %d probes, %d agree, %d differ%n",
                Scope.TRACES, total.operations(), total.probes(), total.agree(), total.differ());
        report.finish();
        assertThat(total.differ()).isZero();
        if (Vectors.areBundled()) {
            assertThat(report.run()).isEqualTo(BUNDLED_ROWS);
            assertThat(total.agree()).isEqualTo(BUNDLED_PROBES);
        }
    }

    private ReplayResult replay(MemslotTrace trace, Map<Spot, Vectors.Row> rows) {
        List<ProbeTable.Change> changes = rows.entrySet().stream()
                .map(e -> new ProbeTable.Change(
                        trace.name(), e.getKey().afterIndex(), e.getKey().probe(), landing(e.getValue())))
                .toList();
        return Replay.compare(trace, new ProbeTable(changes), new ReplayObserver() {
            @Override
            public void stepped(ReplayStep step) {
                compare(trace, step, rows);
            }
        });
    }

    private void compare(MemslotTrace trace, ReplayStep step, Map<Spot, Vectors.Row> rows) {
        for (int probe = 0; probe < Probes.COUNT; probe++) { // twelve
            Vectors.Row row = rows.get(new Spot(step.operation().index(), probe));
            List<ReplayStep.Difference> differences = differences(step, probe);
            if (row != null) {
                String found = differences.isEmpty() ? row.get(3) : differences.toString();
                report.compare(row, String.join(" ", row.columns().subList(0, 3)), row.get(3), found);
            } else if (!differences.isEmpty()) {
                System.out.println(trace.name() + " after " + step.operation().index() + ", probe "
                        + Long.toHexString(Probes.gpa(probe)) + ": " + differences);
            }
        }
    }

    private static List<ReplayStep.Difference> differences(ReplayStep step, int probe) {
        return step.differences().stream()
                .filter(each -> each.probe() == probe || each.probe() == ReplayStep.Difference.ALL_PROBES)
                .toList();
    }

    private Map<MemslotTrace, Map<Spot, Vectors.Row>> rowsByTrace(Vectors.Table table)
            throws IOException, MalformedInput {
        Map<String, Optional<MemslotTrace>> traces = new HashMap<>();
        Map<MemslotTrace, Map<Spot, Vectors.Row>> rows = new LinkedHashMap<>();
        for (Vectors.Row row : table.rows()) { // bounded by the file
            if (!table.header().equals(HEADER) || row.columns().size() != HEADER.size()) {
                report.unknown(row, "not in the format of this file");
                continue;
            }
            String name = row.get(0);
            if (!traces.containsKey(name)) {
                traces.put(name, trace(name));
            }
            Optional<Spot> spot = spot(row);
            if (traces.get(name).isEmpty()) {
                report.unknown(row, "no such trace");
            } else if (spot.isEmpty()) {
                report.unknown(row, "no such probe or place");
            } else {
                rows.computeIfAbsent(traces.get(name).get(), trace -> new LinkedHashMap<>()).put(spot.get(), row);
            }
        }
        return rows;
    }

    private static Optional<Spot> spot(Vectors.Row row) {
        try {
            landing(row);
            int probe = Probes.at(Script.parseNumber(row.get(2)));
            return probe < 0 ? Optional.empty() : Optional.of(new Spot(Integer.parseInt(row.get(1)), probe));
        } catch (IllegalArgumentException e) {
            return Optional.empty(); // the row is then named as one that is not known
        }
    }

    private static ClockWrites landing(Vectors.Row row) {
        String place = row.get(3);
        int plus = place.lastIndexOf('+');
        if (plus < 0 && !place.equals("none")) {
            throw new Script.Unreadable("no place: " + place);
        }
        return plus < 0
                ? ClockWrites.NONE
                : ClockWrites.at(place.substring(0, plus), Script.parseNumber(place.substring(plus + 1)));
    }

    /** New recordings of traces are in a directory beside that of the tables; else it is one of the project's. */
    private static Optional<MemslotTrace> trace(String name) throws IOException, MalformedInput {
        Path beside = Vectors.directory().resolveSibling("traces").resolve(name);
        if (!Vectors.areBundled() && Files.isRegularFile(beside)) {
            try (InputStream in = Files.newInputStream(beside)) {
                return Optional.of(TraceParser.parse(name, in));
            }
        }
        return BundledTraces.traces().stream().filter(trace -> trace.name().equals(name)).findFirst();
    }
}
