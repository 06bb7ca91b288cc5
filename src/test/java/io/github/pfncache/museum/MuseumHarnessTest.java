package io.github.pfncache.museum;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.interleaving.AccessScenarios;
import io.github.pfncache.interleaving.AreaScenarios;
import io.github.pfncache.interleaving.FastPathScenarios;
import io.github.pfncache.interleaving.GuestModeScenarios;
import io.github.pfncache.interleaving.TlbScenarios;
import io.github.pfncache.scenario.RefreshScenarios;
import io.github.pfncache.scenario.SlotScenarios;
import io.github.pfncache.sweep.SweepScenarios;
import io.github.pfncache.xen.ClockScenarios;
import io.github.pfncache.xen.EventScenarios;
import io.github.pfncache.xen.PollScenarios;
import io.github.pfncache.xen.RunstateScenarios;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The museum notices when an exhibit has lost its meaning. */
final class MuseumHarnessTest {

    private static final String MAPPING = "cache/GuardedMapping.java";

    /** The entries of the museum page. */
    private static final List<String> PAGE = List.of(
            "B00", "B01", "B02", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B13", "B14", "B15", "B17",
            "B18", "B19", "B20", "B21", "B22", "B23", "B24", "B27", "B29", "B30", "B31", "B32", "B34", "B35", "B36",
            "B41", "B42", "B43", "B44", "B45", "B46", "B47", "B49", "B50", "B51", "B52", "B53", "B55", "B56", "B57",
            "B58", "B59", "B60", "B61", "B63", "B65", "B66", "B68", "B69", "B71", "B73", "B74", "B76",
            "B77", "B78", "B79", "B81", "B83", "B84", "B86", "B87", "B88", "B90", "B91", "E01", "E02", "E03", "E04",
            "E05", "E06", "E07", "E08", "E09", "E10");

    private static final List<Class<?>> SCENARIOS = List.of(
            RefreshScenarios.class, AccessScenarios.class, AreaScenarios.class, SlotScenarios.class,
            SingleThread.class, EventScenarios.class, PollScenarios.class, RunstateScenarios.class,
            ClockScenarios.class, FastPathScenarios.class, TlbScenarios.class,
            GuestModeScenarios.class, FaultScenarios.class, SweepScenarios.class);

    private static final Exhibit STALE = Museum.exhibit("B00");

    @Test
    void everyEntryIsThere() {
        Stream<String> written = Museum.exhibits().stream().map(Exhibit::id);
        Stream<String> others = Inexpressible.all().stream().map(Inexpressible::id);
        assertThat(Stream.concat(written, others))
                .containsAll(PAGE)
                .doesNotHaveDuplicates();
    }

    @Test
    void theNameOfAScenarioNamesOne() {
        List<String> names = SCENARIOS.stream()
                .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
                .filter(method -> Arrays.equals(method.getParameterTypes(), new Class<?>[] {ScenarioRun.class}))
                .filter(method -> !method.isSynthetic())
                .map(Method::getName)
                .toList();
        assertThat(Museum.exhibits()).allSatisfy(exhibit ->
                assertThat(Collections.frequency(names, exhibit.search())).as(exhibit.search()).isOne());
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
        Edit crash = new Edit(MAPPING, "        return window;\n", "        return null;\n");
        Finding finding = Finding.inOwnLibrary(STALE.id(), MutantCompiler.compile(List.of(crash)));
        assertThat(finding.reason()).isNotEmpty();
        assertThat(STALE.isFoundIn(finding)).as(finding.toString()).isFalse();
    }

    @Test
    void aFaultStaysInItsOwnLibrary() {
        assertThat(STALE.isFoundIn(Finding.withFault(STALE))).isTrue();
        assertThat(Finding.withoutFault(STALE, 1).reason()).isEmpty();
    }
}
