package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.RuleViolation;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class GfnPfnCacheTest {

    static final long GPA = 0x100000;
    static final long HVA = 0x7f00_0000_0000L;
    static final long OTHER_HVA = 0x7e00_0000_0000L;
    static final int NPAGES = 4;

    final HostMemory host = HostMemory.builder().checked(true).build();
    final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(50));
    final CacheDomain domain = new CacheDomain(memslots, host, new RetryPolicy(4, Duration.ofMillis(50)));
    final GfnPfnCache cache = domain.newCache(64);

    GfnPfnCacheTest() {
        host.mapAnonymous(HVA, NPAGES, Protection.READ_WRITE);
        host.mapAnonymous(OTHER_HVA, NPAGES, Protection.READ_WRITE);
        memslots.set(1, 0, GPA, NPAGES * Pages.PAGE_SIZE, HVA);
    }

    @AfterEach
    void audit() {
        domain.audit(true);
        host.audit();
    }

    void put(long value) {
        try (GuestAccess access = cache.access()) {
            access.putLong(0, value);
        }
    }

    long get() {
        try (GuestAccess access = cache.access()) {
            return access.getLong(0);
        }
    }

    long peek(long hva) {
        byte[] bytes = new byte[Long.BYTES];
        host.peek(hva, bytes);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    List<Long> dirty() {
        return Arrays.stream(memslots.harvestDirty(1).harvest().pages()).boxed().toList();
    }

    @Nested
    class Activation {

        @Test
        void pointsTheWindowAtGuestMemory() {
            assertThat(cache.activate(GPA + 0x1fc0)).isEqualTo(Outcome.OK);
            put(0x1122334455667788L);
            assertThat(peek(HVA + 0x1fc0)).isEqualTo(0x1122334455667788L);
        }

        @Test
        void byHvaNeedsNoSlot() {
            assertThat(cache.activateHva(OTHER_HVA + 8)).isEqualTo(Outcome.OK);
            put(5);
            assertThat(peek(OTHER_HVA + 8)).isEqualTo(5);
        }

        @Test
        void refusesAWindowThatCrossesAPageAndStaysWhereItWas() {
            cache.activate(GPA);
            assertThat(cache.activate(GPA + Pages.PAGE_SIZE - 63)).isEqualTo(Outcome.INVALID);
            assertThat(cache.activate(Pages.INVALID_GPA)).isEqualTo(Outcome.INVALID);
            put(7);
            assertThat(peek(HVA)).isEqualTo(7);
        }

        @Test
        void refusedOnAFreshCacheLeavesItInactive() {
            assertThat(cache.activate(Pages.INVALID_GPA)).isEqualTo(Outcome.INVALID);
            assertThat(cache.state().active()).isFalse();
            assertThat(cache.refresh()).isEqualTo(Outcome.INACTIVE);
        }

        @Test
        void withoutMemoryStaysActiveAndHealsWhenASlotAppears() {
            assertThat(cache.activate(0x900000)).isEqualTo(Outcome.FAULT);
            assertThat(cache.state().active()).isTrue();
            memslots.set(2, 0, 0x900000, Pages.PAGE_SIZE, OTHER_HVA);
            put(9);
            assertThat(peek(OTHER_HVA)).isEqualTo(9);
        }

        @Test
        void takesAnyAddressAGuestCanWrite() {
            for (long gpa : new long[] {-64, Long.MIN_VALUE, 1L << 52, (1L << 52) - 64, -4096, 0}) {
                assertThat(cache.activate(gpa)).as(Pages.hex(gpa)).isEqualTo(Outcome.FAULT);
            }
            for (long hva : new long[] {-64, Long.MIN_VALUE, 1L << 56, 1L << 62}) {
                assertThat(cache.activateHva(hva)).as(Pages.hex(hva)).isEqualTo(Outcome.INVALID);
            }
        }

        @Test
        void movesAnActiveCacheWithinThePageWithoutResolvingAgain() {
            cache.activate(GPA);
            long resolutions = domain.stats().resolutions();
            cache.activate(GPA + 0x80);
            put(3);
            assertThat(peek(HVA + 0x80)).isEqualTo(3);
            assertThat(domain.stats().resolutions()).isEqualTo(resolutions);
        }

        @Test
        void isNeededForAccess() {
            try (GuestAccess access = cache.access()) {
                assertThat(access.isUsable()).isFalse();
                assertThat(access.outcome()).isEqualTo(Outcome.INACTIVE);
                assertThatThrownBy(() -> access.getByte(0)).isInstanceOf(IllegalStateException.class);
            }
        }
    }

    @Nested
    class Deactivation {

        @Test
        void givesTheMappingBackAtOnce() {
            cache.activate(GPA);
            assertThat(host.liveMappings()).isOne();
            assertThat(cache.deactivate()).isEqualTo(Outcome.OK);
            assertThat(host.liveMappings()).isZero();
            assertThat(domain.activeCaches()).isEmpty();
        }

        @Test
        void isIdempotentAndCanBeUndone() {
            assertThat(cache.deactivate()).isEqualTo(Outcome.OK);
            cache.activate(GPA);
            cache.deactivate();
            assertThat(cache.deactivate()).isEqualTo(Outcome.OK);
            assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
            assertThat(cache.check()).isTrue();
        }
    }

    @Nested
    class HostChanges {

        @Test
        void makeTheCheckFalseUntilTheNextRefresh() {
            cache.activate(GPA);
            put(1);
            host.migrate(HVA);
            assertThat(cache.check()).isFalse();
            assertThat(cache.refresh()).isEqualTo(Outcome.OK);
            assertThat(cache.check()).isTrue();
            assertThat(get()).isEqualTo(1);
        }

        @Test
        void elsewhereDoNotTouchTheCache() {
            cache.activate(GPA);
            host.migrate(HVA + Pages.PAGE_SIZE);
            host.discard(HVA + Pages.PAGE_SIZE, 3);
            assertThat(cache.check()).isTrue();
        }

        @Test
        void thatTakeTheMemoryAwayMakeTheAccessFault() {
            cache.activate(GPA);
            host.unmap(HVA, 1);
            try (GuestAccess access = cache.access()) {
                assertThat(access.outcome()).isEqualTo(Outcome.FAULT);
            }
            host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
            put(4);
            assertThat(peek(HVA)).isEqualTo(4);
        }

        @Test
        void toAFrozenPageAreFaultsWhateverTheSlotSays() {
            cache.activate(GPA);
            host.protect(HVA, 1, Protection.READ);
            try (GuestAccess access = cache.access()) {
                assertThat(access.outcome()).isEqualTo(Outcome.FAULT);
            }
        }

        @Test
        void doNotWaitForAnAccessWhenTheyMayNot() {
            cache.activate(GPA);
            List<Object> evictions = new ArrayList<>();
            try (GuestAccess access = cache.access()) {
                access.putLong(0, 77);
                Thread other = new Thread(() -> evictions.add(host.tryEvict(HVA, 1)));
                other.start();
                joinOf(other);
                assertThat(evictions).hasSize(1);
                assertThat(access.getLong(0)).isEqualTo(77);
                assertThat(host.isPresent(HVA)).isTrue();
            }
        }
    }

    void onMissing(PageFaultHandler handler) {
        host.registerFaultHandler(HvaRange.ofPages(HVA, 1), handler, true, false);
    }

    static void joinOf(Thread thread) {
        try {
            thread.join(300_000);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        assertThat(thread.isAlive()).isFalse();
    }

    @Nested
    class SlotChanges {

        @Test
        void elsewhereCostNoResolution() {
            cache.activate(GPA);
            long resolutions = domain.stats().resolutions();
            memslots.set(2, 0, 0x900000, Pages.PAGE_SIZE, OTHER_HVA);
            assertThat(cache.check()).isFalse();
            put(1);
            assertThat(domain.stats().resolutions()).isEqualTo(resolutions);
        }

        @Test
        void leadTheCacheToTheNewMemory() {
            cache.activate(GPA);
            put(1);
            memslots.delete(1);
            try (GuestAccess access = cache.access()) {
                assertThat(access.outcome()).isEqualTo(Outcome.FAULT);
            }
            memslots.set(1, 0, GPA, NPAGES * Pages.PAGE_SIZE, OTHER_HVA);
            put(2);
            assertThat(peek(HVA)).isEqualTo(1);
            assertThat(peek(OTHER_HVA)).isEqualTo(2);
        }

        @Test
        void toReadOnlyAreFaults() {
            memslots.set(2, Memslot.FLAG_READONLY, 0x900000, Pages.PAGE_SIZE, OTHER_HVA);
            assertThat(cache.activate(0x900000)).isEqualTo(Outcome.FAULT);
        }

        @Test
        void doNotConcernACacheByHva() {
            cache.activateHva(OTHER_HVA);
            memslots.delete(1);
            assertThat(cache.check()).isTrue();
        }

        @Test
        void underAnAccessOfTheSameThreadAreAViolationAndChangeNothing() {
            cache.activate(GPA);
            long generation = memslots.generation();
            try (GuestAccess access = cache.access()) {
                assertThatThrownBy(() -> memslots.delete(1)).isInstanceOf(RuleViolation.class);
                assertThat(access.isUsable()).isTrue();
            }
            assertThat(memslots.generation()).isEqualTo(generation);
            assertThat(cache.check()).isTrue();
        }
    }

    @Nested
    class Faults {

        @Test
        void mayChangeOtherMemory() {
            onMissing(fault -> {
                host.discard(HVA + Pages.PAGE_SIZE, 1);
                return PageFaultHandler.Decision.RESOLVE;
            });
            assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
        }

        @Test
        void thatReenterTheSameCacheAreBusyAtOnce() {
            List<Outcome> inner = new ArrayList<>();
            onMissing(fault -> {
                inner.add(cache.refresh());
                inner.add(cache.deactivate());
                inner.add(memslots.delete(1) == Memslots.Change.BUSY ? Outcome.BUSY : Outcome.OK);
                return PageFaultHandler.Decision.RESOLVE;
            });
            assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
            assertThat(inner).containsExactly(Outcome.BUSY, Outcome.BUSY, Outcome.BUSY);
        }

        @Test
        void thatInvalidateTheirOwnPageEachTimeEndAtTheBound() {
            int[] faults = {0};
            onMissing(fault -> {
                faults[0]++;
                host.discard(HVA, 1);
                return PageFaultHandler.Decision.RESOLVE;
            });
            // After every resolution the page goes away again before it is installed.
            assertThat(cache.activate(GPA)).isIn(Outcome.BUSY, Outcome.OK, Outcome.FAULT);
            assertThat(faults[0]).isPositive().isLessThanOrEqualTo(64);
        }

        @Test
        void thatThrowLeaveTheCacheInOrder() {
            onMissing(fault -> {
                throw new IllegalArgumentException("the handler's own fault");
            });
            assertThatThrownBy(() -> cache.activate(GPA)).hasMessage("the handler's own fault");
            assertThat(cache.check()).isFalse();
            assertThat(cache.activateHva(OTHER_HVA)).isEqualTo(Outcome.OK);
        }
    }

    @Nested
    class Invalidation {

        @Test
        void byTheThreadThatIsInsideItMakesARefreshBusyAtOnce() {
            List<Outcome> seen = new ArrayList<>();
            cache.activate(GPA);
            host.registerNotifier(new MmuNotifier() {
                @Override
                public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                    seen.add(cache.refresh());
                    try (GuestAccess access = cache.access()) {
                        seen.add(access.outcome());
                    }
                    return true;
                }

                @Override
                public void invalidateRangeEnd(HvaRange range) {
                    seen.add(memslots.delete(1) == Memslots.Change.BUSY ? Outcome.BUSY : Outcome.OK);
                }
            });
            host.migrate(HVA);
            assertThat(seen).containsOnly(Outcome.BUSY);
            assertThat(get()).isZero();
        }
    }

    @Nested
    class DirtyLog {

        @Test
        void isMarkedByAWriteAndOnlyByAWrite() {
            memslots.setFlags(1, Memslot.FLAG_LOG_DIRTY_PAGES);
            cache.activate(GPA + 2 * Pages.PAGE_SIZE);
            get();
            assertThat(dirty()).isEmpty();
            put(1);
            assertThat(dirty()).containsExactly(2L);
            assertThat(dirty()).isEmpty();
        }

        @Test
        void isNotTouchedThroughAnHva() {
            memslots.setFlags(1, Memslot.FLAG_LOG_DIRTY_PAGES);
            cache.activateHva(HVA);
            put(1);
            assertThat(dirty()).isEmpty();
        }
    }

    @Test
    void lengthIsFixedAndBounded() {
        assertThat(cache.length()).isEqualTo(64);
        for (int length : new int[] {0, -1, 4097, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertThatThrownBy(() -> domain.newCache(length)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void tellsWhereItPoints() {
        cache.activate(GPA + 0x40);
        assertThat(cache.toString()).contains("active valid", "gpa=0x100040", "uhva=0x7f0000000040", "pfn=");
    }
}
