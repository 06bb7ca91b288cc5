package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** CPU-like access to any address: what is memory, what is not, and what crosses from one into the other. */
final class GuestTlbTest {

    private static final int PAGE = Pages.PAGE_SIZE;
    private static final long HVA = 0x7f00_0000_0000L;

    /** Three pages of RAM, with a dirty log. */
    private static final long RAM = 0x10000;

    /** One read-only page, right behind. */
    private static final long ROM = RAM + 3 * PAGE;

    /** Nothing is here, right behind. */
    private static final long DEVICE = ROM + PAGE;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(50));
    private final CacheDomain domain = new CacheDomain(memslots, host, new RetryPolicy(4, Duration.ofMillis(50)));
    private final Bus bus = new Bus();
    private final GuestTlb tlb = domain.newTlb(4, bus);

    /** A device that writes down what it is asked for, and answers with a number. */
    private static final class Bus implements GuestTlb.Unbacked {

        private final List<String> asked = new ArrayList<>();
        private Runnable doing = () -> {};

        @Override
        public long load(long gpa, int width, Outcome why) {
            asked.add("load " + Pages.hex(gpa) + " " + width + " " + why);
            doing.run();
            return 0x8877_6655_4433_2211L;
        }

        @Override
        public void store(long gpa, int width, long value, Outcome why) {
            asked.add("store " + Pages.hex(gpa) + " " + width + " " + Pages.hex(value) + " " + why);
            doing.run();
        }
    }

    GuestTlbTest() {
        host.mapAnonymous(HVA, 4, Protection.READ_WRITE);
        memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, RAM, 3 * PAGE, HVA);
        memslots.set(2, Memslot.FLAG_READONLY, ROM, PAGE, HVA + 3 * PAGE);
    }

    @AfterEach
    void audit() {
        tlb.deactivate();
        domain.audit(true);
        host.audit();
    }

    private byte[] peek(long offset, int length) {
        byte[] bytes = new byte[length];
        host.peek(HVA + offset, bytes);
        return bytes;
    }

    private long[] dirty() {
        return memslots.harvestDirty(1).harvest().pages();
    }

    @Test
    void everyWidthIsLittleEndianAtAnyAlignment() {
        tlb.storeLong(RAM + 3, 0x8877_6655_4433_2211L);
        assertThat(peek(2, 10)).containsExactly(0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, (byte) 0x88, 0);
        assertThat(tlb.loadLong(RAM + 3)).isEqualTo(0x8877_6655_4433_2211L);
        assertThat(tlb.loadInt(RAM + 7)).isEqualTo(0x8877_6655);
        assertThat(tlb.loadShort(RAM + 9)).isEqualTo((short) 0x8877);
        assertThat(tlb.loadByte(RAM + 10)).isEqualTo((byte) 0x88);
        tlb.storeInt(RAM + 4, -2);
        tlb.storeShort(RAM + 1, (short) 0xabcd);
        tlb.storeByte(RAM + 8, (byte) 0xef);
        assertThat(peek(0, 11)).containsExactly(
                0, 0xcd, 0xab, 0x11, 0xfe, 0xff, 0xff, 0xff, 0xef, 0x77, 0x88);
        assertThat(bus.asked).isEmpty();
    }

    @Test
    void everyValueCanBeLoaded() {
        for (int value = 0; value < 1 << 16; value++) { // bounded by the values of two bytes
            tlb.storeShort(RAM, (short) value);
            assertThat(tlb.loadShort(RAM)).isEqualTo((short) value);
            assertThat(tlb.loadByte(RAM)).isEqualTo((byte) value);
        }
        long[] repeated = {1, 0x1_0001, 0x1_0000_0001L, 0x101_0101_0101_0101L, 0x1_0001_0001_0001L};
        for (int value = 0; value < 1 << 9; value++) { // bounded by the values of a byte, twice
            for (long pattern : repeated) { // bounded by the patterns
                tlb.storeLong(RAM, value * pattern);
                assertThat(tlb.loadLong(RAM)).isEqualTo(value * pattern);
                assertThat(tlb.loadInt(RAM + 4)).isEqualTo((int) (value * pattern >>> 32));
            }
        }
        assertThat(bus.asked).isEmpty();
    }

    @Test
    void anAccessMayCrossIntoTheNextPage() {
        tlb.storeLong(RAM + PAGE - 3, 0x8877_6655_4433_2211L);
        assertThat(peek(PAGE - 4, 10)).containsExactly(0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, (byte) 0x88, 0);
        assertThat(tlb.loadLong(RAM + PAGE - 3)).isEqualTo(0x8877_6655_4433_2211L);
        tlb.storeInt(RAM + 2 * PAGE - 1, -7);
        assertThat(tlb.loadInt(RAM + 2 * PAGE - 1)).isEqualTo(-7);
        tlb.storeShort(RAM + 2 * PAGE - 1, (short) -9);
        assertThat(tlb.loadShort(RAM + 2 * PAGE - 1)).isEqualTo((short) -9);
        assertThat(dirty()).containsExactly(0, 1, 2);
        assertThat(bus.asked).isEmpty();
    }

    @Test
    void aPageThatMovedIsFoundAgain() {
        tlb.storeLong(RAM, 1);
        tlb.storeLong(RAM + PAGE - 4, 0x1_0000_0002L);
        assertThat(host.migrate(HVA)).isEqualTo(HostResult.OK);
        assertThat(tlb.loadLong(RAM)).isEqualTo(1);
        host.evict(HVA, 2);
        assertThat(tlb.loadLong(RAM + PAGE - 4)).isEqualTo(0x1_0000_0002L);
        host.migrate(HVA + PAGE);
        tlb.storeLong(RAM + PAGE - 4, 0x3_0000_0004L);
        assertThat(peek(PAGE - 4, 8)).containsExactly(4, 0, 0, 0, 3, 0, 0, 0);
        assertThat(bus.asked).isEmpty();
    }

    @Test
    void aSlotThatMovedIsFoundAgain() {
        tlb.storeInt(RAM + 8, 5);
        memslots.move(1, RAM + 16 * PAGE);
        assertThat(tlb.loadInt(RAM + 16 * PAGE + 8)).isEqualTo(5);
        assertThat(bus.asked).isEmpty();
        tlb.loadInt(RAM + 8);
        assertThat(bus.asked).containsExactly("load 0x10008 4 FAULT");
    }

    @Test
    void whatIsUnpluggedIsGoneAndWhatIsPluggedIsThere() {
        tlb.storeInt(RAM + 8, 5);
        memslots.delete(1);
        assertThat(tlb.loadInt(RAM + 8)).isEqualTo(0x4433_2211);
        tlb.storeInt(RAM + 8, 6);
        assertThat(bus.asked).containsExactly("load 0x10008 4 FAULT", "store 0x10008 4 0x6 FAULT");
        memslots.set(1, 0, RAM, PAGE, HVA);
        assertThat(tlb.loadInt(RAM + 8)).isEqualTo(5);
        assertThat(bus.asked).hasSize(2);
    }

    @Test
    void whatHasNoMemoryIsTheHandlers() {
        assertThat(tlb.loadByte(DEVICE)).isEqualTo((byte) 0x11);
        assertThat(tlb.loadShort(DEVICE + 1)).isEqualTo((short) 0x2211);
        assertThat(tlb.loadInt(DEVICE + 2)).isEqualTo(0x4433_2211);
        assertThat(tlb.loadLong(DEVICE + 3)).isEqualTo(0x8877_6655_4433_2211L);
        tlb.storeByte(DEVICE, (byte) -1);
        tlb.storeShort(DEVICE, (short) -1);
        tlb.storeInt(DEVICE, -1);
        tlb.storeLong(DEVICE, -1);
        assertThat(bus.asked).containsExactly(
                "load 0x14000 1 FAULT", "load 0x14001 2 FAULT", "load 0x14002 4 FAULT", "load 0x14003 8 FAULT",
                "store 0x14000 1 0xff FAULT", "store 0x14000 2 0xffff FAULT", "store 0x14000 4 0xffffffff FAULT",
                "store 0x14000 8 0xffffffffffffffff FAULT");
        assertThat(tlb.misses()).isZero();
    }

    @Test
    void anyAddressIsAnAnswerAndNoException() {
        for (long gpa : new long[] {Pages.INVALID_GPA, -4, -8, -PAGE, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 52}) {
            bus.asked.clear(); // bounded by the addresses
            tlb.loadLong(gpa);
            tlb.storeLong(gpa, 1);
            assertThat(bus.asked).containsExactly(
                    "load " + Pages.hex(gpa) + " 8 FAULT", "store " + Pages.hex(gpa) + " 8 0x1 FAULT");
        }
    }

    @Test
    void theEndOfTheAddressSpaceIsNotFollowedByItsBeginning() {
        memslots.set(3, 0, 0, PAGE, HVA);
        assertThat(tlb.loadLong(0)).isZero(); // the next access there is a hit
        tlb.storeLong(-4, 0x7_0000_0007L);
        assertThat(peek(0, 4)).containsOnly(0);
        assertThat(bus.asked).containsExactly("store 0xfffffffffffffffc 8 0x700000007 FAULT");
    }

    @Test
    void readOnlyMemoryIsLoadedFromAndNotStoredTo() {
        host.poke(HVA + 3 * PAGE, new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
        assertThat(tlb.loadLong(ROM)).isEqualTo(0x0807_0605_0403_0201L);
        assertThat(tlb.loadInt(ROM + 1)).isEqualTo(0x0504_0302);
        assertThat(tlb.loadInt(ROM - 2)).isEqualTo(0x0201_0000);
        tlb.storeInt(ROM, 9);
        tlb.storeInt(ROM - 2, -1);
        assertThat(peek(3 * PAGE - 2, 4)).containsExactly(0, 0, 1, 2);
        assertThat(bus.asked).containsExactly(
                "store 0x13000 4 0x9 FAULT", "store 0x12ffe 4 0xffffffff FAULT");
        assertThat(dirty()).isEmpty();
    }

    @Test
    void memoryThatTheHostLetsOneReadIsLoadedFromAndNotStoredTo() {
        tlb.storeInt(RAM + PAGE, 0x0403_0201);
        dirty();
        host.protect(HVA + PAGE, 1, Protection.READ);
        assertThat(tlb.loadInt(RAM + PAGE)).isEqualTo(0x0403_0201);
        tlb.storeInt(RAM + PAGE, 9);
        tlb.storeInt(RAM + PAGE - 2, -1);
        assertThat(bus.asked).containsExactly("store 0x11000 4 0x9 FAULT", "store 0x10ffe 4 0xffffffff FAULT");
        assertThat(peek(PAGE - 2, 6)).containsExactly(0, 0, 1, 2, 3, 4);
        assertThat(dirty()).isEmpty();
        host.protect(HVA + PAGE, 1, Protection.NONE);
        tlb.loadInt(RAM + PAGE);
        assertThat(bus.asked).hasSize(3).last().isEqualTo("load 0x11000 4 FAULT");
    }

    @Test
    void whatBeginsInMemoryAndEndsOutsideIsTheHandlersWhole() {
        tlb.storeLong(ROM + PAGE - 4, 1);
        assertThat(tlb.loadLong(ROM + PAGE - 4)).isEqualTo(0x8877_6655_4433_2211L);
        memslots.delete(2);
        tlb.storeLong(ROM - 4, 0x7_0000_0007L);
        assertThat(tlb.loadLong(RAM - 4)).isEqualTo(0x8877_6655_4433_2211L);
        assertThat(bus.asked).containsExactly(
                "store 0x13ffc 8 0x1 FAULT", "load 0x13ffc 8 FAULT", "store 0x12ffc 8 0x700000007 FAULT",
                "load 0xfffc 8 FAULT");
        assertThat(peek(3 * PAGE - 4, 4)).containsOnly(0);
        assertThat(dirty()).isEmpty();
    }

    @Test
    void theHandlerMayThrowAndMayUseTheTlb() {
        bus.doing = () -> tlb.storeInt(RAM + 4, 6);
        tlb.storeInt(DEVICE, 1);
        assertThat(tlb.loadInt(RAM + 4)).isEqualTo(6);
        bus.doing = () -> {
            throw new IllegalStateException("page fault at 0x14000");
        };
        assertThatThrownBy(() -> tlb.loadInt(DEVICE)).hasMessage("page fault at 0x14000");
        assertThatThrownBy(() -> tlb.storeInt(DEVICE, 1)).hasMessage("page fault at 0x14000");
        tlb.storeInt(RAM + 4, 7);
        assertThat(tlb.loadInt(RAM + 4)).isEqualTo(7);
    }

    @Test
    void aPageFaultHandlerMayUseTheTlbWhoseFaultItHandles() {
        tlb.storeInt(RAM + PAGE, 3);
        int[] loaded = new int[2];
        host.registerFaultHandler(HvaRange.ofPages(HVA, 1), fault -> {
            loaded[0] = tlb.loadInt(RAM + PAGE);
            loaded[1] = tlb.loadInt(RAM + 2 * PAGE);
            host.migrate(HVA + PAGE);
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        tlb.enter();
        assertThat(tlb.loadInt(RAM)).isZero();
        assertThat(tlb.loadInt(RAM + PAGE)).isEqualTo(3);
        tlb.leave();
        assertThat(loaded).containsExactly(3, 0);
        assertThat(bus.asked).isEmpty();
    }

    @Test
    void aPageFaultHandlerDoesNotTakeTheTlbAwayFromTheAccessItServes() {
        Outcome[] deactivated = new Outcome[1];
        host.registerFaultHandler(HvaRange.ofPages(HVA + PAGE, 1), fault -> {
            deactivated[0] = tlb.deactivate();
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        tlb.storeLong(RAM + PAGE - 4, 0x3_0000_0002L);
        assertThat(deactivated[0]).isEqualTo(Outcome.BUSY);
        assertThat(bus.asked).isEmpty();
        assertThat(tlb.loadLong(RAM + PAGE - 4)).isEqualTo(0x3_0000_0002L);
        assertThat(tlb.deactivate()).isEqualTo(Outcome.OK);
    }

    @Test
    void theAccessThatAPageFaultHandlerServesKeepsTheTlbForItsThread() {
        List<String> seen = new ArrayList<>();
        host.registerFaultHandler(HvaRange.ofPages(HVA + PAGE, 1), fault -> {
            tlb.deactivate();
            Thread other = new Thread(() -> {
                try {
                    tlb.loadInt(DEVICE);
                } catch (IllegalStateException e) {
                    seen.add(e.getMessage());
                }
            }, "other");
            other.start();
            try {
                other.join();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        tlb.storeInt(RAM + PAGE, 2);
        assertThat(seen).singleElement().asString().contains("is not for", "other");
        assertThat(tlb.loadInt(RAM + PAGE)).isEqualTo(2);
    }

    @Test
    void whatHasNoMemoryDoesNotTakeTheEntryOfAPage() {
        tlb.storeInt(RAM, 1);
        tlb.storeInt(RAM + 2 * PAGE, 3);
        long misses = tlb.misses();
        for (int turn = 0; turn < 10; turn++) { // bounded
            tlb.loadInt(DEVICE); // as many pages on as there are entries
            tlb.storeInt(DEVICE, 9);
            assertThat(tlb.loadInt(RAM)).isEqualTo(1);
            tlb.storeLong(ROM - 4, 9); // the second half is read-only
            assertThat(tlb.loadInt(RAM + 2 * PAGE)).isEqualTo(3);
        }
        assertThat(tlb.misses()).isEqualTo(misses);
        assertThat(bus.asked).hasSize(30);
    }

    @Test
    void aPageFaultHandlerThatThrowsLeavesTheTlbFitForUse() {
        boolean[] fails = {true};
        host.registerFaultHandler(HvaRange.ofPages(HVA + PAGE, 1), fault -> {
            if (fails[0]) {
                throw new IllegalStateException("no network");
            }
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        tlb.storeInt(RAM, 1);
        assertThatThrownBy(() -> tlb.loadInt(RAM + PAGE)).hasMessage("no network");
        assertThatThrownBy(() -> tlb.storeLong(RAM + PAGE - 4, 2)).hasMessage("no network");
        assertThat(peek(PAGE - 4, 4)).containsOnly(0);
        fails[0] = false;
        tlb.storeLong(RAM + PAGE - 4, 0x3_0000_0002L);
        assertThat(tlb.loadInt(RAM + PAGE)).isEqualTo(3);
        assertThat(tlb.loadInt(RAM)).isEqualTo(1);
    }

    @Test
    void fromInsideAnInvalidationItIsBusyAtOnce() {
        tlb.storeInt(RAM, 1);
        domain.state.invalidations.start(HvaRange.ofPages(HVA, 1));
        tlb.storeLong(RAM + PAGE, 1); // another page
        assertThat(bus.asked).isEmpty();
        assertThat(host.migrate(HVA)).isEqualTo(HostResult.OK);
        tlb.loadInt(RAM);
        tlb.storeInt(RAM, 2);
        tlb.storeLong(RAM + PAGE - 4, 2);
        domain.state.invalidations.end(HvaRange.ofPages(HVA, 1));
        assertThat(bus.asked).containsExactly(
                "load 0x10000 4 BUSY", "store 0x10000 4 0x2 BUSY", "store 0x10ffc 8 0x2 BUSY");
        assertThat(tlb.loadInt(RAM)).isEqualTo(1);
    }

    @Test
    void pagesThatShareAnEntryTakeTurns() {
        int entries = GuestTlb.MIN_ENTRIES;
        host.mapAnonymous(HVA + entries * PAGE, 1, Protection.READ_WRITE);
        memslots.set(3, 0, DEVICE, PAGE, HVA + entries * PAGE);
        GuestTlb few = domain.newTlb(entries, bus);
        for (int turn = 0; turn < 10; turn++) { // bounded
            few.storeInt(RAM + 4, turn);
            few.storeInt(DEVICE + 4, -turn); // as many pages on as there are entries
            assertThat(few.loadInt(RAM + 4)).isEqualTo(turn);
        }
        assertThat(few.misses()).as("the two have two places").isEqualTo(2);
        assertThat(few.entries()).isEqualTo(4);
        assertThat(few).asString().contains("entries=4", "misses=2");
        few.close();
    }

    @Test
    void itHoldsAsManyPagesAsWereUsedAndNoneWhenDeactivated() {
        tlb.storeInt(RAM, 1);
        tlb.storeInt(RAM + PAGE, 2);
        assertThat(host.liveMappings()).isEqualTo(2);
        assertThat(tlb.deactivate()).isEqualTo(Outcome.OK);
        assertThat(tlb.deactivate()).isEqualTo(Outcome.OK);
        assertThat(host.liveMappings()).isZero();
        assertThat(tlb.loadInt(RAM + PAGE)).isEqualTo(2);
        assertThat(host.liveMappings()).isEqualTo(1);
        tlb.close();
        assertThat(host.liveMappings()).isZero();
        assertThatThrownBy(() -> tlb.loadInt(RAM)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void anotherThreadIsRefusedUntilItIsHandedOver() throws InterruptedException {
        tlb.storeInt(RAM, 1);
        List<Object> seen = new ArrayList<>();
        Runnable miss = () -> {
            try {
                seen.add(tlb.loadInt(RAM + PAGE));
            } catch (IllegalStateException e) {
                seen.add(e.getMessage());
            }
        };
        Thread other = new Thread(miss, "vcpu-1");
        other.start();
        other.join();
        assertThat(seen).hasSize(1);
        assertThat(seen.get(0)).asString().contains("vcpu-1", "handOver()", Thread.currentThread().getName());
        tlb.deactivate();
        Thread heir = new Thread(miss, "vcpu-2");
        heir.start();
        heir.join();
        assertThat(seen).last().isEqualTo(0);
        assertThatThrownBy(() -> tlb.loadInt(RAM)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void badNumbersOfEntriesAndNoHandlerAreRefused() {
        for (int entries : new int[] {-4, 0, 1, 2, 3, 96, 1 << 17, Integer.MIN_VALUE}) { // bounded by the numbers
            assertThatThrownBy(() -> domain.newTlb(entries, bus))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("entries=" + entries);
        }
        assertThatThrownBy(() -> domain.newTlb(64, null)).isInstanceOf(NullPointerException.class);
        assertThat(domain.newTlb(GuestTlb.MAX_ENTRIES, bus).entries()).isEqualTo(65536);
    }

    @Test
    void asManyNeighboursAsThereAreEntriesAreMissedOnceEach() {
        int pages = 256;
        GuestTlb wide = domain.newTlb(pages, bus);
        host.mapAnonymous(HVA + 64 * PAGE, pages, Protection.READ_WRITE);
        for (long gfn : new long[] {0x1000, 0x10ab, 0xf_fff7}) { // bounded by the places
            memslots.set(3, 0, gfn * PAGE, (long) pages * PAGE, HVA + 64 * PAGE);
            wide.enter();
            for (int pass = 0; pass < 3; pass++) {
                long before = wide.misses();
                for (int page = 0; page < pages; page++) {
                    wide.storeInt((gfn + page) * PAGE, page);
                    assertThat(wide.loadInt((gfn + page) * PAGE)).isEqualTo(page);
                }
                assertThat(wide.misses() - before).as("pass %s", pass).isEqualTo(pass == 0 ? pages : 0);
            }
            wide.leave();
            memslots.delete(3);
        }
        wide.close();
    }

    @Test
    void insideItIsAsRightAsOutside() {
        tlb.enter();
        everyWidthIsLittleEndianAtAnyAlignment();
        tlb.poll();
        anAccessMayCrossIntoTheNextPageInside();
        assertThat(tlb.fetchInt(RAM + 3)).isEqualTo(tlb.loadInt(RAM + 3));
        assertThat(tlb.fetchInt(RAM + 4)).isEqualTo(tlb.loadInt(RAM + 4));
        assertThat(tlb.fetchShort(RAM + PAGE - 1)).isEqualTo(tlb.loadShort(RAM + PAGE - 1));
        tlb.leave();
    }

    private void anAccessMayCrossIntoTheNextPageInside() {
        tlb.storeLong(RAM + PAGE - 3, 0x8877_6655_4433_2211L);
        assertThat(tlb.loadLong(RAM + PAGE - 3)).isEqualTo(0x8877_6655_4433_2211L);
        assertThat(tlb.loadInt(RAM + PAGE - 1)).isEqualTo(0x6655_4433);
        assertThat(tlb.loadShort(RAM + PAGE - 1)).isEqualTo((short) 0x4433);
    }

    @Test
    void aFetchThatEndsInThePageOfTheLastOneBeginsWhereItBegins() {
        tlb.enter();
        tlb.storeLong(RAM + PAGE - 4, 0x8877_6655_4433_2211L);
        assertThat(tlb.fetchInt(RAM + PAGE)).isEqualTo(0x8877_6655);
        assertThat(tlb.fetchInt(RAM + PAGE - 2)).isEqualTo(0x6655_4433);
        assertThat(tlb.fetchInt(RAM + PAGE)).isEqualTo(0x8877_6655);
        assertThat(tlb.fetchShort(RAM + PAGE - 1)).isEqualTo((short) 0x5544);
        tlb.leave();
    }

    @Test
    void aLoadAfterAStoreThatCouldNotCrossIsNoOldOne() {
        Vm logging = Vm.builder().build();
        logging.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 2);
        List<Long> stores = new ArrayList<>();
        GuestTlb crossing = logging.newTlb(16, new GuestTlb.Unbacked() {
            @Override
            public long load(long gpa, int width, Outcome why) {
                return -1;
            }

            @Override
            public void store(long gpa, int width, long value, Outcome why) {
                stores.add(gpa);
            }
        });
        assertThat(crossing.loadLong(PAGE)).isZero();
        crossing.storeInt(2 * PAGE - 2, 7);
        assertThat(stores).isNotEmpty();
        logging.guestMemory().write(PAGE, new byte[] {5});
        assertThat(crossing.loadInt(PAGE)).isEqualTo(5);
        crossing.deactivate();
        logging.close();
    }

    @Test
    void theHandlerIsAskedOutsideOfTheGuest() {
        tlb.enter();
        tlb.storeInt(RAM, 5);
        bus.doing = () -> {
            assertThat(host.migrate(HVA)).isEqualTo(HostResult.OK);
            assertThat(memslots.move(1, RAM + 16 * PAGE)).isEqualTo(Memslots.Change.DONE);
        };
        tlb.loadInt(DEVICE);
        bus.doing = () -> {
            throw new IllegalStateException("trap");
        };
        assertThat(tlb.loadInt(RAM + 16 * PAGE)).isEqualTo(5);
        assertThatThrownBy(() -> tlb.storeInt(DEVICE, 1)).hasMessage("trap");
        assertThat(tlb.guestMode().isInside()).isTrue();
        tlb.leave();
    }

    @Test
    void outcomesInsteadOfTheHandler() {
        assertThat(tlb.tryStore(RAM + PAGE - 2, 4, 0xffff_fff0L)).isEqualTo(Outcome.OK);
        assertThat(tlb.tryLoad(RAM + PAGE - 2, 4)).isEqualTo(Outcome.OK);
        assertThat(tlb.loaded()).isEqualTo(-16);
        assertThat(tlb.tryLoad(RAM + PAGE - 2, 1)).isEqualTo(Outcome.OK);
        assertThat(tlb.loaded()).isEqualTo(-16);
        assertThat(tlb.tryLoad(DEVICE, 8)).isEqualTo(Outcome.FAULT);
        assertThat(tlb.tryStore(ROM, 2, 1)).isEqualTo(Outcome.FAULT);
        assertThatThrownBy(() -> tlb.tryLoad(RAM, 3)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> tlb.tryStore(RAM, 16, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThat(bus.asked).isEmpty();
    }

    @Test
    void atomicsAnswerWhatWasThere() {
        tlb.storeInt(RAM, -5);
        assertThat(tlb.atomicInt(AtomicOp.ADD, RAM, 7)).isEqualTo(-5);
        assertThat(tlb.atomicInt(AtomicOp.AND, RAM, 6)).isEqualTo(2);
        assertThat(tlb.atomicInt(AtomicOp.OR, RAM, 0x8000_0000)).isEqualTo(2);
        assertThat(tlb.atomicInt(AtomicOp.XOR, RAM, 3)).isEqualTo(0x8000_0002);
        assertThat(tlb.atomicInt(AtomicOp.MIN_UNSIGNED, RAM, 9)).isEqualTo(0x8000_0001);
        assertThat(tlb.atomicInt(AtomicOp.MAX_UNSIGNED, RAM, -1)).isEqualTo(9);
        assertThat(tlb.atomicInt(AtomicOp.MAX, RAM, 4)).isEqualTo(-1);
        assertThat(tlb.atomicInt(AtomicOp.MIN, RAM, -3)).isEqualTo(4);
        assertThat(tlb.atomicInt(AtomicOp.EXCHANGE, RAM, 11)).isEqualTo(-3);
        assertThat(tlb.compareAndSetInt(RAM, 12, 1)).isFalse();
        assertThat(tlb.compareAndSetInt(RAM, 11, -1)).isTrue();
        assertThat(tlb.loadLong(RAM)).isEqualTo(0xffff_ffffL);
        assertThat(tlb.atomicLong(AtomicOp.ADD, RAM + 8, 1L << 40)).isZero();
        assertThat(tlb.compareAndSetLong(RAM + 8, 1L << 40, -2)).isTrue();
        assertThat(tlb.atomicLong(AtomicOp.MIN_UNSIGNED, RAM + 8, 3)).isEqualTo(-2);
        assertThat(tlb.loadLongAcquire(RAM + 8)).isEqualTo(3);
        tlb.storeIntRelease(RAM + 8, 4);
        tlb.storeShortRelease(RAM + 12, (short) 5);
        assertThat(tlb.loadIntAcquire(RAM + 8)).isEqualTo(4);
        assertThat(tlb.loadShortAcquire(RAM + 12)).isEqualTo((short) 5);
        tlb.storeLongRelease(RAM + 16, 6);
        assertThat(tlb.loadLong(RAM + 16)).isEqualTo(6);
        assertThat(dirty()).containsExactly(0);
        assertThat(bus.asked).isEmpty();
    }

    @Test
    void anAtomicThatIsNotAlignedOrFindsNoMemoryIsTheHandlers() {
        assertThat(tlb.atomicInt(AtomicOp.ADD, RAM + 2, 1)).isEqualTo(0x4433_2211);
        assertThat(tlb.atomicLong(AtomicOp.EXCHANGE, DEVICE, 1)).isEqualTo(0x8877_6655_4433_2211L);
        assertThat(tlb.compareAndSetInt(ROM, 1, 2)).isFalse();
        assertThat(bus.asked).containsExactly(
                "load 0x10002 4 INVALID", "store 0x10002 4 0x44332212 INVALID", "load 0x14000 8 FAULT",
                "store 0x14000 8 0x1 FAULT", "load 0x13000 4 FAULT");
    }

    /** Whether or not the device has extended its sign. */
    @Test
    void anAtomicOfADevicesNegativeNumberIsOfThatNumber() {
        for (long answer : new long[] {-5, 0xffff_fffbL}) {
            List<Long> stored = new ArrayList<>();
            GuestTlb devices = domain.newTlb(4, new GuestTlb.Unbacked() {
                @Override
                public long load(long gpa, int width, Outcome why) {
                    return answer;
                }

                @Override
                public void store(long gpa, int width, long value, Outcome why) {
                    stored.add(value);
                }
            });
            assertThat(devices.compareAndSetInt(DEVICE, -5, 7)).isTrue();
            assertThat(devices.atomicInt(AtomicOp.MIN, DEVICE, 3)).isEqualTo(-5);
            assertThat(devices.atomicInt(AtomicOp.MAX, DEVICE, 3)).isEqualTo(-5);
            assertThat(stored).containsExactly(7L, 0xffff_fffbL, 3L);
            devices.close();
        }
    }

    @Test
    void twoHartsThatAddAtomicallyLoseNothing() throws InterruptedException {
        int rounds = 20_000;
        tlb.deactivate();
        Vm vm = Vm.builder().host(host).retry(new RetryPolicy(64, Duration.ofMinutes(1))).build();
        vm.memslots().set(1, 0, RAM, PAGE, HVA);
        Runnable hart = () -> {
            GuestTlb own = vm.newTlb(4, bus);
            own.enter();
            for (int i = 0; i < rounds; i++) { // bounded
                own.atomicInt(AtomicOp.ADD, RAM, 1);
                long before = own.loadLong(RAM + 8);
                while (!own.compareAndSetLong(RAM + 8, before, before + 1)) { // lock-free
                    before = own.loadLong(RAM + 8);
                }
                own.poll();
            }
            own.leave();
            own.close();
        };
        Thread one = new Thread(hart, "hart-1");
        Thread two = new Thread(hart, "hart-2");
        one.start();
        two.start();
        while (one.isAlive() || two.isAlive()) { // until both have ended
            host.migrate(HVA);
        }
        assertThat(bus.asked).isEmpty();
        assertThat(tlb.loadInt(RAM)).isEqualTo(2 * rounds);
        assertThat(tlb.loadLong(RAM + 8)).isEqualTo(2 * rounds);
    }

    @Test
    void accessesAreCountedWhereThatIsWanted() {
        tlb.storeInt(RAM, 1);
        tlb.enter();
        tlb.countAccesses(true);
        tlb.loadInt(RAM);
        tlb.storeByte(RAM + 9, (byte) 1);
        tlb.countAccesses(false);
        tlb.loadInt(RAM);
        assertThat(tlb.accesses()).isEqualTo(2);
        assertThat(tlb.misses()).isEqualTo(1);
        tlb.leave();
    }

    @Test
    void handedOverItKeepsItsPages() throws InterruptedException {
        tlb.storeInt(RAM, 7);
        assertThat(tlb.handOver()).isEqualTo(Outcome.OK);
        int[] loaded = new int[1];
        Thread heir = new Thread(() -> {
            loaded[0] = tlb.loadInt(RAM);
            tlb.handOver();
        }, "heir");
        heir.start();
        heir.join();
        assertThat(loaded[0]).isEqualTo(7);
        assertThat(tlb.misses()).isEqualTo(1);
    }

    @Test
    void pagesThatLieAPowerOfTwoApartDoNotShareAnEntry() {
        GuestTlb wide = domain.newTlb(GuestTlb.DEFAULT_ENTRIES, bus);
        int regions = 16;
        long stride = (long) GuestTlb.DEFAULT_ENTRIES * PAGE;
        long far = 1L << 32;
        host.mapAnonymous(HVA + 64 * PAGE, regions, Protection.READ_WRITE);
        for (int r = 0; r < regions; r++) {
            memslots.set(10 + r, 0, far + r * stride, PAGE, HVA + (64L + r) * PAGE);
        }
        for (int round = 0; round < 3; round++) {
            for (int r = 0; r < regions; r++) {
                wide.storeInt(far + r * stride, r);
            }
        }
        assertThat(wide.misses()).isEqualTo(regions);
    }
}
