package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The guide's table of what differs from the kernel's Xen interfaces is that by which recordings are judged. */
final class DifferencesTableTest {

    private static final Path GUIDE = Path.of(".github/GUIDE.md");
    private static final String BEGIN = "<!-- differences of the Xen interfaces, written by DifferencesTableTest -->\n";
    private static final String END = "<!-- end of the differences -->";

    @Test
    void theGuideNamesEachDifference() throws IOException {
        String guide = Files.readString(GUIDE);
        String table = BEGIN + "\n| of the Xen interfaces | kernel | here |\n|---|---|---|\n"
                + Arrays.stream(Difference.values()).map(Difference::toMarkdown).collect(Collectors.joining("\n"))
                + "\n\n";
        int from = guide.indexOf(BEGIN);
        int to = guide.indexOf(END);
        assertThat(from).as("the place of the table in %s", GUIDE).isNotNegative();
        String renewed = guide.substring(0, from) + table + guide.substring(to);
        if (Boolean.getBoolean("guide.write")) {
            Files.writeString(GUIDE, renewed);
            guide = renewed;
        }
        assertThat(guide).as("after a change of Difference: mvn test -Dtest=DifferencesTableTest -Dguide.write=true")
                .isEqualTo(renewed);
    }
}
