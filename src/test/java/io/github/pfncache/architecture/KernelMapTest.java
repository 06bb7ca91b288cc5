package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The guide's map from the kernel's functions to ours leads to classes and methods that exist. */
final class KernelMapTest {

    private static final String START = "<!-- kernel map -->\n";

    /** What a reader who knows the kernel's file looks for first. */
    private static final List<String> ENTRY_POINTS = List.of(
            "kvm_gpc_init()", "kvm_gpc_activate()", "kvm_gpc_check()", "kvm_gpc_refresh()", "kvm_gpc_deactivate()",
            "hva_to_pfn_retry()", "gfn_to_pfn_cache_invalidate_start()", "mark_page_dirty_in_slot()",
            "kvm_set_memory_region()", "kvm_mmu_notifier_invalidate_range_start()");

    @Test
    void everyRowLeadsToCodeThatIsThere() throws IOException {
        assertThat(rows()).hasSizeGreaterThan(14).allSatisfy(row -> {
            assertThat(row).as("columns").hasSizeBetween(2, 3);
            assertThat(row.get(0)).as("symbol").isNotBlank();
            List<String> here = DocumentedNames.in(row.get(1));
            assertThat(here).as(row.get(0)).isNotEmpty();
            assertThat(DocumentedNames.missing(here)).as(row.get(0)).isEmpty();
        });
    }

    @Test
    void theEntryPointsOfTheKernelsFileAreThere() throws IOException {
        String symbols = rows().stream().map(row -> row.get(0)).collect(Collectors.joining());
        assertThat(ENTRY_POINTS).allSatisfy(symbol -> assertThat(symbols).contains("`" + symbol + "`"));
    }

    /** The rows below the head of the table, by columns. */
    private static List<List<String>> rows() throws IOException {
        String guide = Files.readString(BuiltClasses.inCheckout(".github/GUIDE.md"));
        assertThat(guide).contains(START);
        return guide.substring(guide.indexOf(START) + START.length())
                .lines()
                .takeWhile(line -> line.startsWith("|"))
                .skip(2)
                .map(line -> Arrays.stream(line.substring(1).split("\\|")).map(String::strip).toList())
                .collect(Collectors.toList());
    }
}
