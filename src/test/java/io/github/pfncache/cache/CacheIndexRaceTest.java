package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.Memslots;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Walks, which take no lock, against caches that come and go on real threads. */
final class CacheIndexRaceTest {

    private static final long HVA = 0x7f00_0000_0000L;

    private final CacheDomain domain =
            new CacheDomain(new Memslots(), HostMemory.builder().build(), RetryPolicy.DEFAULT);
    private final CacheIndex index = new CacheIndex();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void allThreadsEnd() throws InterruptedException {
        threads.shutdown();
        assertThat(threads.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
    }

    private CacheIndex.Entry listed() {
        CacheIndex.Entry entry = new CacheIndex.Entry(domain.newCache(8).mapping);
        index.add(entry);
        return entry;
    }

    private static Translation at(long page) {
        return new Translation(null, null, 0, 0, HVA + (page << Pages.PAGE_SHIFT));
    }

    @Test
    void whoStaysIsFoundByEveryWalkWhileOthersMoveNextToIt() throws Exception {
        long[] pages = {0, 1, 63, 64, 4095, 4096, 1 << 18, (1 << 24) - 1};
        Set<Placed> staying = new HashSet<>();
        List<CacheIndex.Entry> moving = new ArrayList<>();
        for (long page : pages) {
            CacheIndex.Entry entry = listed();
            index.move(entry, at(page));
            index.walk(HvaRange.ofPages(HVA + (page << Pages.PAGE_SHIFT), 1), staying::add);
            moving.add(listed());
        }
        AtomicBoolean over = new AtomicBoolean();
        Future<?> mover = threads.submit(() -> {
            SplittableRandom random = new SplittableRandom(3);
            while (!over.get()) { // ends with the walks
                long page = pages[random.nextInt(pages.length)] ^ random.nextInt(2);
                index.move(moving.get(random.nextInt(moving.size())), at(page));
            }
        });
        try {
            for (int walk = 0; walk < 20_000; walk++) {
                Set<Placed> missed = new HashSet<>(staying);
                index.walk(HvaRange.WHOLE, cache -> missed.remove(cache) || true);
                assertThat(missed.isEmpty()).as("everybody who stayed was found").isTrue();
            }
        } finally {
            over.set(true);
            mover.get(300, TimeUnit.SECONDS);
        }
    }

    @Test
    void aWalkFindsACacheOrTheCacheFindsTheInvalidation() throws Exception {
        int rounds = 3_000;
        Invalidations invalidations = new Invalidations(new GuestModes());
        HvaRange range = HvaRange.ofPages(HVA, 1L << 30);
        CacheIndex.Entry entry = listed();
        CyclicBarrier together = new CyclicBarrier(2);
        boolean[] found = new boolean[rounds];
        boolean[] seen = new boolean[rounds];
        Future<?> refresh = threads.submit(() -> {
            for (int round = 0; round < rounds; round++) {
                Translation where = at(round * 67L);
                together.await(300, TimeUnit.SECONDS);
                index.move(entry, where);
                seen[round] = invalidations.covers(where.uhva());
                together.await(300, TimeUnit.SECONDS);
            }
            return null;
        });
        for (int round = 0; round < rounds; round++) {
            int now = round;
            together.await(300, TimeUnit.SECONDS);
            invalidations.start(range);
            index.walk(pageOf(now * 67L), cache -> found[now] = true);
            together.await(300, TimeUnit.SECONDS);
            invalidations.end(range);
        }
        refresh.get(300, TimeUnit.SECONDS);
        for (int round = 0; round < rounds; round++) {
            assertThat(found[round] || seen[round]).as("round %s", round).isTrue();
        }
    }

    private static HvaRange pageOf(long page) {
        return HvaRange.ofPages(HVA + (page << Pages.PAGE_SHIFT), 1);
    }
}
