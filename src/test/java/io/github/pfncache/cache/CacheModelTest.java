package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.ModelScript.Kind;
import io.github.pfncache.cache.ModelScript.Step;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.junit.jupiter.api.Test;

/**
 * Any sequence of guest, host and memslot operations, against a reference that translates afresh every time
 * ({@link ReferenceMap}). After each step the whole of host memory is compared and the deep audit runs: [I1] to [I5],
 * [I7] to [I9].
 *
 * <p>A failing sequence is printed as a script; {@code new ModelWorld().run(ModelScript.parse("..."))} replays it.
 */
class CacheModelTest {

    /** Operations that move things under the caches are as frequent as those that use the caches. */
    @Provide
    Arbitrary<List<Step>> scripts() {
        Arbitrary<Kind> kinds = Arbitraries.frequencyOf(
                Tuple.of(8, Arbitraries.of(Kind.ACTIVATE, Kind.WRITE)),
                Tuple.of(8, Arbitraries.of(Kind.WRITE, Kind.READ, Kind.REFRESH, Kind.AREA_WRITE)),
                Tuple.of(6, Arbitraries.of(Kind.CREATE, Kind.DELETE, Kind.MOVE_SLOT, Kind.FLAGS)),
                Tuple.of(10, Arbitraries.of(Kind.values())));
        Arbitrary<Step> steps = Combinators.combine(
                        kinds,
                        Arbitraries.integers().between(0, 15),
                        Arbitraries.integers().between(0, 15),
                        Arbitraries.integers().between(0, 15))
                .as(Step::new);
        return steps.list().ofMinSize(1).ofMaxSize(60);
    }

    @Property(tries = 1500)
    void everyAccessLandsWhereAFreshTranslationWould(@ForAll("scripts") List<Step> script) {
        new ModelWorld().run(script);
    }

    @Test
    void aScriptCanBeWrittenDownAndReplayed() {
        String text = "create 1 0 0; activate 0 0 0; write 0 0 0; migrate 0 0 0; write 0 1 0; harvest 1 0 0";
        assertThat(ModelScript.print(ModelScript.parse(text))).isEqualTo(text);
        ModelWorld world = new ModelWorld();
        world.run(ModelScript.parse(text));
        assertThat(world.accessesThatLanded()).isEqualTo(2);
    }

    @Test
    void theReferenceWouldNoticeAStrayByte() {
        ModelWorld world = new ModelWorld();
        world.run(ModelScript.parse("create 1 0 0; activate 0 0 0; write 0 0 0"));
        world.corruptByteAt(Pages.PAGE_SIZE + 5);
        assertThatThrownBy(() -> world.run(ModelScript.parse("refresh 0 0 0")))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("stray");
    }
}
