package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.BUSY;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiPredicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What notifiers are told, when, and what they may do. */
class HostNotifierTest {

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;

    @AfterEach
    void close() {
        world.close();
    }

    @TestFactory
    Stream<DynamicTest> everyChangeIsAnnouncedForItsRangeAndEnded() {
        record Case(String name, Runnable change, HvaRange... ranges) {}
        HvaRange a = HvaRange.ofPages(A, 2);
        HvaRange m = HvaRange.ofPages(M, 2);
        HvaRange restOfB = HvaRange.ofPages(page(B, 2), 14); // the move back took two pages away
        return Stream.of(
                        new Case("map", () -> host.mapAnonymous(A, 2, READ_WRITE), a),
                        new Case("protect as it is", () -> host.protect(A, 2, READ_WRITE)),
                        new Case("protect one page", () -> host.protect(A, 1, READ), HvaRange.ofPages(A, 1)),
                        new Case("protect the other", () -> host.protect(A, 2, READ), HvaRange.ofPages(page(A, 1), 1)),
                        new Case("protect again", () -> host.protect(A, 2, READ)),
                        new Case("raise", () -> host.protect(A, 2, READ_WRITE), a),
                        new Case("unmap", () -> host.unmap(A, 2), a),
                        new Case("protect what is not there", () -> host.protect(A, 2, READ)),
                        new Case("map again", () -> host.mapAnonymous(A, 2, READ_WRITE), a),
                        new Case("discard", () -> host.discard(A, 2), a),
                        new Case("move", () -> host.move(A, 2, B), a, HvaRange.ofPages(B, 2)),
                        new Case("move back", () -> host.move(B, 2, A), HvaRange.ofPages(B, 2), a),
                        new Case("write-protect", () -> host.writeProtect(A, 2, true), a),
                        new Case("evict what is not there", () -> host.evict(A, 2)),
                        new Case("evict", () -> evict(A), a),
                        new Case("migrate what is not there", () -> host.migrate(A)),
                        new Case("migrate", () -> migrate(A), HvaRange.ofPages(A, 1)),
                        new Case("migrate shared", () -> migrate(M), HvaRange.ofPages(M, 1)),
                        new Case("evict shared", () -> evict(M), m),
                        new Case("evict shared again", () -> host.evict(M, 2)),
                        new Case("migrate what is evicted", () -> host.migrate(M)),
                        new Case("remove", () -> host.remove(M, 2), m),
                        new Case("punch", () -> world.file.punchHole(0, 2), m),
                        new Case("truncate", () -> world.file.truncate(14), HvaRange.ofPages(page(M, 14), 2)),
                        new Case("fork", () -> host.fork().close(), HvaRange.ofPages(A, 16), restOfB))
                .map(c -> DynamicTest.dynamicTest(c.name, () -> {
                    world.told.clear();
                    c.change.run();
                    List<String> expected = new ArrayList<>();
                    for (HvaRange range : c.ranges) {
                        expected.add("start " + range);
                    }
                    for (int i = c.ranges.length - 1; i >= 0; i--) {
                        expected.add("end " + c.ranges[i]);
                    }
                    assertThat(world.told).isEqualTo(expected);
                }));
    }

    private void evict(long hva) {
        host.populateWrite(hva, 2);
        world.told.clear();
        assertThat(host.evict(hva, 2)).isEqualTo(OK);
    }

    private void migrate(long hva) {
        world.store(hva, 1);
        world.told.clear();
        assertThat(host.migrate(hva)).isEqualTo(HostResult.OK);
    }

    @Test
    void filePagesAreInvalidatedWhereverTheyAreMappedPreciselyAndInEveryProcess() {
        host.mapShared(page(A, 3), 2, world.file, 7, READ_WRITE);
        try (HostMemory child = host.fork()) {
            List<String> childTold = new ArrayList<>();
            child.registerNotifier(notifier((range, mayBlock) -> childTold.add("" + range)));
            world.told.clear();
            world.file.punchHole(8, 1);
            assertThat(world.told)
                    .contains("start " + HvaRange.ofPages(page(A, 4), 1), "start " + HvaRange.ofPages(page(M, 8), 1))
                    .hasSize(4);
            assertThat(childTold).hasSize(2);
            childTold.clear();
            HostWorld.store(child, A, 1);
            assertThat(childTold).as("first touch takes nothing away").isEmpty();
        }
    }

    /** Whatever the change is of, it is told of that from its start. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void oneThatComesWhileOthersAreToldIsToldToo(boolean ofFile) {
        world.store(A, 1);
        world.store(M, 1);
        List<HvaRange> late = new ArrayList<>();
        MmuNotifier comes = notifier((range, mayBlock) -> late.add(range));
        boolean[] came = {false};
        host.registerNotifier(notifier((range, mayBlock) -> {
            if (!came[0]) {
                came[0] = true;
                host.registerNotifier(comes);
            }
            return true;
        }));
        assertThat(ofFile ? world.file.punchHole(0, 2) : host.discard(A, 2)).isEqualTo(OK);
        assertThat(late).isNotEmpty()
                .allMatch(range -> range.contains(ofFile ? M : A) || range.equals(HvaRange.WHOLE));
    }

    @Test
    void breakingACopyOnWriteSharingInvalidatesOnTheResolvingThread() {
        world.store(A, 1);
        try (HostMemory child = host.fork()) {
            world.told.clear();
            List<Thread> threads = new ArrayList<>();
            host.registerNotifier(notifier((range, mayBlock) -> threads.add(Thread.currentThread())));
            world.store(A, 2);
            assertThat(world.told).hasSize(2);
            assertThat(threads).containsExactly(Thread.currentThread());
            world.store(A, 3);
            assertThat(world.told).hasSize(2);
            assertThat(HostWorld.load(child, A)).isEqualTo(1);
        }
    }

    @Test
    void atTheStartTheFormerContentIsStillThereAndAtTheEndTheNewState() {
        world.store(A, 1);
        List<Boolean> present = new ArrayList<>();
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                return present.add(host.isPresent(A)) && mayBlock;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                present.add(host.isPresent(A));
            }
        });
        host.discard(A, 1);
        assertThat(present).containsExactly(true, false);
    }

    @Test
    void aFrameIsNotFreedBeforeTheStartHasReturned() {
        world.store(A, 1);
        HostPage page = host.hvaToPage(A);
        HostMapping khva = host.map(page);
        host.release(page);
        List<Long> seen = new ArrayList<>();
        host.registerNotifier(notifier((range, mayBlock) -> seen.add(khva.get(0, 8))));
        assertThat(host.migrate(A)).isEqualTo(HostResult.OK);
        assertThat(seen).containsExactly(1L);
        assertThat(khva.get(0, 8)).isEqualTo(0xd9d9d9d9d9d9d9d9L);
        host.unmap(khva);
    }

    @Test
    void callbacksMayChangeOtherPages() {
        world.store(B, 1);
        AtomicInteger depth = new AtomicInteger();
        host.registerNotifier(notifier((range, mayBlock) -> {
            if (range.contains(A) && depth.incrementAndGet() == 1) {
                assertThat(host.discard(B, 1)).isEqualTo(OK);
                assertThat(world.store(page(B, 1), 2)).isTrue();
                assertThat(world.file.punchHole(0, 1)).isEqualTo(OK);
            }
            return true;
        }));
        assertThat(host.unmap(A, 1)).isEqualTo(OK);
        assertThat(world.load(B)).isZero();
        assertThat(world.load(page(B, 1))).isEqualTo(2);
    }

    @Test
    void aRefusedNonBlockingChangeIsSkippedAndWhatWasStartedIsEnded() {
        world.store(A, 1);
        List<String> events = new ArrayList<>();
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                return mayBlock;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                events.add("end");
            }
        });
        world.told.clear();
        assertThat(host.tryEvict(A, 1)).isEqualTo(BUSY);
        assertThat(host.isPresent(A)).isTrue();
        assertThat(world.told).as("the first notifier is told to go on").hasSize(2);
        assertThat(events).as("who refused is not").isEmpty();
        assertThat(host.evict(A, 1)).isEqualTo(OK);
        assertThat(events).containsExactly("end");
    }

    @Test
    void refusingABlockingStartIsBusyAndTheOthersAreEnded() {
        MmuNotifier stubborn = notifier((range, mayBlock) -> false);
        host.registerNotifier(stubborn);
        world.told.clear();
        assertThat(host.discard(A, 1)).isEqualTo(BUSY);
        assertThat(world.told).hasSize(2);
        host.unregisterNotifier(stubborn);
    }

    @Test
    void aThrowingNotifierDoesNotKeepTheOthersFromBeingEnded() {
        MmuNotifier broken = new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                throw new IllegalStateException("broken");
            }
        };
        host.registerNotifier(broken);
        world.told.clear();
        assertThatThrownBy(() -> host.discard(A, 1)).hasMessage("broken");
        assertThat(world.told).hasSize(2);
        host.unregisterNotifier(broken);
    }

    @Test
    void mappingsThatChangeBetweenComputingAndLockingWidenTheInvalidation() {
        world.store(M, 1);
        AtomicInteger calls = new AtomicInteger();
        host.registerNotifier(notifier((range, mayBlock) -> {
            if (calls.incrementAndGet() == 1) { // the punch has computed its ranges: map the page once more
                host.mapShared(B, 1, world.file, 0, READ_WRITE);
                world.store(B + 8, 2);
            }
            return true;
        }));
        world.told.clear();
        assertThat(world.file.punchHole(0, 1)).isEqualTo(OK);
        assertThat(world.told).contains("start " + HvaRange.WHOLE, "end " + HvaRange.WHOLE);
        assertThat(world.load(B + 8)).isZero();
        assertThat(host.isPresent(B)).isFalse();
    }

    @Test
    void aMappingThatMovesBetweenComputingAndLockingIsInvalidatedWhereItIs() {
        world.store(M, 1);
        AtomicInteger calls = new AtomicInteger();
        host.registerNotifier(notifier((range, mayBlock) -> {
            if (calls.incrementAndGet() == 1) {
                host.move(M, 1, B);
            }
            return true;
        }));
        world.told.clear();
        assertThat(world.file.punchHole(0, 1)).isEqualTo(OK);
        assertThat(world.told).contains("start " + HvaRange.WHOLE, "end " + HvaRange.WHOLE);
        assertThat(host.isPresent(B)).isFalse();
    }

    @Test
    void aChangeWhoseNotifiersNeverHoldStillGivesUpAndChangesNothing() {
        world.store(A, 1);
        List<MmuNotifier> more = new ArrayList<>();
        MmuNotifier restless = notifier((range, mayBlock) -> {
            more.add(notifier((r, m) -> true));
            host.registerNotifier(more.get(more.size() - 1));
            return true;
        });
        host.registerNotifier(restless);
        assertThat(host.discard(A, 1)).isEqualTo(BUSY);
        assertThat(more).as("a bound").hasSize(16);
        assertThat(world.load(A)).isEqualTo(1);
        host.unregisterNotifier(restless);
        more.forEach(host::unregisterNotifier);
    }

    @Test
    void forksAndEndsOfRelativesDoNotKeepAnAddressSpaceFromChanging() {
        world.store(A, 1);
        HostMemory child = host.fork();
        AtomicInteger calls = new AtomicInteger();
        MmuNotifier busyFamily = notifier((range, mayBlock) -> {
            calls.incrementAndGet();
            child.fork().close();
            return true;
        });
        host.registerNotifier(busyFamily);
        assertThat(host.discard(B, 1)).isEqualTo(OK);
        assertThat(world.store(A, 2)).as("breaks the sharing with the child").isTrue();
        assertThat(calls).hasValue(2);
        host.unregisterNotifier(busyFamily);
        child.close();
    }

    private static MmuNotifier notifier(BiPredicate<HvaRange, Boolean> start) {
        return new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                return start.test(range, mayBlock);
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        };
    }
}
