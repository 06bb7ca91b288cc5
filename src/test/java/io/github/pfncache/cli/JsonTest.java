package io.github.pfncache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class JsonTest {

    @Test
    void membersKeepTheirOrder() {
        Json json = new Json().put("b", 1).put("a", List.of(true, 2.5, "x")).put("c", null);
        assertThat(json).hasToString("{\"b\":1,\"a\":[true,2.5,\"x\"],\"c\":null}");
    }

    @Test
    void objectsAndMapsNest() {
        Json inner = new Json().put("b", Map.of("c", List.of()));
        Json json = new Json().put("a", inner).put("d", Map.of()).put("e", new Json());
        assertThat(json).hasToString("{\"a\":{\"b\":{\"c\":[]}},\"d\":{},\"e\":{}}");
    }

    @Test
    void textsAreEscaped() {
        Json json = new Json().put("\"\\", "a\"b\\c\n\u0001\u2028\ud83d\ude00\u00e4");
        assertThat(json).hasToString(
                "{\"\\\"\\\\\":\"a\\\"b\\\\c\\u000a\\u0001\\u2028\\ud83d\\ude00\u00e4\"}");
    }

    @Test
    void whatIsNoNumberInJsonIsText() {
        Json json = new Json().put("a", Double.NaN).put("b", Double.POSITIVE_INFINITY);
        assertThat(json).hasToString("{\"a\":\"NaN\",\"b\":\"Infinity\"}");
    }
}
