package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.HeldLocks;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A caller's buffer that the host does not map any more may be freed, and no later access touches it. */
class FreedBufferTest {

    private static final int ARENAS_SINCE = 22;
    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots();
    private final CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT);

    FreedBufferTest() {
        memslots.set(1, 0, GPA, Pages.PAGE_SIZE, HVA);
    }

    @AfterEach
    void audit() {
        domain.audit(true);
        host.audit();
    }

    /** Memory that throws when it is accessed after it was freed; by reflection, for the JDK has it since 22 only. */
    private static final class Freeable {
        private final AutoCloseable arena;
        private final ByteBuffer bytes;

        Freeable() throws ReflectiveOperationException {
            Class<?> type = Class.forName("java.lang.foreign.Arena");
            Object made = type.getMethod("ofShared").invoke(null);
            Object segment = type.getMethod("allocate", long.class).invoke(made, (long) Pages.PAGE_SIZE);
            arena = (AutoCloseable) made;
            bytes = (ByteBuffer) Class.forName("java.lang.foreign.MemorySegment").getMethod("asByteBuffer")
                    .invoke(segment);
        }
    }

    @Test
    void isNotOpenAnyMore() {
        host.mapBuffer(HVA, new byte[Pages.PAGE_SIZE], Protection.READ_WRITE);
        GfnPfnCache cache = domain.newCache(8);
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
        assertThat(cache.storeIfOpen(0, 8, 1)).isEqualTo(domain.state.readerBias);
        assertThat(host.unmap(HVA, 1)).isEqualTo(HostResult.OK);
        assertThat(cache.storeIfOpen(0, 8, 1)).isFalse();
    }

    @Test
    void isNotTouchedByALoadOrAStore() throws Exception {
        assumeTrue(Runtime.version().feature() >= ARENAS_SINCE);
        Freeable memory = new Freeable();
        host.mapBuffer(HVA, memory.bytes, Protection.READ_WRITE);
        GfnPfnCache cache = domain.newCache(8);
        GuestTlb tlb = domain.newTlb(GuestTlb.MIN_ENTRIES, new GuestTlb.Unbacked() {
            @Override
            public long load(long gpa, int width, Outcome why) {
                return -2;
            }

            @Override
            public void store(long gpa, int width, long value, Outcome why) {
                assertThat(why).isEqualTo(Outcome.FAULT);
            }
        });
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
        assertThat(cache.storeLong(0, 5)).isEqualTo(Outcome.OK);
        assertThat(tlb.loadLong(GPA)).isEqualTo(5);
        assertThat(host.unmap(HVA, 1)).isEqualTo(HostResult.OK);
        memory.arena.close();
        assertThatThrownBy(() -> memory.bytes.get(0)).as("freed").isInstanceOf(IllegalStateException.class);

        assertThat(tlb.loadLong(GPA)).isEqualTo(-2);
        tlb.storeLong(GPA, 1);
        assertThat(cache.loadLong(0, -1)).isEqualTo(-1);
        assertThat(cache.storeLong(0, 1)).isEqualTo(Outcome.FAULT);
        assertThat(tlb.deactivate()).isEqualTo(Outcome.OK);
    }

    /** The caller's mistake costs what lies there and nothing else: what was written before it is in the log. */
    @Test
    void whatIsFreedTooEarlyFailsTheAccessAlone() throws Exception {
        assumeTrue(Runtime.version().feature() >= ARENAS_SINCE);
        Freeable memory = new Freeable();
        host.mapAnonymous(HVA + Pages.PAGE_SIZE, 1, Protection.READ_WRITE);
        host.mapBuffer(HVA + 2 * Pages.PAGE_SIZE, memory.bytes, Protection.READ_WRITE);
        memslots.set(2, Memslot.FLAG_LOG_DIRTY_PAGES, 2 * GPA, 2 * Pages.PAGE_SIZE, HVA + Pages.PAGE_SIZE);
        GfnPfnCache cache = domain.newCache(8);
        assertThat(cache.activate(2 * GPA + Pages.PAGE_SIZE)).isEqualTo(Outcome.OK);
        GuestArea area = domain.newArea();
        assertThat(area.activate(2 * GPA + Pages.PAGE_SIZE - 4, 8)).isEqualTo(Outcome.OK);
        memory.arena.close();

        assertThatThrownBy(() -> cache.storeLong(0, 1)).isInstanceOf(IllegalStateException.class);
        HeldLocks.mightSleep("whatever comes after a store that failed");
        List<Consumer<AreaAccess>> writes =
                List.of(access -> access.putLong(0, 1), access -> access.put(0, new byte[Long.BYTES]));
        for (Consumer<AreaAccess> write : writes) { // two
            memslots.harvestDirty(2);
            try (AreaAccess access = area.access()) {
                assertThatThrownBy(() -> write.accept(access)).isInstanceOf(IllegalStateException.class);
            }
            assertThat(memslots.harvestDirty(2).harvest().pages()).contains(0);
        }
        assertThat(host.unmap(HVA + Pages.PAGE_SIZE, 2)).as("held by nobody").isEqualTo(HostResult.OK);
        cache.deactivate();
        area.deactivate();
    }
}
