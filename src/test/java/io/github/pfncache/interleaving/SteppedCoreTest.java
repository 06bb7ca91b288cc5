package io.github.pfncache.interleaving;

import io.github.pfncache.host.HostScenarios;
import io.github.pfncache.scenario.RefreshScenarios;
import io.github.pfncache.scenario.SlotScenarios;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Races of the core in which threads switch before each access to what they share: two accesses in the wrong order are
 * found without a switch point of their own. {@code -Dcore.steppedPreemptions=2 -Dcore.steppedSchedules=N} looks
 * further.
 */
final class SteppedCoreTest {

    /** One thread stops anywhere, and the others run: what is in the wrong order needs no more. */
    private static final int PREEMPTIONS = Integer.getInteger("core.steppedPreemptions", 1);

    private static final int BUDGET = Integer.getInteger("core.steppedSchedules", 600);

    @TestFactory
    Stream<DynamicTest> everyScheduleGoesWell() {
        // Not the table of readers: how many of its places a reader looks at is a matter of chance.
        Stepped core = new Stepped("cache.", "memslot.", "host.", "vm.", "rules.TrackedRwLock", "rules.ReaderBias");
        return Stream.of(RefreshScenarios.class, SlotScenarios.class, AccessScenarios.class, AreaScenarios.class,
                        FastPathScenarios.class, TlbScenarios.class, GuestModeScenarios.class, LogScenarios.class)
                .flatMap(scenarios -> core.tests(scenarios, PREEMPTIONS, BUDGET));
    }

    /** What is not of the core: pages that are held without a cache, and frames. */
    @TestFactory
    Stream<DynamicTest> theHostKeepsWhatIsHeld() {
        return new Stepped("host.PageTable", "host.Chunk").tests(HostScenarios.class, PREEMPTIONS + 1, BUDGET);
    }

    /** Where an area is: threads that stop at its own fields alone, and the more often. */
    @TestFactory
    Stream<DynamicTest> anAreaIsWhereItWasPointedLast() {
        return new Stepped("cache.GuestArea", "cache.AreaAccess")
                .tests(AreaScenarios.class, PREEMPTIONS + 1, BUDGET / 2);
    }

    /** What was refused is left: threads that stop at the fields of a cache's mapping alone. */
    @TestFactory
    Stream<DynamicTest> aCacheLeavesWhatWasRefused() {
        return new Stepped("cache.GuardedMapping", "cache.FastPath")
                .tests(GivenUpScenarios.class, PREEMPTIONS + 1, BUDGET / 2);
    }

    /** A watch is beside the core: a writer that has begun, one in between, and what is decided where marks are. */
    @TestFactory
    Stream<DynamicTest> aWatchMissesNoWrite() {
        return new Stepped("memslot.").tests(WatchScenarios.class, PREEMPTIONS + 1, 5 * BUDGET);
    }

    /** A writer, a reader or a change that begins in the middle of another one stops in the middle, too. */
    @TestFactory
    Stream<DynamicTest> aReaderMissesNoWrite() {
        return new Stepped("memslot.").tests(HarvestScenarios.class, PREEMPTIONS + 1, BUDGET);
    }
}
