package io.github.pfncache.museum;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The museum notices when an exhibit has lost its meaning. */
final class MuseumHarnessTest {

    private static final String MAPPING = "cache/GuardedMapping.java";

    /** The core entries of the museum page. */
    private static final List<String> PAGE = List.of(
            "B00", "B01", "B02", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B13", "B14", "B15", "B17",
            "B18", "B19", "B20", "B21", "B22", "B23", "B24", "B27", "B29", "B30", "B31", "B32", "B34", "B35", "B36");

    private static final Exhibit STALE = Museum.exhibit("B00");

    @Test
    void everyCoreEntryIsThere() {
        Stream<String> written = Museum.exhibits().stream().map(Exhibit::id);
        Stream<String> others = Inexpressible.all().stream().map(Inexpressible::id);
        assertThat(Stream.concat(written, others))
                .containsAll(PAGE)
                .doesNotHaveDuplicates();
    }

    @Test
    void anEditThatNoLongerAppliesIsAnError() {
        assertThatThrownBy(() -> MutantCompiler.compile(List.of(new Edit(MAPPING, "boolean obsolete;", ""))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("nothing is like");
    }

    @Test
    void anEditThatAppliesTwiceIsAnError() {
        assertThatThrownBy(() -> MutantCompiler.compile(List.of(new Edit(MAPPING, "valid = false;", ""))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("more than one place");
    }

    @Test
    void aFaultThatDoesNotCompileIsAnError() {
        assertThatThrownBy(() -> MutantCompiler.compile(List.of(new Edit(MAPPING, "final class", "final klass"))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("does not compile");
    }

    @Test
    void aLibraryOfItsOwnWithoutAFaultPasses() {
        assertThat(Finding.inOwnLibrary(STALE.id(), Map.of()).reason()).isEmpty();
    }

    @Test
    void aHarmlessChangeIsNotTakenForAFault() {
        Edit harmless = new Edit(MAPPING, "private boolean active;", "private boolean active = false;");
        Finding finding = Finding.inOwnLibrary(STALE.id(), MutantCompiler.compile(List.of(harmless)));
        assertThat(STALE.isFoundIn(finding)).as(finding.toString()).isFalse();
    }

    @Test
    void aFailureForAnotherReasonDoesNotCount() {
        Edit crash = new Edit(MAPPING, "        return khva;\n    }", "        return null;\n    }");
        Finding finding = Finding.inOwnLibrary(STALE.id(), MutantCompiler.compile(List.of(crash)));
        assertThat(finding.reason()).isNotEmpty();
        assertThat(STALE.isFoundIn(finding)).as(finding.toString()).isFalse();
    }

    @Test
    void aFaultStaysInItsOwnLibrary() {
        assertThat(STALE.isFoundIn(Finding.withFault(STALE))).isTrue();
        assertThat(Finding.withoutFault(STALE).reason()).isEmpty();
    }
}
