package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A TLB at the address 0, at the end of a page whose neighbour lies elsewhere, and in the hands of a stranger. */
final class GuestTlbEdgesTest {

    private static final int PAGE = Pages.PAGE_SIZE;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int NPAGES = 2;
    private static final long SECONDS = 60;

    private final HostMemory host = HostMemory.builder().build();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofSeconds(SECONDS));
    private final CacheDomain domain =
            new CacheDomain(memslots, host, new RetryPolicy(4, Duration.ofSeconds(SECONDS)));
    private final List<String> asked = new ArrayList<>();
    private final GuestTlb tlb = domain.newTlb(4, new GuestTlb.Unbacked() {
        @Override
        public long load(long gpa, int width, Outcome why) {
            asked.add("load " + gpa + " " + width + " " + why);
            return 7;
        }

        @Override
        public void store(long gpa, int width, long value, Outcome why) {
            asked.add("store " + gpa + " " + width + " " + value + " " + why);
        }
    });
    private final ExecutorService stranger = Executors.newSingleThreadExecutor(body -> new Thread(body, "stranger"));

    /** Two pages from 0 on, in frames that do not follow one another, and each byte another one than its neighbours. */
    GuestTlbEdgesTest() {
        host.mapAnonymous(HVA, NPAGES + 2, Protection.READ_WRITE);
        for (int page = 0; page < NPAGES + 2; page++) { // bounded by the pages: in the order of the frames
            byte[] bytes = new byte[PAGE];
            for (int i = 0; i < PAGE; i++) { // bounded by the page
                bytes[i] = (byte) (31 * i + 101 * page + 1);
            }
            host.poke(HVA + (long) page * PAGE, bytes);
        }
        host.migrate(HVA + PAGE);
        host.migrate(HVA);
    }

    private void plug() {
        assertThat(memslots.set(0, 0, 0, NPAGES * PAGE, HVA)).isEqualTo(Memslots.Change.DONE);
    }

    @AfterEach
    void end() throws InterruptedException {
        stranger.shutdown();
        assertThat(stranger.awaitTermination(SECONDS, TimeUnit.SECONDS)).isTrue();
        if (tlb.guestMode().isInside()) {
            tlb.leave();
        }
        tlb.close();
        domain.audit(true);
        host.audit();
    }

    private ByteBuffer memory() {
        byte[] bytes = new byte[NPAGES * PAGE];
        host.peek(HVA, bytes);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatIsAtAddressZeroIsFoundAndNothingElse(boolean inside) {
        if (inside) {
            tlb.enter();
        }
        assertThat(tlb.loadInt(8)).as("no memory yet").isEqualTo(7);
        tlb.storeByte(0, (byte) 5);
        assertThat(asked).containsExactly("load 8 4 FAULT", "store 0 1 5 FAULT");
        if (inside) {
            tlb.leave();
        }
        plug();
        if (inside) {
            tlb.enter();
        }
        ByteBuffer memory = memory();
        for (int turn = 0; turn < 2; turn++) { // a miss, then a hit
            for (int at : new int[] {0, 1, PAGE - 8, PAGE - 4, PAGE - 2, PAGE - 1, PAGE, PAGE + 1}) {
                assertThat(tlb.loadByte(at)).as("byte at %d", at).isEqualTo(memory.get(at));
                assertThat(tlb.loadShort(at)).as("short at %d", at).isEqualTo(memory.getShort(at));
                assertThat(tlb.loadInt(at)).as("int at %d", at).isEqualTo(memory.getInt(at));
                assertThat(tlb.loadLong(at)).as("long at %d", at).isEqualTo(memory.getLong(at));
            }
        }
        asked.clear();
        tlb.loadShort(-1);
        assertThat(asked).as("the last address is followed by none").containsExactly("load -1 2 FAULT");
    }

    /** Instructions of two and four bytes, one after another over the end of a page, and back. */
    @Test
    void aFetchOverTheEndOfItsPageIsOfBothPages() {
        plug();
        ByteBuffer memory = memory();
        tlb.enter();
        for (int start = PAGE - 9; start < PAGE; start++) {
            for (int at = start; at < PAGE + 8; at += 2) { // bounded by the bytes around the end
                assertThat(tlb.fetchShort(at)).as("short at %d", at).isEqualTo(memory.getShort(at));
                assertThat(tlb.fetchInt(at)).as("int at %d", at).isEqualTo(memory.getInt(at));
                tlb.fetchInt(at & -PAGE); // from the page in which the next one begins
            }
        }
        assertThat(asked).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aStrangersCallIsRefusedAndChangesNothing(boolean inside) throws Exception {
        plug();
        ByteBuffer memory = memory();
        if (inside) {
            tlb.enter();
        }
        tlb.storeByte(0, memory.get(0)); // so that all of these would be hits
        tlb.fetchInt(0);
        HeldPage page = inside ? tlb.guestMode().hold(0, true) : null;
        Map<String, Runnable> calls = new LinkedHashMap<>();
        calls.put("enter", tlb::enter);
        calls.put("leave", tlb::leave);
        calls.put("poll", tlb::poll);
        calls.put("handOver", tlb::handOver);
        LongConsumer[] each = {
            tlb::loadByte, tlb::loadShort, tlb::loadInt, tlb::loadLong, tlb::fetchShort, tlb::fetchInt,
            gpa -> tlb.storeByte(gpa, (byte) -1), gpa -> tlb.storeShort(gpa, (short) -1),
            gpa -> tlb.storeInt(gpa, -1), gpa -> tlb.storeLong(gpa, -1),
            gpa -> tlb.tryLoad(gpa, 4), gpa -> tlb.tryStore(gpa, 4, -1),
            gpa -> tlb.atomicInt(AtomicOp.ADD, gpa, 1), gpa -> tlb.atomicLong(AtomicOp.OR, gpa, -1),
            gpa -> tlb.compareAndSetInt(gpa, memory.getInt(0), -1), gpa -> tlb.guestMode().hold(gpa, true)
        };
        for (int i = 0; i < each.length; i++) { // bounded by the calls: in a page that is held, and in one that is not
            LongConsumer call = each[i];
            calls.put("access " + i, () -> call.accept(0));
            calls.put("access " + i + " to a page that is not held", () -> call.accept(PAGE));
        }
        if (inside) {
            calls.put("release", () -> tlb.guestMode().release(page));
            calls.put("releaseAll", tlb.guestMode()::releaseAll);
            calls.put("deactivate", tlb::deactivate);
        }
        calls.put("close", tlb::close);
        for (Map.Entry<String, Runnable> call : calls.entrySet()) { // bounded by the calls
            Throwable thrown = catchThrowable(() -> stranger.submit(call.getValue()).get());
            assertThat(thrown).as(call.getKey()).isInstanceOf(ExecutionException.class);
            assertThat(thrown.getCause()).as(call.getKey()).isInstanceOf(IllegalStateException.class);
            assertThat(tlb.guestMode().isCurrentThreadInside()).as(call.getKey()).isEqualTo(inside);
        }
        assertThat(memory()).isEqualTo(memory);
        assertThat(tlb.loadInt(0)).isEqualTo(memory.getInt(0));
        assertThat(asked).isEmpty();
    }

    @Test
    void aPollSaysWhetherPagesWereDropped() throws Exception {
        plug();
        tlb.enter();
        assertThat(tlb.poll()).as("nothing is wanted").isFalse();
        tlb.loadInt(0);
        Future<HostResult> migration = stranger.submit(() -> host.migrate(HVA));
        await("drop", tlb::poll);
        assertThat(migration.get(SECONDS, TimeUnit.SECONDS)).isEqualTo(HostResult.OK);
        assertThat(tlb.poll()).as("it was dropped once").isFalse();
        HeldPage page = tlb.guestMode().hold(0, false);
        migration = stranger.submit(() -> host.migrate(HVA));
        await("a page is wanted", tlb.guestMode()::isWanted);
        tlb.guestMode().release(page);
        assertThat(tlb.poll()).as("it was given back before").isFalse();
        assertThat(migration.get(SECONDS, TimeUnit.SECONDS)).isEqualTo(HostResult.OK);
        assertThat(tlb.guestMode().drops()).isEqualTo(1);
    }

    private static void await(String what, java.util.function.BooleanSupplier come) {
        long begin = System.nanoTime();
        while (!come.getAsBoolean()) { // bounded by the seconds
            assertThat(System.nanoTime() - begin).as(what).isLessThan(TimeUnit.SECONDS.toNanos(SECONDS));
            Thread.onSpinWait();
        }
    }

    @Test
    void whatIsComparedIsSetOnlyIfItIsThere() {
        plug();
        tlb.storeLong(8, 3);
        assertThat(tlb.compareAndSetLong(8, 1L << 32 | 3, 4)).isFalse();
        assertThat(tlb.compareAndSetInt(8, 2, 4)).isFalse();
        assertThat(tlb.loadLong(8)).isEqualTo(3);
        assertThat(tlb.compareAndSetInt(8, 3, 5)).isTrue();
        assertThat(tlb.compareAndSetLong(8, 5, 6)).isTrue();
        assertThat(tlb.loadLong(8)).isEqualTo(6);
    }

    @Test
    void anyOtherWidthIsRefused() {
        plug();
        for (int width : new int[] {Integer.MIN_VALUE, -1, 0, 3, 5, 9, 16}) { // bounded by the widths
            assertThatThrownBy(() -> tlb.tryLoad(0, width)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> tlb.tryStore(0, width, -1)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(asked).isEmpty();
    }
}
