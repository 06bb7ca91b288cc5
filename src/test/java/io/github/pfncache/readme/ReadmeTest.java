package io.github.pfncache.readme;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The README's example runs, and is the code below to the letter. */
class ReadmeTest {

    private static final Path README = Path.of("README.md");

    @Test
    void theExampleDoesWhatItSays() {
        // snippet: example
        Vm vm = Vm.builder().vcpus(1).build();
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0x100000, 16); // slot 0 at gpa 0x100000: 16 pages, or your byte[]

        GfnPfnCache cache = vm.newCache(64);                 // 64 bytes, for its whole life
        cache.activate(0x103fc0);                            // the guest chose the address: the outcome judges it
        cache.storeLong(0, System.nanoTime());               // checked against the 64 bytes; marks the page dirty

        vm.host().migrate(vm.memslots().table().find(0x103).gfnToHva(0x103));    // the page moves: the mapping has gone
        try (GuestAccess access = cache.access()) {          // several fields: locks, checks, refreshes once
            if (access.isUsable()) {
                access.putLong(8, access.getLong(0) + 1);    // and until close() nobody takes the page away
            }
        }
        long[] dirty = vm.memslots().harvestDirty(0).harvest().pages();          // {3}
        // end
        assertThat(dirty).containsExactly(3);
        assertThat(cache.loadLong(8, -1)).isEqualTo(cache.loadLong(0, -1) + 1);
        VmAudit.atRest(vm);
    }

    @Test
    void theExampleIsTheOneInTheReadme() throws IOException {
        Map<String, String> blocks = Snippets.blocks(README);
        assertThat(blocks).hasSize(1).isEqualTo(Snippets.regions(ReadmeTest.class));
        assertThat(blocks.get("example").lines().filter(line -> !line.isBlank()).count()).isLessThanOrEqualTo(15);
    }

    @Test
    void thereAreExactlyTwoSetUpCommands() throws IOException {
        assertThat(Files.readAllLines(README).stream().filter(line -> line.startsWith("mvn ")))
                .hasSize(2)
                .anyMatch(line -> line.startsWith("mvn -q compile exec:java"))
                .anyMatch(line -> line.startsWith("mvn test"));
    }
}
