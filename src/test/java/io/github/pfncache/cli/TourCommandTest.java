package io.github.pfncache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the tour tells is measured, and is this. */
final class TourCommandTest {

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private List<String> tour(String... options) {
        String[] args = new String[options.length + 1];
        args[0] = "tour";
        System.arraycopy(options, 0, args, 1, options.length);
        assertThat(Main.run(args, new PrintStream(out), System.err, false, new Interruption())).isZero();
        return out.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void eachStepCostsWhatTheCacheCounted() {
        List<String> steps = tour().stream()
                .filter(line -> line.matches("[0-9]+\\. .*"))
                .map(line -> line.replaceAll(" {2,}", "|"))
                .toList();
        assertThat(steps).as("cache, frame, refreshes, look-ups, resolved, taken").containsExactly(
                "1. a clock is put at 0x7100|valid|0|1|1|1|0",
                "2. 1000 updates of it|valid|0|0|0|0|0",
                "3. the host moves the page|stale|1|0|0|0|1",
                "4. an update: it is found|valid|1|1|0|1|0",
                "5. the memslot is made anew|stale|1|0|0|0|0",
                "6. an update: the same page|valid|1|1|1|0|0",
                "7. the memslot is deleted|stale|none|0|0|0|0",
                "8. an update: no memory|FAULT|none|1|1|0|0",
                "9. the memslot is given back|stale|1|0|0|0|0",
                "10. an update: all is well|valid|1|1|1|1|0");
    }

    @Test
    void itIsOneScreen() {
        assertThat(tour()).hasSizeLessThanOrEqualTo(25).allMatch(line -> line.length() <= 80)
                .last().isEqualTo("tour: 1004 updates, 5 refreshes, 4 slot look-ups, 3 page resolutions");
    }

    @Test
    void machinesGetOneObject() {
        assertThat(tour("--json")).hasSize(1).first().asString()
                .startsWith("{\"command\":\"tour\",\"steps\":[{\"what\":\"a clock is put at 0x7100\","
                        + "\"cache\":\"valid\",\"frame\":\"0\",\"refreshes\":1,\"lookups\":1,\"resolutions\":1,"
                        + "\"invalidations\":0},")
                .endsWith("\"summary\":\"tour: 1004 updates, 5 refreshes, 4 slot look-ups, 3 page resolutions\"}");
    }
}
