package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Each point where the explorer may switch threads stands on the page of the rules, with the order that it guards. */
final class SwitchPointsTest {

    private static final Path PAGE = Path.of(".github/RULES.md");
    private static final String BEGIN = "<!-- switch points, ";
    private static final String END = "<!-- end of the switch points -->";

    private static final Pattern ROW = Pattern.compile("^\\| (`[^|]*) \\| [^|]{20,} \\|$", Pattern.MULTILINE);
    private static final Pattern NAME = Pattern.compile("`([^`]+)`");

    @Test
    void everyPointIsOnThePageAndNoOther() throws IOException {
        Set<String> points = SwitchPoints.inTheSources();
        points.addAll(List.of("lock", "unlock", "read-unlock", "write-unlock"));
        assertThat(points).hasSizeGreaterThan(30);
        String page = Files.readString(PAGE);
        String table = page.substring(page.indexOf(BEGIN), page.indexOf(END));
        Set<String> named = new TreeSet<>();
        ROW.matcher(table).results()
                .forEach(row -> NAME.matcher(row.group(1)).results().forEach(name -> named.add(name.group(1))));
        assertThat(named).isEqualTo(points);
    }
}
