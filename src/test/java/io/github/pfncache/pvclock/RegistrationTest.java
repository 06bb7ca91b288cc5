package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static io.github.pfncache.pvclock.ClockWorld.HVA;
import static io.github.pfncache.pvclock.ClockWorld.NPAGES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.HeldLocks;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The recipe, step by step, with code of others that throws and comes back. */
final class RegistrationTest {

    private static final CacheTarget HERE = new CacheTarget.ByGpa(GPA + 0x20);
    private static final CacheTarget THERE = new CacheTarget.ByGpa(GPA + Pages.PAGE_SIZE);

    private final ClockWorld world = new ClockWorld(1);
    private final Registration place = new Registration(world.vm, 8);

    @AfterEach
    void audit() {
        world.audit();
    }

    private Outcome write(long value) {
        return place.update(() -> value, (access, now) -> access.putLong(0, now));
    }

    private long at(CacheTarget target) {
        return world.bytes(((CacheTarget.ByGpa) target).gpa(), 8).getLong();
    }

    private void evict() {
        world.host.evict(HVA, NPAGES);
    }

    /** At the first fault, this happens; afterwards faults are resolved. */
    private void onFault(Runnable once) {
        AtomicInteger faults = new AtomicInteger();
        PageFaultHandler handler = fault -> {
            if (faults.getAndIncrement() == 0) {
                once.run();
            }
            return PageFaultHandler.Decision.RESOLVE;
        };
        world.host.registerFaultHandler(new HvaRange(HVA, HVA + NPAGES * Pages.PAGE_SIZE), handler, true, false);
        evict();
    }

    @Test
    void nothingIsWrittenWhereNothingIsRegistered() {
        AtomicInteger asked = new AtomicInteger();
        assertThat(place.update(asked::incrementAndGet, (access, now) -> access.putLong(0, now)))
                .isEqualTo(Outcome.INACTIVE);
        assertThat(asked).hasValue(0);
        assertThat(place.tryUpdate(access -> access.putLong(0, 1))).isEqualTo(Outcome.INACTIVE);
        assertThat(place.bringIn()).isEqualTo(Outcome.INACTIVE);
        assertThat(place.target()).isNull();
        assertThat(place.register()).isZero();
    }

    @Test
    void aPlaceCountsBeforeItsPageIsBroughtIn() {
        assertThat(place.point(5, HERE)).isEqualTo(Outcome.OK);
        assertThat(place.register()).isEqualTo(5);
        assertThat(place.target()).isEqualTo(HERE);
        assertThat(place.isPlaced()).isFalse();
        assertThat(place.tryUpdate(access -> access.putLong(0, 1))).isEqualTo(Outcome.BUSY);
        assertThat(write(7)).isEqualTo(Outcome.OK);
        assertThat(place.isPlaced()).isTrue();
        assertThat(at(HERE)).isEqualTo(7);
    }

    @Test
    void theFormerPlaceIsAccessedNoMore() {
        place.point(1, HERE);
        write(1);
        place.point(2, THERE);
        assertThat(place.tryUpdate(access -> access.putLong(0, 2))).isEqualTo(Outcome.BUSY);
        write(3);
        assertThat(at(HERE)).isEqualTo(1);
        assertThat(at(THERE)).isEqualTo(3);
        assertThat(place.point(0, null)).isEqualTo(Outcome.OK);
        assertThat(world.vm.caches().activeCaches()).isEmpty();
        assertThat(write(4)).isEqualTo(Outcome.INACTIVE);
        assertThat(at(THERE)).isEqualTo(3);
    }

    @Test
    void aPlaceInTheSamePageNeedsNoPage() {
        assertThat(place.set(1, HERE)).isEqualTo(Outcome.OK);
        long resolved = world.vm.caches().stats().resolutions();
        assertThat(place.set(2, HERE)).isEqualTo(Outcome.OK);
        CacheTarget beside = new CacheTarget.ByGpa(GPA + 0x40);
        assertThat(place.set(3, beside)).isEqualTo(Outcome.OK);
        assertThat(world.vm.caches().stats().resolutions()).isEqualTo(resolved);
        assertThat(place.tryUpdate(access -> access.putLong(0, 5))).isEqualTo(Outcome.OK);
        assertThat(at(beside)).isEqualTo(5);
        assertThat(place.set(4, new CacheTarget.ByGpa(GPA + Pages.PAGE_SIZE - 7))).isEqualTo(Outcome.INVALID);
        assertThat(place.target()).isEqualTo(beside);
        assertThat(place.register()).isEqualTo(4);
        assertThat(place.set(0, null)).isEqualTo(Outcome.OK);
        assertThat(world.vm.caches().activeCaches()).isEmpty();
    }

    @Test
    void ofAnImpossiblePlaceOnlyTheRegisterIsKept() {
        place.point(1, HERE);
        write(1);
        assertThat(place.point(2, new CacheTarget.ByGpa(GPA + Pages.PAGE_SIZE - 7))).isEqualTo(Outcome.INVALID);
        assertThat(place.register()).isEqualTo(2);
        assertThat(place.target()).isEqualTo(HERE);
        assertThat(place.tryUpdate(access -> access.putLong(0, 2))).isEqualTo(Outcome.OK);
        assertThat(at(HERE)).isEqualTo(2);
    }

    @Test
    void withoutMemoryTheAnswerIsFaultAndThePlaceHeals() {
        world.deleteSlot();
        place.point(1, HERE);
        assertThat(place.bringIn()).isEqualTo(Outcome.FAULT);
        assertThat(place.isPlaced()).isFalse();
        assertThat(write(1)).isEqualTo(Outcome.FAULT);
        world.slot(0);
        assertThat(write(2)).isEqualTo(Outcome.OK);
        assertThat(at(HERE)).isEqualTo(2);
    }

    @Test
    void aPageThatNeverHoldsStillIsBusyAfterTheAttempts() {
        place.point(1, HERE);
        AtomicInteger asked = new AtomicInteger();
        Outcome outcome = place.update(
                () -> {
                    evict();
                    return asked.incrementAndGet();
                },
                (access, now) -> access.putLong(0, now));
        assertThat(outcome).isEqualTo(Outcome.BUSY);
        assertThat(asked).hasValue(RetryPolicy.DEFAULT.attempts());
    }

    @Test
    void aStreamOfSlotChangesDoesNotKeepTheStructureFromBeingWritten() {
        place.point(1, HERE);
        AtomicInteger changes = new AtomicInteger();
        Outcome outcome = place.update(
                () -> {
                    int flags = changes.get() % 2 == 0 ? Memslot.FLAG_LOG_DIRTY_PAGES : 0;
                    if (world.vm.memslots().setFlags(ClockWorld.SLOT, flags) == Memslots.Change.DONE) {
                        changes.incrementAndGet();
                    }
                    return 7L;
                },
                (access, now) -> access.putLong(0, now));
        assertThat(outcome).isEqualTo(Outcome.OK);
        assertThat(at(HERE)).isEqualTo(7);
        assertThat(changes).as("changes that got in between").hasValue(1);
    }

    @Test
    void theSourceIsAskedWithNothingHeldAndMayComeBack() {
        place.point(1, HERE);
        Outcome outcome = place.update(
                () -> {
                    HeldLocks.mightSleep("a source");
                    assertThat(write(at(HERE) == 6 ? 6 : 5)).isEqualTo(Outcome.OK);
                    place.point(2, THERE);
                    return 6L;
                },
                (access, now) -> access.putLong(0, now));
        assertThat(outcome).as("each attempt finds another place").isEqualTo(Outcome.BUSY);
        assertThat(write(8)).isEqualTo(Outcome.OK);
        assertThat(at(THERE)).isEqualTo(8);
    }

    @Test
    void whatAHandlerThrowsComesOutAndThePlaceStays() {
        onFault(() -> {
            throw new IllegalStateException("thrown");
        });
        place.point(3, HERE);
        assertThatThrownBy(() -> write(1)).hasMessage("thrown");
        assertThat(place.target()).isEqualTo(HERE);
        assertThat(place.isPlaced()).isFalse();
        assertThat(write(2)).isEqualTo(Outcome.OK);
        assertThat(at(HERE)).isEqualTo(2);
    }

    @Test
    void aHandlerThatRegistersAnotherPlaceIsFollowed() {
        long before = at(HERE);
        onFault(() -> {
            assertThat(place.point(2, THERE)).isEqualTo(Outcome.BUSY);
            assertThat(write(1)).isEqualTo(Outcome.BUSY);
        });
        place.point(1, HERE);
        assertThat(write(2)).isEqualTo(Outcome.OK);
        assertThat(at(HERE)).isEqualTo(before);
        assertThat(at(THERE)).isEqualTo(2);
        assertThat(place.register()).isEqualTo(2);
    }

    @Test
    void aPlaceIsThatWhileItsPageIsBroughtInAgain() {
        List<Boolean> placed = new ArrayList<>();
        place.set(1, HERE);
        onFault(() -> placed.add(place.isPlaced()));
        assertThat(write(1)).isEqualTo(Outcome.OK);
        onFault(() -> placed.add(place.isPlaced()));
        place.point(2, THERE);
        assertThat(write(2)).isEqualTo(Outcome.OK);
        assertThat(placed).as("again, and for the first time").containsExactly(true, false);
    }

    @Test
    void aHandlerThatSwitchesOffLeavesNothingActive() {
        onFault(() -> place.point(0, null));
        place.point(1, HERE);
        assertThat(write(2)).isEqualTo(Outcome.INACTIVE);
        assertThat(place.isPlaced()).isFalse();
        assertThat(world.vm.caches().activeCaches()).isEmpty();
    }

    @Test
    void aHandlerThatSwitchesOffAndThrowsLeavesNothingActive() {
        onFault(() -> {
            place.point(0, null);
            throw new IllegalStateException("thrown");
        });
        place.point(1, HERE);
        assertThatThrownBy(() -> write(2)).hasMessage("thrown");
        assertThat(world.vm.caches().activeCaches()).isEmpty();
    }

    /** On a thread that is inside an invalidation of the page, it cannot be brought in. */
    @Test
    void aPlaceThatCouldNotBeTakenIsNoneUntilItIs() {
        place.set(1, HERE);
        List<Object> inside = new ArrayList<>();
        MmuNotifier notifier = new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                inside.add(place.set(2, THERE));
                inside.add(place.isPlaced());
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        };
        world.host.registerNotifier(notifier);
        world.host.migrate(HVA + Pages.PAGE_SIZE);
        world.host.unregisterNotifier(notifier);
        assertThat(inside).containsExactly(Outcome.BUSY, false);
        long before = at(HERE);
        assertThat(write(7)).isEqualTo(Outcome.OK);
        assertThat(at(THERE)).isEqualTo(7);
        assertThat(at(HERE)).isEqualTo(before);
    }

    @Test
    void aPlaceWithoutMemoryThatIsSwitchedOffIsNotActive() {
        world.deleteSlot();
        assertThat(place.set(1, HERE)).isEqualTo(Outcome.FAULT);
        assertThat(place.point(0, null)).isEqualTo(Outcome.OK);
        assertThat(world.vm.caches().activeCaches()).isEmpty();
        world.slot(0);
    }

    @Test
    void atomicContextFindsThePageOrIsBusy() {
        place.point(1, HERE);
        write(1);
        HeldLocks.atomically(() -> assertThat(place.tryUpdate(access -> access.putByte(0, (byte) 2)))
                .isEqualTo(Outcome.OK));
        evict();
        HeldLocks.atomically(() -> assertThat(place.tryUpdate(access -> access.putByte(0, (byte) 3)))
                .isEqualTo(Outcome.BUSY));
        assertThat(at(HERE)).isEqualTo(2);
    }

    @Test
    void aPlaceMayBeByHva() {
        assertThat(place.point(1, new CacheTarget.ByHva(HVA + 0x20))).isEqualTo(Outcome.OK);
        assertThat(write(9)).isEqualTo(Outcome.OK);
        assertThat(at(HERE)).isEqualTo(9);
        assertThat(world.vm.caches().activeCaches()).extracting(GfnPfnCache::length).containsExactly(8);
    }

    @Test
    void aPlaceThatIsTakenAwayMeanwhileIsAccessedNoMore() {
        for (CacheTarget next : new CacheTarget[] {null, THERE}) {
            new ScheduleExplorer(stage -> {
                ClockWorld machine = new ClockWorld(1);
                Registration one = new Registration(machine.vm, 8);
                one.point(1, HERE);
                long[] last = new long[1];
                stage.thread("update", () -> one.update(() -> 5L, (access, now) -> access.putLong(0, now)));
                stage.thread("register", () -> {
                    assertThat(one.point(2, next)).isEqualTo(Outcome.OK);
                    last[0] = machine.bytes(GPA + 0x20, 8).getLong();
                });
                stage.afterwards(() -> {
                    assertThat(machine.bytes(GPA + 0x20, 8).getLong()).isEqualTo(last[0]);
                    assertThat(one.update(() -> 6L, (access, now) -> access.putLong(0, now)))
                            .isEqualTo(next == null ? Outcome.INACTIVE : Outcome.OK);
                    assertThat(machine.bytes(GPA + 0x20, 8).getLong()).isEqualTo(last[0]);
                    assertThat(machine.vm.caches().activeCaches()).hasSize(next == null ? 0 : 1);
                    machine.audit();
                });
            }).exhaustive(2, 500).explore().requireNoFailure();
        }
    }

    @Test
    void aLengthBeyondAPageIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Registration(world.vm, Pages.PAGE_SIZE + 1));
        assertThatIllegalArgumentException().isThrownBy(() -> new Registration(world.vm, 0));
    }
}
