package io.github.pfncache.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.Deafness;
import io.github.pfncache.rules.WithoutRules;
import io.github.pfncache.vm.EntryHook;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.CallContext;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class StressRunTest {

    /** Ends what goes on for ever, if a test fails: on a busy machine some thousand accesses may take a minute. */
    private static final int SECONDS = 240;

    /** So often a load is run until each of its threads had its turns: most often the first is enough. */
    private static final int MOST_RUNS = 50;

    private static StressRun run(long accesses) {
        return new StressRun(new StressOptions(42, SECONDS, accesses, 2, 2));
    }

    private static StressResult finish(StressRun run) {
        return run.run(() -> false, accesses -> {});
    }

    @Test
    void nothingIsLostTornOrBroken() {
        AtomicLong seen = new AtomicLong();
        boolean whole = false;
        for (int turn = 0; turn < MOST_RUNS && !whole; turn++) { // bounded
            StressResult result = run(12_000).run(() -> false, seen::set);
            assertThat(result.findings()).isEmpty();
            assertThat(result).matches(StressResult::isClean);
            assertThat(result.accesses()).isBetween(10_000L, 24_000L);
            assertThat(result.outcomes().get(Outcome.OK)).isPositive();
            assertThat(result.hitRatio()).isBetween(0.0, 1.0);
            assertThat(result.rules()).noneMatch(RuleTable.Line::isVacuous);
            assertThat(result.summary())
                    .matches("stress: [0-9.]+ seconds, [0-9]+ accesses \\([0-9]+ in guest mode\\), 0 lost, 0 torn,"
                            + " 0 violations");
            whole = seen.get() > 0 && result.raw() > 0 && result.drops() > 0 && result.caches().invalidations() > 0
                    && result.actions().values().stream().allMatch(count -> count > 0);
        }
        assertThat(whole).as("a load in which everybody had a turn").isTrue();
    }

    @Test
    void theSmallestLoadChecksEveryRule() {
        StressResult result = finish(new StressRun(new StressOptions(1, 0, 1, 1, 1)));
        assertThat(result.findings()).isEmpty();
        assertThat(result.accesses()).isPositive();
    }

    @Test
    void somebodyWantsItToStop() {
        StressResult result = new StressRun(new StressOptions(1, SECONDS, 0, 1, 2))
                .run(() -> true, accesses -> {});
        assertThat(result.seconds()).isLessThan(SECONDS);
        assertThat(result.findings()).isEmpty();
    }

    @Test
    void aByteWhereNobodyWritesIsFound() {
        StressRun run = run(100);
        run.machine().host.poke(LoadMachine.HVA + 100, new byte[] {1});
        StressResult result = finish(run);
        assertThat(result.violations()).isEqualTo(1);
        assertThat(result.findings()).singleElement().asString().contains("STRAY").contains("0x64");
    }

    @Test
    void aCorruptedLaneIsFound() {
        StressRun run = run(100);
        Block block = run.blocks().get(0);
        run.machine().host.poke(LoadMachine.HVA + block.offset() + 16 + 4, new byte[] {7}); // within a lane
        StressResult result = finish(run);
        assertThat(result.torn()).isPositive();
        assertThat(result.isClean()).isFalse();
    }

    @Test
    void whatAThreadThrowsEndsTheLoadAndIsReported() {
        StressRun run = run(0);
        run.machine().vm.addEntryHook(new EntryHook() {
            @Override
            public void beforeEntry(Vcpu vcpu) {
                throw new IllegalStateException("the emulator's fault");
            }
        });
        StressResult result = finish(run);
        assertThat(result.violations()).isPositive();
        assertThat(result.findings()).anyMatch(
                finding -> finding.contains("vcpu ") && finding.contains("the emulator's fault"));
        assertThat(result.seconds()).isLessThan(SECONDS);
    }

    /** With rules on, the first access through a mapping that has gone is caught in the act. */
    @Test
    void cachesThatHearNothingBreakARule() {
        // Who finds the rule broken dies with a lock in hand, so that others may hang.
        StressOptions options = new StressOptions(42, SECONDS, 0, 2, 2);
        StressRun run = new StressRun(options, Duration.ofSeconds(1));
        Deafness.inflict(run.machine().host);
        StressResult result = finish(run);
        assertThat(result.violations()).isPositive();
        assertThat(result.findings()).anyMatch(finding -> finding.contains("I1_MAPPING_IS_CURRENT"));
    }

    /** With rules off, as in production, nobody catches it; the model finds what was lost by it. */
    @Test
    void cachesThatHearNothingLoseWrites() {
        WithoutRules.run(DeafLoad.class);
    }

    /** The load on a host that tells nobody what it takes away. */
    public static final class DeafLoad implements Runnable {
        @Override
        public void run() {
            long lost = 0;
            for (int turn = 0; turn < MOST_RUNS && lost == 0; turn++) { // bounded
                StressRun run = StressRunTest.run(60_000);
                Deafness.inflict(run.machine().host);
                lost = finish(run).lost();
            }
            assertThat(lost).isPositive();
        }
    }

    @Test
    void anEventThatTheGuestDoesNotSeeIsLost() {
        StressRun run = run(100);
        StressResult clean = finish(run);
        assertThat(clean.lost()).isZero();
        assertThat(run.events().isAnyMissing()).isFalse();
        run.events().send(5, CallContext.MAY_SLEEP); // and the guest does not run any more
        assertThat(run.events().isMissing(5)).isTrue();
        run.events().cleared(5);
        assertThat(run.events().isAnyMissing()).isFalse();
    }

    @Test
    void aClockThatStaysInTheMiddleOfAnUpdateIsFound() {
        StressRun run = run(100);
        assertThat(finish(run).torn()).isZero();
        byte[] odd = {1, 0, 0, 0};
        run.machine().vm.guestMemory().write(LoadMachine.systemTime(0), odd);
        new LoadGuest(run, 0).readClocksAtRest();
        assertThat(run.tally().torn.sum()).isEqualTo(1);
        run.machine().vm.guestMemory().write(LoadMachine.systemTime(0), new byte[4]);
        new LoadGuest(run, 0).readClocksAtRest();
        assertThat(run.tally().torn.sum()).isEqualTo(1);
        assertThat(run.tally().lost.sum()).isEqualTo(1);
    }

    @Test
    void optionsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new StressOptions(1, 0, 0, 1, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new StressOptions(1, 1, 0, 0, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new StressOptions(1, 1, 0, 1, 9)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new StressOptions(1, 1, 0, 1, 1, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new StressOptions(1, -1, 5, 1, 1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theMachineHasNoRoomForMoreVcpus() {
        int last = StressOptions.MAX_VCPUS - 1;
        long end = LoadMachine.runstate(last) + 48 - LoadMachine.MAIN_GPA;
        assertThat(end).isLessThanOrEqualTo((long) LoadMachine.DEVICE_PAGE * Pages.PAGE_SIZE);
        assertThat(new StressRun(new StressOptions(1, 1, 0, last + 1, StressOptions.MAX_DEVICES)))
                .isNotNull();
    }
}
