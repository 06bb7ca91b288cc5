package io.github.pfncache.host;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Random sequences of every call, on a family of address spaces, against {@link NaiveMemory}. */
class HostModelTest {

    private static final long BASE = 0x7f00_0000_0000L;
    /** Pages in play: few, so that operations meet; across a leaf of the page table, so that its edges take part. */
    private static final int PAGES = 12;

    private static final long FIRST = BASE - 6 * Pages.PAGE_SIZE;
    private static final int FILE_PAGES = 8;
    /** Bytes of a page that are looked at after every step: all that steps write. The whole page at the end. */
    private static final int COMPARED = 16;

    enum Call {
        ANONYMOUS, SHARED, PRIVATE, UNMAP, READ_ONLY, NO_ACCESS, WRITABLE, DISCARD, REMOVE, MOVE, PUNCH, TRUNCATE, FORK,
        SNAPSHOT, CLOSE, MIGRATE, EVICT, POKE, STORE, POPULATE, WRITE_FILE, ARM, COLLAPSE
    }

    /** One step: a call, the memory it is made on, and numbers that the call interprets. */
    record Step(Call call, int memory, int page, int n, int other, byte value) {}

    @Provide
    Arbitrary<List<Step>> steps() {
        // Stores are what makes contents differ, so they are more frequent.
        Arbitrary<Call> calls = Arbitraries.frequencyOf(
                Tuple.of(3, Arbitraries.of(Call.class)),
                Tuple.of(1, Arbitraries.just(Call.STORE)));
        return Combinators.combine(
                        calls,
                        Arbitraries.integers().between(0, 3),
                        Arbitraries.integers().between(0, PAGES - 1),
                        Arbitraries.integers().between(1, 4),
                        Arbitraries.integers().between(0, PAGES - 1),
                        Arbitraries.bytes())
                .as(Step::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(60);
    }

    @Property(tries = 250, edgeCases = EdgeCasesMode.NONE)
    void everySequenceShowsWhatTheReferenceShows(@ForAll("steps") List<Step> steps) {
        check(steps, new Run(false));
    }

    /** The pages in play are of leaves that are mapped from end to end: the memories share these as a whole. */
    @Property(tries = 250, edgeCases = EdgeCasesMode.NONE)
    void soItIsWhereMemoriesShareLeavesOfTheirTables(@ForAll("steps") List<Step> steps) {
        check(steps, new Run(true));
    }

    /** Each call after a write, and after a fork, of each kind of mapping. */
    @ParameterizedTest
    @EnumSource(names = {"ANONYMOUS", "SHARED", "PRIVATE"})
    void whatACallTakesAwayIsAnnounced(Call mapping) {
        for (Call call : Call.values()) {
            for (List<Call> calls : List.of(
                    List.of(mapping, Call.STORE, call),
                    List.of(mapping, Call.STORE, Call.FORK, call),
                    List.of(mapping, Call.STORE, Call.FORK, Call.STORE, call))) {
                check(calls.stream().map(one -> new Step(one, 0, 1, 2, 4, (byte) 7)).toList(), new Run(false));
            }
        }
    }

    private static void check(List<Step> steps, Run memories) {
        try (Run run = memories) {
            for (Step step : steps) {
                run.remember();
                run.apply(step);
                run.comparePagesTaken(step);
                run.compare(step, COMPARED);
            }
            run.compare(null, Pages.PAGE_SIZE);
        }
    }

    /** Both memories, and the pairs that fork made of them. */
    private static final class Run implements AutoCloseable {
        final List<HostMemory> hosts = new ArrayList<>();
        final List<NaiveMemory> models = new ArrayList<>();
        final HostFile file;
        final NaiveMemory.File modelFile = new NaiveMemory.File();
        int open;

        // Of the step: the entries that pages had before it, and the pages that its invalidations were of.
        private final Map<HostMemory, long[]> before = new IdentityHashMap<>();
        private final Map<HostMemory, BitSet> announced = new IdentityHashMap<>();

        Run(boolean wide) {
            HostMemory host = HostMemory.builder().build();
            watch(host);
            hosts.add(host);
            models.add(new NaiveMemory());
            file = host.createFile(FILE_PAGES);
            modelFile.npages = FILE_PAGES;
            if (wide) {
                host.mapAnonymous(BASE - 512 * Pages.PAGE_SIZE, 1024, Protection.READ_WRITE);
                models.get(0).map(0, PAGES, null, 0, false);
            }
        }

        private void watch(HostMemory host) {
            host.registerNotifier(new MmuNotifier() {
                @Override
                public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                    open++;
                    BitSet pages = announced.computeIfAbsent(host, none -> new BitSet());
                    IntStream.range(0, PAGES).filter(page -> range.contains(hva(page))).forEach(pages::set);
                    return true;
                }

                @Override
                public void invalidateRangeEnd(HvaRange range) {
                    open--;
                }
            });
        }

        void apply(Step s) {
            int which = s.memory % hosts.size();
            HostMemory host = hosts.get(which);
            NaiveMemory model = models.get(which);
            int n = Math.min(s.n, PAGES - s.page);
            int filePage = s.other % FILE_PAGES;
            long hva = hva(s.page);
            switch (s.call) {
                case ANONYMOUS -> {
                    same(s, host.mapAnonymous(hva, n, Protection.READ_WRITE), HostResult.OK);
                    model.map(s.page, n, null, 0, false);
                }
                case SHARED -> {
                    same(s, host.mapShared(hva, n, file, filePage, Protection.READ_WRITE), HostResult.OK);
                    model.map(s.page, n, modelFile, filePage, true);
                }
                case PRIVATE -> {
                    same(s, host.mapPrivate(hva, n, file, filePage, Protection.READ_WRITE), HostResult.OK);
                    model.map(s.page, n, modelFile, filePage, false);
                }
                case UNMAP -> same(s, host.unmap(hva, n), model.unmap(s.page, n));
                case READ_ONLY -> protect(s, host, model, n, Protection.READ);
                case NO_ACCESS -> protect(s, host, model, n, Protection.NONE);
                case WRITABLE -> protect(s, host, model, n, Protection.READ_WRITE);
                case DISCARD -> same(s, host.discard(hva, n), model.discard(s.page, n));
                case REMOVE -> same(s, host.remove(hva, n), model.remove(s.page, n));
                case MOVE -> {
                    int size = Math.min(n, PAGES - s.other);
                    same(s, host.move(hva, size, hva(s.other)), model.move(s.page, size, s.other));
                }
                case PUNCH -> {
                    same(s, file.punchHole(filePage, n), HostResult.OK);
                    NaiveMemory.punch(modelFile, filePage, n);
                }
                case TRUNCATE -> {
                    same(s, file.truncate(s.other), HostResult.OK);
                    NaiveMemory.truncate(modelFile, s.other, models);
                }
                case FORK -> child(host::fork, model.fork());
                case SNAPSHOT -> child(host::snapshot, model.snapshot());
                case CLOSE -> close(which);
                case MIGRATE -> {
                    // A file page may be resident although this address has not touched it, but not the reverse.
                    boolean present = host.isPresent(hva);
                    boolean moved = host.migrate(hva) == HostResult.OK;
                    assertThat(moved || !present).as("%s", s).isTrue();
                }
                case EVICT -> {
                    same(s, host.evict(hva, n), model.coverage(s.page, n));
                    assertThat(host.isPresent(hva)).isFalse();
                }
                case COLLAPSE -> same(s, host.collapse(hva, n), model.coverage(s.page, n));
                case ARM -> same(s, host.writeProtect(hva, n, s.value > 0), model.coverage(s.page, n));
                case POKE -> {
                    byte[] bytes = model.forWriting(s.page, true);
                    assertThat(host.poke(hva + s.other, new byte[] {s.value}) == HostResult.OK)
                            .isEqualTo(bytes != null);
                    set(bytes, s);
                }
                case STORE -> store(s, host, model);
                case POPULATE -> populate(s, host, model, n);
                case WRITE_FILE -> {
                    long offset = filePage * (long) Pages.PAGE_SIZE + s.other;
                    same(s, file.write(offset, new byte[] {s.value}), HostResult.OK);
                    modelFile.npages = Math.max(modelFile.npages, filePage + 1);
                    modelFile.page(filePage)[s.other] = s.value;
                }
            }
        }

        private void protect(Step s, HostMemory host, NaiveMemory model, int n, Protection protection) {
            same(s, host.protect(hva(s.page), n, protection), model.protect(s.page, n, protection));
        }

        private void store(Step s, HostMemory host, NaiveMemory model) {
            byte[] bytes = model.forWriting(s.page, false);
            HostPage page = host.hvaToPage(hva(s.page) + s.other);
            assertThat(page != null).as("%s", s).isEqualTo(bytes != null);
            if (page != null) {
                HostMapping khva = host.map(page);
                host.release(page);
                khva.put(s.other, 1, s.value);
                host.unmap(khva);
            }
            set(bytes, s);
        }

        private void populate(Step s, HostMemory host, NaiveMemory model, int n) {
            boolean all = true;
            for (int i = s.page; all && i < s.page + n; i++) {
                all = model.forWriting(i, false) != null;
            }
            assertThat(host.populateWrite(hva(s.page), n) == HostResult.OK).as("%s", s).isEqualTo(all);
        }

        private static void set(byte[] bytes, Step s) {
            if (bytes != null) {
                bytes[s.other] = s.value;
            }
        }

        private void child(Supplier<HostMemory> making, NaiveMemory model) {
            if (hosts.size() < 4) {
                HostMemory child = making.get();
                watch(child);
                hosts.add(child);
                models.add(model);
            }
        }

        private void close(int which) {
            if (hosts.size() > 1) {
                hosts.remove(which).close();
                models.remove(which);
            }
        }

        private void same(Step s, HostResult real, HostResult expected) {
            assertThat(real).as("%s", s).isEqualTo(expected);
        }

        private static long[] entries(HostMemory host) {
            PageTable table = host.space().table;
            return LongStream.range(0, PAGES).map(page -> table.get((FIRST >>> Pages.PAGE_SHIFT) + page)).toArray();
        }

        private static boolean isTaken(long entry, long now) {
            return Pte.isPresent(entry)
                    && (!Pte.isSameContent(entry, now) || Pte.isWritable(entry) && !Pte.isWritable(now));
        }

        void remember() {
            before.clear();
            announced.clear();
            hosts.forEach(host -> before.put(host, entries(host)));
        }

        /** A page whose frame has gone, or may not be written any more, is of an invalidation, in each memory. */
        void comparePagesTaken(Step s) {
            for (HostMemory host : hosts) {
                long[] now = entries(host);
                long[] former = before.getOrDefault(host, now); // not of a child that the step has made
                BitSet told = announced.getOrDefault(host, new BitSet());
                for (int page = 0; page < PAGES; page++) {
                    assertThat(told.get(page) || !isTaken(former[page], now[page]))
                            .as("page %d of memory %d was taken in silence by %s", page, hosts.indexOf(host), s)
                            .isTrue();
                }
            }
        }

        void compare(Step s, int length) {
            assertThat(open).as("invalidations open after %s", s).isZero();
            byte[] real = new byte[length];
            for (int which = 0; which < hosts.size(); which++) {
                for (int page = 0; page < PAGES; page++) {
                    byte[] expected = models.get(which).content(page);
                    HostResult result = hosts.get(which).peek(hva(page), real);
                    assertThat(result == HostResult.OK).as("page %d of memory %d after %s", page, which, s)
                            .isEqualTo(expected != null);
                    if (expected != null && !Arrays.equals(real, 0, length, expected, 0, length)) {
                        assertThat(real)
                                .as("page %d of memory %d after %s", page, which, s)
                                .isEqualTo(Arrays.copyOf(expected, length));
                    }
                }
            }
            hosts.get(0).audit();
            for (int which = 1; which < hosts.size(); which++) {
                compare(s, which - 1, which);
            }
        }

        /** Pages that differ are among those that are said to be unlike; of a page of neither that is never said. */
        private void compare(Step s, int one, int other) {
            if (models.get(one).hasFiles() || models.get(other).hasFiles()) {
                return;
            }
            long[] unlike = hosts.get(one)
                    .unlikePages(hosts.get(other), new RewindRange(FIRST, FIRST, PAGES))
                    .toArray();
            for (int page = 0; page < PAGES; page++) {
                byte[] here = models.get(one).content(page);
                byte[] there = models.get(other).content(page);
                boolean said = Arrays.binarySearch(unlike, hva(page)) >= 0;
                assertThat(said || here == null || there == null || Arrays.equals(here, there))
                        .as("page %d differs after %s", page, s).isTrue();
                assertThat(said && here == null && there == null).as("page %d is nowhere after %s", page, s).isFalse();
            }
        }

        private static long hva(int page) {
            return FIRST + (long) page * Pages.PAGE_SIZE;
        }

        @Override
        public void close() {
            hosts.forEach(HostMemory::close);
            file.truncate(0);
            assertThat(hosts.get(0).framesInUse()).isZero();
        }
    }
}
