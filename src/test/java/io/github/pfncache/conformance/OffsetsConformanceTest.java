package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.address.Pages;
import io.github.pfncache.kvm.Arenas;
import io.github.pfncache.kvm.Script;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Registers a clock at every offset of a page, on four routes, and compares which bytes are written. */
final class OffsetsConformanceTest {

    private static final List<String> HEADER = List.of(
            "route", "slot_position", "page_off", "msr", "kvm_run", "written",
            "first_byte_rel", "last_byte_rel", "bytes_seen_changed");

    private static final Map<String, String> ROUTES =
            Map.of("host_new", "reg", "host_old", "reg_old", "guest_new", "greg", "guest_old", "greg_old");

    private static final int SLOT_PAGES = 4;
    private static final Map<String, Integer> POSITIONS = Map.of("midpage", 1, "lastpage", SLOT_PAGES - 1);

    private static final long SLOT_GPA = 0x100000;
    private static final int BUNDLED_ROWS = 2384;

    @Test
    void aClockIsWrittenWhereRealKvmWroteIt() throws IOException {
        assumeTrue(Vectors.exists(Scope.OFFSETS), () -> Report.absent(Scope.OFFSETS));
        Vectors.Table table = Vectors.read(Scope.OFFSETS);
        Report report = new Report(Scope.OFFSETS);
        for (Vectors.Row row : table.rows()) { // bounded by the file
            if (isKnown(table, row)) {
                // The number of changed bytes depends on the time of day; all other columns count.
                String expected = String.join(" ", row.columns().subList(3, 8));
                report.compare(row, String.join(" ", row.columns().subList(0, 3)), expected, actual(row));
            } else {
                report.unknown(row, "not in the format of this file");
            }
        }
        report.finish();
        if (Vectors.areBundled()) {
            assertThat(report.run()).isEqualTo(BUNDLED_ROWS);
        }
    }

    private static boolean isKnown(Vectors.Table table, Vectors.Row row) {
        return table.header().equals(HEADER)
                && row.columns().size() == HEADER.size()
                && ROUTES.containsKey(row.get(0))
                && POSITIONS.containsKey(row.get(1))
                && row.get(2).matches("\\d{1,4}");
    }

    private static String actual(Vectors.Row row) {
        int page = POSITIONS.get(row.get(1));
        int offset = Integer.parseInt(row.get(2));
        long gpa = SLOT_GPA + ((long) page << Pages.PAGE_SHIFT) + offset;
        try (XenMachine machine = new XenMachine()) {
            machine.run(Script.parse("slot 1 0x" + Long.toHexString(SLOT_GPA) + " " + SLOT_PAGES + " A0 -"));
            String register = machine.run(Script.parse(ROUTES.get(row.get(0)) + " 0 " + (gpa | 1)));
            String exit = machine.run(Script.parse("run 0"));
            machine.audit();
            // Changes follow behind a space.
            return register.split(" ")[0] + " " + exit.split(" ")[0] + " " + written(machine, gpa - SLOT_GPA);
        }
    }

    /** Whether something was written, and the first and the last byte relative to the clock. */
    private static String written(XenMachine machine, long clock) {
        byte[] page = new byte[Pages.PAGE_SIZE];
        int first = -1;
        int last = -1;
        for (int p = 0; p < SLOT_PAGES; p++) { // the bytes of the slot
            machine.arenas().read(machine.arenas().byName('A'), p, page);
            for (int at = 0; at < page.length; at++) {
                if (page[at] != Arenas.FILL) {
                    last = (p << Pages.PAGE_SHIFT) + at;
                    first = first < 0 ? last : first;
                }
            }
        }
        return first < 0 ? "0 -1 -1" : "1 " + (first - clock) + " " + (last - clock);
    }
}
