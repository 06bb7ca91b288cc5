package io.github.pfncache.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

final class MarkupTest {

    private static String text(String raw) {
        return new Markup().text(raw).finish();
    }

    @Test
    void textIsEscaped() {
        assertThat(text("<a href=\"x\">&'")).isEqualTo("&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    }

    @Test
    void attributesAreEscaped() {
        assertThat(new Markup().empty("p", "title", "\"><script>").finish())
                .isEqualTo("<p title=\"&quot;&gt;&lt;script&gt;\"/>");
    }

    @Test
    void whatCannotBeShownIsReplaced() {
        assertThat(text("a\u0000b\u001bc\u007fd\ud800e\udc00f\ufffeg\u202eh\u2066i"))
                .isEqualTo("a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg\ufffdh\ufffdi");
        assertThat(text("µ, 中, \ud83d\ude00\n")).isEqualTo("µ, 中, \ud83d\ude00\n");
    }

    @Test
    void whatIsOpenedMustBeClosed() {
        Markup markup = new Markup().open("p");
        assertThatThrownBy(markup::finish).hasMessageContaining("still open: [p]");
        assertThat(markup.close().finish()).isEqualTo("<p></p>");
    }

    @Test
    void aCoordinateHasOneDecimalAtMost() {
        assertThat(Markup.number(12)).isEqualTo("12");
        assertThat(Markup.number(12.06)).isEqualTo("12.1");
        assertThat(Markup.number(-0.25)).isEqualTo("-0.3");
        assertThat(Markup.number(-1.5)).isEqualTo("-1.5");
        assertThat(Markup.number(0.04)).isEqualTo("0");
    }

    @Test
    void aLongTextIsClipped() {
        assertThat(Markup.clip("12345", 5)).isEqualTo("12345");
        assertThat(Markup.clip("123456", 5)).isEqualTo("1234…");
    }
}
