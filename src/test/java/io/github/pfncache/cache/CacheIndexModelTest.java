package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.Memslots;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** The index against a map from cache to page, for pages of every kind of neighbourhood. */
final class CacheIndexModelTest {

    private static final long LAST_PAGE = (HvaRange.USER_END >>> Pages.PAGE_SHIFT) - 1;
    private static final long NO_PAGE = -1;

    private final CacheDomain domain =
            new CacheDomain(new Memslots(), HostMemory.builder().build(), RetryPolicy.DEFAULT);
    private final CacheIndex index = new CacheIndex();
    private final List<Placed> caches = new ArrayList<>();
    private final Map<Placed, CacheIndex.Entry> entries = new LinkedHashMap<>();

    /** Page of each listed cache. */
    private final Map<Placed, Long> model = new LinkedHashMap<>();

    /** Where pages lie: all together, around the borders of blocks, anywhere. */
    private enum Layout {
        DENSE {
            @Override
            long page(SplittableRandom random) {
                return 0x7f0000000L + random.nextInt(200);
            }
        },
        AT_BORDERS {
            @Override
            long page(SplittableRandom random) {
                long border = random.nextLong(4) << random.nextInt(43);
                return Math.max(0, Math.min(LAST_PAGE, border + random.nextInt(-2, 3)));
            }
        },
        ANYWHERE {
            @Override
            long page(SplittableRandom random) {
                return random.nextLong(LAST_PAGE + 1);
            }
        };

        abstract long page(SplittableRandom random);
    }

    CacheIndexModelTest() {
        for (int i = 0; i < 60; i++) {
            Placed cache = domain.newCache(8).mapping;
            caches.add(cache);
            entries.put(cache, new CacheIndex.Entry(cache));
        }
    }

    @Property(tries = 60)
    void aWalkVisitsTheCachesOfItsRangeByPageAndNobodyElse(@ForAll long seed, @ForAll Layout layout) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < 400; step++) {
            change(random, layout);
            if (step % 4 == 0) {
                agreesOn(rangeOf(layout.page(random), layout.page(random)));
            }
        }
        agreesOn(HvaRange.WHOLE);
        for (Placed cache : List.copyOf(model.keySet())) {
            remove(cache);
            agreesOn(HvaRange.WHOLE);
        }
    }

    @Property(tries = 20)
    void aWalkEndsWithTheFirstVisitThatAnswersFalse(@ForAll long seed, @ForAll Layout layout) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < 100; step++) {
            change(random, layout);
        }
        List<Placed> all = found(HvaRange.WHOLE);
        for (int stop = 0; stop < all.size(); stop++) {
            int turns = stop + 1;
            List<Placed> visited = new ArrayList<>();
            boolean answer = index.walk(HvaRange.WHOLE, cache -> {
                visited.add(cache);
                return visited.size() < turns;
            });
            assertThat(answer).isFalse();
            assertThat(visited).isEqualTo(all.subList(0, turns));
        }
    }

    private void change(SplittableRandom random, Layout layout) {
        Placed cache = caches.get(random.nextInt(caches.size()));
        if (!model.containsKey(cache)) {
            index.add(entries.get(cache));
            model.put(cache, NO_PAGE);
        } else if (random.nextInt(4) == 0) {
            remove(cache);
        } else {
            long page = random.nextInt(8) == 0 ? NO_PAGE : layout.page(random);
            long uhva = page == NO_PAGE ? Translation.NO_HVA : (page << Pages.PAGE_SHIFT) + random.nextInt(4089);
            index.move(entries.get(cache), new Translation(null, null, 0, 0, uhva));
            model.put(cache, page);
        }
    }

    private void remove(Placed cache) {
        index.remove(entries.get(cache));
        model.remove(cache);
    }

    private static HvaRange rangeOf(long one, long other) {
        long first = Math.min(one, other);
        return HvaRange.ofPages(first << Pages.PAGE_SHIFT, Math.max(one, other) - first + 1);
    }

    private List<Placed> found(HvaRange range) {
        List<Placed> found = new ArrayList<>();
        assertThat(index.walk(range, found::add)).isTrue();
        return found;
    }

    private void agreesOn(HvaRange range) {
        List<Placed> expected = model.keySet().stream()
                .filter(cache -> model.get(cache) != NO_PAGE)
                .filter(cache -> range.contains(model.get(cache) << Pages.PAGE_SHIFT))
                .toList();
        List<Placed> found = found(range);
        assertThat(found).containsExactlyInAnyOrderElementsOf(expected);
        assertThat(found.stream().map(model::get)).isSorted();
        assertThat(index.all()).containsExactlyInAnyOrderElementsOf(model.keySet());
    }
}
