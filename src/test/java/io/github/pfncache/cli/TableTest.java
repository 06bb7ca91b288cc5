package io.github.pfncache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import picocli.CommandLine.Help.Ansi;

final class TableTest {

    @Test
    void columnsAreAsWideAsTheirWidestCell() {
        assertThat(new Table("<>").row("trace", "agree").row("a longer one", 12).lines())
                .containsExactly("trace         agree", "a longer one     12");
    }

    @Test
    void coloursTakeNoRoom() {
        assertThat(new Table(">").row(Ansi.ON.new Text("@|bold 7|@")).row("100").lines().get(0)).startsWith("  ")
                .contains("7").contains("\u001b[");
    }

    @Test
    void linesEndWithTheirText() {
        assertThat(new Table("<<").row("a", "").row("b", "note").lines()).containsExactly("a", "b  note");
        assertThat(new Table("<").lines()).isEmpty();
    }
}
