package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class GfnToHvaCacheUpdateTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots();
    private final CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT);

    GfnToHvaCacheUpdateTest() {
        host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
        memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 2 * Pages.PAGE_SIZE, HVA);
    }

    /** What a body throws on another thread. */
    private static Throwable elsewhere(Runnable body) {
        Throwable[] thrown = new Throwable[1];
        Thread thread = new Thread(body);
        thread.setUncaughtExceptionHandler((dead, cause) -> thrown[0] = cause);
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return thrown[0];
    }

    @Test
    void anUpdateThatThrowsMarksWhatItWrote() {
        GfnToHvaCache cache = domain.newGfnToHvaCache(64);
        cache.activate(GPA + Pages.PAGE_SIZE);
        assertThatThrownBy(() -> cache.update(window -> {
                    window.put(0, Long.BYTES, 1);
                    window.put(64, Long.BYTES, 1);
                }))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(1);
    }

    @Test
    void aWindowIsOfNoUseAfterItsUpdateOrOnAnotherThread() {
        GfnToHvaCache cache = domain.newGfnToHvaCache(64);
        cache.activate(GPA);
        GfnToHvaCache.Window[] kept = new GfnToHvaCache.Window[1];
        Throwable[] thrown = new Throwable[1];
        assertThat(cache.update(window -> {
                    kept[0] = window;
                    thrown[0] = elsewhere(() -> window.put(0, Long.BYTES, 1));
                }))
                .isEqualTo(Outcome.OK);
        assertThat(thrown[0]).isInstanceOf(IllegalStateException.class);
        memslots.delete(1);
        assertThatThrownBy(() -> kept[0].put(0, Long.BYTES, 1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> kept[0].get(0, Long.BYTES)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void anUpdateThatPointsItsCacheElsewhereStillWritesAndMarksItsOwnPage() {
        GfnToHvaCache cache = domain.newGfnToHvaCache(64);
        cache.activate(GPA);
        assertThat(cache.update(window -> {
                    cache.activate(GPA + Pages.PAGE_SIZE);
                    window.put(0, Long.BYTES, 0x1234);
                }))
                .isEqualTo(Outcome.OK);
        byte[] bytes = new byte[2];
        host.peek(HVA, bytes);
        assertThat(bytes).containsExactly(0x34, 0x12);
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(0);
    }

    @Test
    void aNumberIsWrittenInOnePiece() {
        GfnToHvaCache writer = domain.newGfnToHvaCache(64);
        writer.activate(GPA);
        GfnPfnCache reader = domain.newCache(64);
        reader.activate(GPA);
        AtomicBoolean over = new AtomicBoolean();
        CompletableFuture<Void> writing = CompletableFuture.runAsync(() -> {
            for (int i = 0; !over.get(); i++) { // ends with the loads
                long value = -(i & 1L);
                writer.update(window -> {
                    window.put(8, Long.BYTES, value);
                    window.put(16, Integer.BYTES, value);
                    window.put(20, Short.BYTES, value);
                });
            }
        });
        try {
            for (int i = 0; i < 300_000; i++) {
                assertThat(reader.loadLong(8, 0)).isBetween(-1L, 0L);
                assertThat(reader.loadInt(16, 0)).isBetween(-1, 0);
                assertThat(reader.loadShort(20, (short) 0)).isBetween((short) -1, (short) 0);
            }
        } finally {
            over.set(true);
            writing.join();
        }
    }
}
