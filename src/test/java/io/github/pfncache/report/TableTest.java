package io.github.pfncache.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

final class TableTest {

    private static List<String> lines(Table table) {
        return table.lines((style, plain) -> "[" + style + ":" + plain + "]");
    }

    private static String html(Table table) {
        Markup to = new Markup();
        table.html(to);
        return to.finish();
    }

    @Test
    void columnsAreAsWideAsTheirWidestCell() {
        assertThat(lines(new Table("<>").head("trace", "agree").row("a longer one", 12)))
                .containsExactly("trace         agree", "a longer one     12");
    }

    @Test
    void coloursTakeNoRoom() {
        assertThat(lines(new Table(">").row(new Table.Marked(7, "bad")).row("100")))
                .containsExactly("  [bad:7]", "100");
    }

    @Test
    void linesEndWithTheirText() {
        assertThat(lines(new Table("<<").row("a", "").row("b", "note"))).containsExactly("a", "b  note");
        assertThat(lines(new Table("<"))).isEmpty();
    }

    @Test
    void aLongLastCellIsFoldedBelowItself() {
        String words = "word ".repeat(30).strip();
        List<String> folded = lines(new Table("<<").row("name", words).row("next", "short"));
        assertThat(folded).hasSize(3).allMatch(line -> line.length() <= 80);
        assertThat(folded.get(1)).startsWith("      word word");
        assertThat(String.join(" ", folded).replaceAll(" +", " ")).isEqualTo("name " + words + " next short");
        assertThat(lines(new Table("<<").row("name", "x".repeat(100)))).as("no place to fold").hasSize(1);
    }

    @Test
    void aColumnOfZerosIsLeftOut() {
        Table table = new Table("<>>>").head("trace", "differ", "agree", "none")
                .row("a", 0, 3, new Table.Marked(0L, "bad")).row("b", 0L, 0, 0).sum("total", 0, 3, 0);
        assertThat(lines(table)).containsExactly("trace  agree", "a          3", "b          0", "total      3");
        assertThat(html(table)).contains(">agree<", "<tfoot><tr><th class=\"\">total</th><td class=\"n\">3</td>")
                .doesNotContain("differ", "none");
    }

    @Test
    void aCellOfAPageIsEscapedMarkedOrDrawn() {
        Table table = new Table("<><").head("a", "b", "c")
                .row("<x>", new Table.Marked(5, "bad"), (Table.Drawn) to -> to.element("i", "drawn"));
        assertThat(html(table)).contains("&lt;x&gt;", "<td class=\"n bad\">5</td>", "<td class=\"\"><i>drawn</i></td>",
                "tabindex=\"0\"");
    }
}
