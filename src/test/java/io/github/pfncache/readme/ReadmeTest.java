package io.github.pfncache.readme;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The README's example runs, and is the code below to the letter. */
class ReadmeTest {

    private static final Path README = Path.of("README.md");
    private static final Path THIS = Path.of("src/test/java/io/github/pfncache/readme/ReadmeTest.java");

    @Test
    void theExampleDoesWhatItSays() {
        // example
        Vm vm = Vm.builder().vcpus(1).build();
        vm.host().mapAnonymous(0x7f00_0000_0000L, 16, Protection.READ_WRITE);    // 16 pages of host memory
        vm.memslots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0x100000, 16 * 4096, 0x7f00_0000_0000L);

        GfnPfnCache cache = vm.newCache(64);                 // 64 bytes, for its whole life
        cache.activate(0x103fc0);                            // the guest chose the address: the outcome judges it
        vm.host().migrate(0x7f00_0000_3000L);                // the host moves the page: the mapping has gone

        try (GuestAccess access = cache.access()) {          // locks, checks, refreshes
            if (access.isUsable()) {
                access.putLong(0, System.nanoTime());        // checked against the 64 bytes; marks the page dirty
            }
        }
        long[] dirty = vm.memslots().harvestDirty(0).harvest().pages();          // {3}
        // end
        assertThat(dirty).containsExactly(3);
        VmAudit.atRest(vm);
    }

    @Test
    void theExampleIsTheOneInTheReadme() throws IOException {
        String code = between(Files.readString(THIS), "        // example\n", "        // end\n").indent(-8);
        String example = between(Files.readString(README), "<!-- example -->\n```java\n", "```");
        assertThat(example).isEqualTo(code);
        assertThat(example.lines().filter(line -> !line.isBlank()).count()).isLessThanOrEqualTo(15);
    }

    @Test
    void thereAreExactlyTwoSetUpCommands() throws IOException {
        assertThat(Files.readAllLines(README).stream().filter(line -> line.startsWith("mvn ")))
                .hasSize(2)
                .anyMatch(line -> line.startsWith("mvn -q compile exec:java"))
                .anyMatch(line -> line.startsWith("mvn test"));
    }

    private static String between(String text, String start, String end) {
        int from = text.indexOf(start) + start.length();
        assertThat(from).isGreaterThan(start.length());
        return text.substring(from, text.indexOf(end, from));
    }
}
