package io.github.pfncache.readme;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The README's example runs, and is the code below to the letter. */
class ReadmeTest {

    private static final Path README = Path.of("README.md");

    @Test
    void theExampleDoesWhatItSays() {
        // snippet: example
        Vm vm = Vm.builder().vcpus(1).build();
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0x100000, 16);    // slot 0: 16 pages at 0x100000; or your byte[]
        GfnPfnCache cache = vm.newCache(64);                            // 64 bytes, for its whole life
        cache.activate(0x103fc0);                                       // the guest's choice: the outcome judges it
        cache.storeLong(0, 42);                                         // checked against the 64; marks the page dirty
        vm.host().migrate(vm.memslots().table().find(0x103).gfnToHva(0x103));    // the page moves, the mapping has gone
        long answer = cache.loadLong(0, -1);                            // 42: it found its way again
        // end
        assertThat(answer).isEqualTo(42);
        assertThat(cache.stats().refreshes()).isEqualTo(2);
        assertThat(vm.memslots().harvestDirty(0).harvest().pages()).containsExactly(3);
        VmAudit.atRest(vm);
    }

    @Test
    void theExampleIsTheOneInTheReadmeWithItsImports() throws IOException {
        String block = Snippets.blocks(README).get("example");
        List<String> imports = block.lines().filter(line -> line.startsWith("import ")).toList();
        Path file = Path.of("src/test/java", ReadmeTest.class.getName().replace('.', '/') + ".java");
        String source = Files.readString(file);
        assertThat(imports).isNotEmpty().allMatch(source::contains);
        assertThat(Map.of("example", block.substring(block.indexOf("\n\n") + 2)))
                .isEqualTo(Snippets.regions(ReadmeTest.class));
        assertThat(block.lines().filter(line -> !line.isBlank()).count()).isLessThanOrEqualTo(10);
        // Each type that the code names has its import, and no other is there.
        String code = block.substring(block.indexOf("\n\n")).replaceAll("//.*", "");
        assertThat(imports.stream().map(line -> line.replaceAll(".*\\.(\\w+);", "$1")))
                .containsExactlyInAnyOrderElementsOf(Pattern.compile("\\b[A-Z][a-z]\\w*").matcher(code).results()
                        .map(MatchResult::group).distinct().toList());
    }

    @Test
    void oneScreenOrTwo() throws IOException {
        assertThat(Files.readAllLines(README)).hasSizeLessThanOrEqualTo(120);
    }

    /** Each figure of the README stands in a row of the page that has them all. */
    @Test
    void theRatiosAreThoseOfThePage() throws IOException {
        String readme = Files.readString(README);
        String page = Files.readString(Path.of(".github", "PERFORMANCE.md")).replace("**", "");
        String ratios = readme.substring(readme.indexOf("## Performance"));
        assertThat(Pattern.compile("\\d+\\.?\\d*x").matcher(ratios).results().map(MatchResult::group))
                .hasSizeGreaterThan(5).allMatch(ratio -> page.contains(" " + ratio + " |"));
    }

    @Test
    void thereAreExactlyTwoSetUpCommands() throws IOException {
        assertThat(Files.readAllLines(README).stream().filter(line -> line.startsWith("mvn ")))
                .hasSize(2)
                .anyMatch(line -> line.startsWith("mvn -q compile exec:java"))
                .anyMatch(line -> line.startsWith("mvn test"));
    }
}
