package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Rows are selected by rules, and a row that differs is found. */
final class ReportTest {

    private static final String HEADER = "case\tscript\tobserved\tstability_3runs\tmodel";

    private static Scope.Verdict verdict(String row) {
        return verdict(HEADER, row);
    }

    private static Scope.Verdict verdict(String header, String row) {
        Vectors.Table table = Vectors.parse("some.tsv", List.of(header, row));
        return Scope.ofScript(table, table.rows().get(0));
    }

    @Test
    void stableRowsThatTheModelMatchesAreRequired() {
        assertThat(verdict("a\trun 0\tIOf8\tstable\tmatch")).isEqualTo(Scope.Verdict.REQUIRED);
        assertThat(verdict("wall_a\trun 0\tIOf8\tstable\tn/a")).isEqualTo(Scope.Verdict.REQUIRED);
    }

    @Test
    void otherRowsAreOutOfScope() {
        assertThat(verdict("a\trun 0\tIOf8\tstable\tn/a")).isEqualTo(Scope.Verdict.OUT_OF_SCOPE);
        assertThat(verdict("a\trun 0\tIOf8\tstable\tvendor_only")).isEqualTo(Scope.Verdict.OUT_OF_SCOPE);
        assertThat(verdict("a\trun 0\tIOf8\tvaries\tmatch")).isEqualTo(Scope.Verdict.OUT_OF_SCOPE);
        assertThat(verdict("wall_a\trun 0\tIOf8\tvaries\tn/a")).isEqualTo(Scope.Verdict.OUT_OF_SCOPE);
    }

    @Test
    void rowsOfAnotherFormatAreUnknown() {
        assertThat(verdict("a\trun 0\tIOf8\tstable")).isEqualTo(Scope.Verdict.UNKNOWN);
        assertThat(verdict("a\trun 0\tIOf8\tstable\tperhaps")).isEqualTo(Scope.Verdict.UNKNOWN);
        assertThat(verdict("case\tinput", "a\trun 0")).isEqualTo(Scope.Verdict.UNKNOWN);
    }

    @Test
    void aRowThatDiffersFailsTheFile() {
        Vectors.Row row = new Vectors.Row(2, List.of("a", "run 0"));
        List<String> printed = new ArrayList<>();
        Report report = new Report("some.tsv", printed::add);
        report.compare(row, "IOf8", "IOf8");
        report.compare(row, "IOf8", "X31");
        report.outOfScope();
        assertThat(report.summary()).isEqualTo("some.tsv: 3 rows, 2 run, 1 agree, 1 differ, 1 out of scope");
        assertThatThrownBy(report::finish)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("expected IOf8")
                .hasMessageContaining("actual   X31");
        assertThat(printed).hasSize(2).last().isEqualTo(report.summary());
    }
}
