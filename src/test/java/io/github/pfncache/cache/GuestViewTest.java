package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** A view of guest memory: any address in it, any thread, whatever moves under it. */
final class GuestViewTest {

    private static final long GPA = 0x1000_0010L;
    private static final long SLOT = 0x1000_0000L;
    private static final int NPAGES = 4;

    private final Vm vm = Vm.builder().retry(new RetryPolicy(64, Duration.ofMinutes(1))).build();
    private final GuestView view = vm.view(GPA, 1L << 32);

    GuestViewTest() {
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, SLOT, NPAGES);
    }

    private byte[] memory() {
        byte[] bytes = new byte[NPAGES * Pages.PAGE_SIZE];
        vm.guestMemory().read(SLOT, bytes);
        return bytes;
    }

    @Property(tries = 300)
    void whatIsStoredLiesThereAndNowhereElse(
            @ForAll @IntRange(max = (NPAGES - 1) * Pages.PAGE_SIZE) int offset, @ForAll long value,
            @ForAll @IntRange(max = 3) int kind) {
        ByteBuffer model = ByteBuffer.wrap(memory()).order(ByteOrder.LITTLE_ENDIAN);
        int at = offset + (int) (GPA - SLOT);
        long loaded = switch (kind) {
            case 0 -> {
                model.put(at, (byte) value);
                assertThat(view.storeByte(offset, (byte) value)).isEqualTo(Outcome.OK);
                yield view.loadByte(offset, (byte) ~value) ^ (byte) value;
            }
            case 1 -> {
                model.putShort(at, (short) value);
                assertThat(view.storeShort(offset, (short) value)).isEqualTo(Outcome.OK);
                yield view.loadShort(offset, (short) ~value) ^ (short) value;
            }
            case 2 -> {
                model.putInt(at, (int) value);
                assertThat(view.storeInt(offset, (int) value)).isEqualTo(Outcome.OK);
                yield view.loadInt(offset, (int) ~value) ^ (int) value;
            }
            default -> {
                model.putLong(at, value);
                assertThat(view.storeLong(offset, value)).isEqualTo(Outcome.OK);
                yield view.loadLong(offset, ~value) ^ value;
            }
        };
        assertThat(loaded).isZero();
        assertThat(memory()).isEqualTo(model.array());
    }

    /** At each place over the end of a page, and where the view ends: the bytes of the access, and none beside them. */
    @Test
    void whatLiesOverAPagesEndIsWhole() {
        for (int width = 2; width <= 8; width *= 2) { // bounded by the widths
            for (int before = 1; before < width; before++) { // bounded by the places
                long offset = Pages.PAGE_SIZE - (GPA - SLOT) - before;
                storesAndLoads(view, width, offset);
                storesAndLoads(vm.view(GPA, offset + width), width, offset);
            }
        }
    }

    private void storesAndLoads(GuestView of, int width, long offset) {
        vm.guestMemory().fill(SLOT, NPAGES * Pages.PAGE_SIZE, (byte) 0x55);
        ByteBuffer model = ByteBuffer.wrap(memory()).order(ByteOrder.LITTLE_ENDIAN);
        int at = (int) (GPA - SLOT + offset);
        long value = 0x8182_8384_8586_8788L;
        Outcome outcome = switch (width) {
            case 2 -> {
                model.putShort(at, (short) value);
                yield of.storeShort(offset, (short) value);
            }
            case 4 -> {
                model.putInt(at, (int) value);
                yield of.storeInt(offset, (int) value);
            }
            default -> {
                model.putLong(at, value);
                yield of.storeLong(offset, value);
            }
        };
        assertThat(outcome).as("%d bytes at %d", width, offset).isEqualTo(Outcome.OK);
        assertThat(memory()).as("%d bytes at %d", width, offset).isEqualTo(model.array());
        long loaded = switch (width) {
            case 2 -> of.loadShort(offset, (short) 0) ^ (short) value;
            case 4 -> of.loadInt(offset, 0) ^ (int) value;
            default -> of.loadLong(offset, 0) ^ value;
        };
        assertThat(loaded).as("%d bytes at %d", width, offset).isZero();
    }

    @Test
    void memoryThatComesLaterIsThere() {
        long later = NPAGES * Pages.PAGE_SIZE;
        assertThat(view.storeInt(later, 5)).isEqualTo(Outcome.FAULT);
        assertThat(view.loadInt(later, -1)).isEqualTo(-1);
        assertThat(vm.ram().add(1, 0, SLOT + later, 1)).isEqualTo(Memslots.Change.DONE);
        assertThat(view.storeInt(later, 5)).isEqualTo(Outcome.OK);
        vm.host().migrate(vm.memslots().table().byId(1).hva());
        assertThat(view.loadInt(later, -1)).isEqualTo(5);
        assertThat(vm.ram().remove(1)).isEqualTo(Memslots.Change.DONE);
        assertThat(view.loadInt(later, -1)).isEqualTo(-1);
    }

    /** What a guest can choose is no exception. */
    @Test
    void whatLiesOutsideIsNotThere() {
        for (long offset : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 32, (1L << 32) - 7}) {
            assertThat(view.storeLong(offset, 1)).isEqualTo(Outcome.FAULT);
            assertThat(view.loadLong(offset, 9)).isEqualTo(9);
        }
        assertThatThrownBy(() -> view.pageAt(1L << 32)).hasMessageContaining("exceeds length=4294967296");
    }

    @Test
    void aStoreThatCrossesTheEndOfMemoryWritesNothing() {
        long end = NPAGES * Pages.PAGE_SIZE - (GPA - SLOT);
        assertThat(view.storeLong(end - 4, -1)).isEqualTo(Outcome.FAULT);
        assertThat(view.loadInt(end - 4, 7)).isZero();
        assertThat(view.loadLong(end - 4, 7)).isEqualTo(7);
    }

    @Test
    void anAtomicOperationGoesByWayOfThePage() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(3);
        try {
            List<Future<?>> all = IntStream.range(0, 3).<Future<?>>mapToObj(n -> threads.submit(() -> {
                for (int i = 0; i < 10_000; i++) {
                    view.pageAt(8).atomicLong(AtomicOp.ADD, Pages.offsetInPage(GPA + 8), 1);
                }
            })).toList();
            for (Future<?> each : all) {
                each.get();
            }
        } finally {
            threads.shutdown();
        }
        assertThat(view.loadLong(8, -1)).isEqualTo(30_000);
    }

    @Test
    void aClosedViewLeadsNowhere() {
        view.storeInt(0, 5);
        view.close();
        view.close();
        assertThat(view.loadInt(0, -1)).isEqualTo(-1);
        assertThat(view.storeInt(0, 5)).isEqualTo(Outcome.INACTIVE);
        assertThat(view.storeInt(2 * Pages.PAGE_SIZE, 5)).as("a page not used before").isEqualTo(Outcome.INACTIVE);
        assertThat(view.loadLong(Pages.PAGE_SIZE - 20, -1)).as("over a page's end").isEqualTo(-1);
        assertThat(vm.caches().activeCaches()).isEmpty();
        VmAudit.atRest(vm);
    }

    @Test
    void aRangeThatIsNoneIsRefused() {
        assertThatThrownBy(() -> vm.view(0, 0)).hasMessageContaining("length=0");
        assertThatThrownBy(() -> vm.view(0, -5)).hasMessageContaining("length=-5");
        assertThatThrownBy(() -> vm.view(0, (1L << 40) + 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> vm.view(-10, 20)).hasMessageContaining("wraps");
        GuestView large = vm.view(0xfff, 1L << 40);
        assertThat(large.gpa()).isEqualTo(0xfff);
        assertThat(large.length()).isEqualTo(1L << 40);
        assertThat(large.loadByte((1L << 40) - 1, (byte) 3)).isEqualTo((byte) 3);
        large.close();
        assertThat(vm.view(Pages.INVALID_GPA - 10, 5).loadByte(0, (byte) 3)).isEqualTo((byte) 3);
    }

    /** A guest that tries every address takes no memory of the host's. */
    @Test
    void aPageWithoutMemoryGetsNoCache() {
        for (long page = NPAGES; page < 10_000; page++) {
            view.storeInt(page << 12, 1);
            view.loadInt(page << 12, 1);
        }
        assertThat(vm.caches().activeCaches()).isEmpty();
    }

    @Test
    void aRomIsNotThereInThePageAndOverItsEnd() {
        vm.ram().add(1, Memslot.FLAG_READONLY, SLOT + NPAGES * Pages.PAGE_SIZE, 2);
        long edge = (NPAGES + 1) * Pages.PAGE_SIZE - (GPA - SLOT);
        assertThat(view.loadInt(edge - 8, -1)).isEqualTo(-1);
        assertThat(view.loadInt(edge - 2, -1)).isEqualTo(-1);
    }

    @Test
    void aCacheThatWasTakenOutOfUseIsUsedAgain() {
        view.storeInt(0, 5);
        view.pageAt(0).deactivate();
        assertThat(view.loadInt(0, -1)).isEqualTo(5);
    }

    @Test
    void whatStaysInUseIsNamedAndTheOthersAreClosed() throws Exception {
        Vm impatient = Vm.builder().retry(new RetryPolicy(4, Duration.ofMillis(20))).build();
        impatient.ram().add(0, 0, SLOT, NPAGES);
        GuestView used = impatient.view(SLOT, NPAGES * Pages.PAGE_SIZE);
        used.storeInt(0, 5);
        used.storeInt(Pages.PAGE_SIZE, 6);
        CountDownLatch open = new CountDownLatch(1);
        CountDownLatch closed = new CountDownLatch(1);
        Thread other = new Thread(() -> {
            try (GuestAccess access = used.pageAt(0).access()) {
                open.countDown();
                closed.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        other.start();
        open.await();
        assertThatThrownBy(used::close).isInstanceOf(IllegalStateException.class).hasMessageContaining("in use");
        assertThat(used.loadInt(0, -1)).isEqualTo(-1);
        assertThatThrownBy(() -> used.pageAt(0)).hasMessageContaining("closed");
        assertThat(impatient.caches().activeCaches()).hasSize(1);
        closed.countDown();
        other.join();
        used.close();
        assertThat(impatient.caches().activeCaches()).isEmpty();
    }

    /** Threads that come to a page for the first time at once find it all the same. */
    @Test
    void nobodyFindsAPageBeforeItCanBeUsed() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(3);
        try {
            for (int round = 0; round < 300; round++) {
                try (GuestView fresh = vm.view(SLOT, NPAGES * Pages.PAGE_SIZE)) {
                    List<Future<Integer>> all = IntStream.range(0, 3).mapToObj(n -> threads.submit(() -> {
                        int missed = 0;
                        for (int page = 0; page < NPAGES; page++) {
                            missed += fresh.loadInt((long) page << 12, -1) == -1 ? 1 : 0;
                        }
                        return missed;
                    })).toList();
                    for (Future<Integer> each : all) {
                        assertThat(each.get()).isZero();
                    }
                }
            }
        } finally {
            threads.shutdown();
        }
    }

    private void ask(PageFaultHandler handler) {
        long hva = vm.memslots().table().byId(0).hva();
        vm.host().registerFaultHandler(HvaRange.ofPages(hva, NPAGES), handler, true, false);
    }

    /** A page-fault handler of the first thread's takes until the second has what it came for. */
    @Test
    void aPageThatAnotherThreadIsMakingIsNotFoundYet() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answers = new CountDownLatch(1);
        AtomicBoolean first = new AtomicBoolean(true);
        ask(fault -> {
            if (first.getAndSet(false)) {
                asked.countDown();
                try {
                    answers.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
            return PageFaultHandler.Decision.RESOLVE;
        });
        Thread other = new Thread(() -> view.loadInt(0, -1));
        other.start();
        asked.await();
        try {
            assertThat(view.loadInt(0, -1)).isZero();
        } finally {
            answers.countDown();
            other.join();
        }
    }

    @Test
    void aViewThatIsClosedWhileAPageIsMadeKeepsNone() {
        GuestView closing = vm.view(SLOT, NPAGES * Pages.PAGE_SIZE);
        ask(fault -> {
            closing.close();
            return PageFaultHandler.Decision.RESOLVE;
        });
        assertThatThrownBy(() -> closing.pageAt(0)).hasMessageContaining("closed");
        assertThat(vm.caches().activeCaches()).isEmpty();
    }

    @Test
    void aViewThatIsClosedWhileAPageIsActivatedAgainKeepsNone() {
        GuestView closing = vm.view(SLOT, NPAGES * Pages.PAGE_SIZE);
        closing.pageAt(0).deactivate();
        vm.host().discard(vm.memslots().table().byId(0).hva(), NPAGES);
        ask(fault -> {
            assertThatThrownBy(closing::close).hasMessageContaining("in use");
            return PageFaultHandler.Decision.RESOLVE;
        });
        assertThat(closing.loadInt(0, 7)).isEqualTo(7);
        assertThat(vm.caches().activeCaches()).isEmpty();
    }
}
