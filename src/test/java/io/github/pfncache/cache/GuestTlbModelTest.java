package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.junit.jupiter.api.Test;

/**
 * Any sequence of loads, stores, fetches and atomic operations, inside of the guest and outside, with pages that move,
 * go and come back and slots that change in between, against a plain {@code byte[]} and a table of which guest page
 * lies where in it. After each step all of host memory and the dirty log are compared.
 */
class GuestTlbModelTest {

    private static final int PAGE = Pages.PAGE_SIZE;
    private static final int HOST_PAGES = 6;
    private static final int GUEST_PAGES = 8;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final long GPA = 0x100000;

    /** Slots: first guest page, pages, first host page. Between guest pages 6 and 7 there is nothing but a hole. */
    private static final int[][] SLOTS = {{0, 3, 1}, {3, 2, 4}, {5, 1, 0}};

    private static final int[] WIDTHS = {1, 2, 4, 8};

    /** Where others do what they do. */
    private static final ExecutorService OTHERS = Executors.newSingleThreadExecutor(body -> {
        Thread thread = new Thread(body, "others");
        thread.setDaemon(true);
        return thread;
    });

    enum Kind {
        LOAD, STORE, FETCH, TRY_LOAD, TRY_STORE, ATOMIC, ENTER, LEAVE,
        MIGRATE, EVICT, DISCARD, PROTECT, UNPROTECT, FORK, DELETE, PLUG, PLUG_READ_ONLY, DEACTIVATE
    }

    /** A step; what x and y mean depends on the kind. */
    record Step(Kind kind, int x, int y, long value) {}

    /** The memory under test, next to what it should be. */
    private static final class World implements GuestTlb.Unbacked {

        private static final long OPEN_BUS = 0x7766_5544_3322_1100L;

        private final HostMemory host = HostMemory.builder().checked(true).chunkBytes(0x8000, 0x10000).build();
        /** Nothing waits for longer than the other thread needs, however long the system lets it wait. */
        private static final Duration PATIENCE = Duration.ofMinutes(1);
        private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, PATIENCE);
        private final CacheDomain domain = new CacheDomain(memslots, host, new RetryPolicy(4, PATIENCE));
        private final GuestTlb tlb;

        private final byte[] bytes = new byte[HOST_PAGES * PAGE];
        private final boolean[] readOnlyOnHost = new boolean[HOST_PAGES];
        /** Flags of each slot, -1 if it is not there. */
        private final int[] flags = new int[SLOTS.length];
        private final TreeSet<Integer> dirty = new TreeSet<>();
        private int unbackedLoads;
        private int unbackedStores;
        private int crossings;
        private boolean inside;
        private int insideAccesses;

        World(int entries) {
            tlb = domain.newTlb(entries, this);
            host.mapAnonymous(HVA, HOST_PAGES, Protection.READ_WRITE);
            Arrays.fill(flags, -1);
            for (int slot = 0; slot < SLOTS.length; slot++) { // bounded by the slots
                plug(slot, Memslot.FLAG_LOG_DIRTY_PAGES);
            }
        }

        @Override
        public long load(long gpa, int width, Outcome why) {
            assertThat(why).isEqualTo(Outcome.FAULT);
            unbackedLoads++;
            return OPEN_BUS;
        }

        @Override
        public void store(long gpa, int width, long value, Outcome why) {
            assertThat(why).isEqualTo(Outcome.FAULT);
            unbackedStores++;
        }

        void plug(int slot, int withFlags) {
            int[] s = SLOTS[slot];
            unplug(slot);
            memslots.set(slot + 1, withFlags, GPA + (long) s[0] * PAGE, (long) s[1] * PAGE, HVA + (long) s[2] * PAGE);
            flags[slot] = withFlags;
        }

        private void unplug(int slot) {
            if (flags[slot] >= 0) {
                memslots.delete(slot + 1);
                flags[slot] = -1;
            }
        }

        void run(List<Step> steps) {
            for (Step step : steps) { // bounded by the script
                run(step);
                elsewhere(() -> {
                    byte[] real = new byte[bytes.length];
                    host.peek(HVA, real);
                    assertThat(real).as("host memory after %s", step).isEqualTo(bytes);
                    assertThat(harvest()).as("dirty pages after %s", step).isEqualTo(dirty);
                    domain.audit(true);
                });
                dirty.clear();
            }
            leave();
            host.audit();
        }

        /** Does on another thread what may want pages back; the owner polls meanwhile, if it is inside. */
        private void elsewhere(Runnable body) {
            Future<?> done = OTHERS.submit(body);
            while (inside && !done.isDone()) { // bounded by the body, which waits for nobody else
                tlb.poll();
                Thread.onSpinWait();
            }
            try {
                done.get();
            } catch (ExecutionException e) {
                if (e.getCause() instanceof Error error) {
                    throw error;
                }
                throw new IllegalStateException(e.getCause());
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        private void leave() {
            if (inside) {
                tlb.leave();
                inside = false;
            }
        }

        private void run(Step step) {
            insideAccesses += inside && step.kind.compareTo(Kind.ENTER) < 0 ? 1 : 0;
            switch (step.kind) {
                case LOAD, FETCH, TRY_LOAD -> load(step.kind, position(step), WIDTHS[step.y & 3]);
                case STORE, TRY_STORE -> store(step.kind, position(step), WIDTHS[step.y & 3], step.value);
                case ATOMIC -> add(position(step) & -Long.BYTES, step.value);
                case ENTER -> {
                    if (!inside) {
                        tlb.enter();
                        inside = true;
                    }
                }
                case LEAVE -> leave();
                case DEACTIVATE -> {
                    leave();
                    assertThat(tlb.deactivate()).isEqualTo(Outcome.OK);
                }
                default -> elsewhere(() -> change(step));
            }
        }

        private void change(Step step) {
            int page = step.x % HOST_PAGES;
            int slot = step.x % SLOTS.length;
            long hva = HVA + (long) page * PAGE;
            switch (step.kind) {
                case MIGRATE -> host.migrate(hva);
                case EVICT -> host.evict(hva, 1);
                case DISCARD -> {
                    host.discard(hva, 1);
                    Arrays.fill(bytes, page * PAGE, (page + 1) * PAGE, (byte) 0);
                }
                case PROTECT, UNPROTECT -> {
                    readOnlyOnHost[page] = step.kind == Kind.PROTECT;
                    host.protect(hva, 1, readOnlyOnHost[page] ? Protection.READ : Protection.READ_WRITE);
                }
                case FORK -> host.fork().close();
                case DELETE -> unplug(slot);
                case PLUG -> plug(slot, Memslot.FLAG_LOG_DIRTY_PAGES);
                default -> plug(slot, Memslot.FLAG_READONLY);
            }
        }

        /** A place in the guest: often near the end of a page. */
        private static int position(Step step) {
            int near = (step.y >> 2) % 48;
            return Math.max(0, (step.x % (GUEST_PAGES + 1)) * PAGE + near - 24);
        }

        /** The model's byte behind a guest position, or -1. */
        private int where(int position, boolean toWrite) {
            for (int i = 0; i < SLOTS.length; i++) { // bounded by the slots
                int[] s = SLOTS[i];
                int page = position / PAGE - s[0];
                if (page >= 0 && page < s[1] && flags[i] >= 0) {
                    boolean readOnly = (flags[i] & Memslot.FLAG_READONLY) != 0 || readOnlyOnHost[s[2] + page];
                    return toWrite && readOnly ? -1 : (s[2] + page) * PAGE + position % PAGE;
                }
            }
            return -1;
        }

        private void load(Kind kind, int position, int width) {
            crossings += position / PAGE == (position + width - 1) / PAGE ? 0 : 1;
            long expected = 0;
            boolean backed = true;
            for (int i = 0; i < width; i++) { // bounded by the width
                int where = where(position + i, false);
                backed &= where >= 0;
                expected |= where < 0 ? 0 : (bytes[where] & 0xffL) << 8 * i;
            }
            long gpa = GPA + position;
            int before = unbackedLoads;
            long mask = width == 8 ? -1 : (1L << 8 * width) - 1;
            if (kind == Kind.TRY_LOAD) {
                assertThat(tlb.tryLoad(gpa, width)).isEqualTo(backed ? Outcome.OK : Outcome.FAULT);
                assertThat(backed ? tlb.loaded() & mask : 0).isEqualTo(backed ? expected & mask : 0);
                return;
            }
            boolean fetches = kind == Kind.FETCH;
            long loaded = switch (width) {
                case 1 -> tlb.loadByte(gpa);
                case 2 -> fetches ? tlb.fetchShort(gpa) : tlb.loadShort(gpa);
                case 4 -> fetches ? tlb.fetchInt(gpa) : tlb.loadInt(gpa);
                default -> tlb.loadLong(gpa);
            };
            assertThat(loaded & mask).isEqualTo((backed ? expected : OPEN_BUS) & mask);
            assertThat(unbackedLoads - before).isEqualTo(backed ? 0 : 1);
        }

        private void store(Kind kind, int position, int width, long value) {
            crossings += position / PAGE == (position + width - 1) / PAGE ? 0 : 1;
            boolean writable = true;
            for (int i = 0; i < width; i++) { // bounded by the width
                writable &= where(position + i, true) >= 0;
            }
            for (int i = 0; i < width && writable; i++) { // bounded by the width
                bytes[where(position + i, true)] = (byte) (value >>> 8 * i);
                dirty.add((position + i) / PAGE);
            }
            long gpa = GPA + position;
            int before = unbackedStores;
            if (kind == Kind.TRY_STORE) {
                assertThat(tlb.tryStore(gpa, width, value)).isEqualTo(writable ? Outcome.OK : Outcome.FAULT);
                return;
            }
            switch (width) {
                case 1 -> tlb.storeByte(gpa, (byte) value);
                case 2 -> tlb.storeShort(gpa, (short) value);
                case 4 -> tlb.storeInt(gpa, (int) value);
                default -> tlb.storeLong(gpa, value);
            }
            assertThat(unbackedStores - before).isEqualTo(writable ? 0 : 1);
        }

        /** Eight aligned bytes: never over a page's end. */
        private void add(int position, long value) {
            int where = where(position, true);
            ByteBuffer model = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            long expected = where < 0 ? OPEN_BUS : model.getLong(where);
            int before = unbackedStores;
            assertThat(tlb.atomicLong(AtomicOp.ADD, GPA + position, value)).isEqualTo(expected);
            assertThat(unbackedStores - before).isEqualTo(where < 0 ? 1 : 0);
            if (where >= 0) {
                model.putLong(where, expected + value);
                dirty.add(position / PAGE);
            }
        }

        private TreeSet<Integer> harvest() {
            TreeSet<Integer> pages = new TreeSet<>();
            for (int i = 0; i < SLOTS.length; i++) { // bounded by the slots
                if (flags[i] == Memslot.FLAG_LOG_DIRTY_PAGES) {
                    for (long page : memslots.harvestDirty(i + 1).harvest().pages()) { // bounded by the pages
                        pages.add(SLOTS[i][0] + (int) page);
                    }
                }
            }
            return pages;
        }
    }

    @Provide
    Arbitrary<List<Step>> scripts() {
        Arbitrary<Kind> kinds = Arbitraries.frequencyOf(
                Tuple.of(10, Arbitraries.of(Kind.LOAD, Kind.STORE, Kind.FETCH, Kind.ATOMIC, Kind.ENTER)),
                Tuple.of(4, Arbitraries.of(Kind.MIGRATE, Kind.EVICT, Kind.FORK)),
                Tuple.of(3, Arbitraries.of(Kind.values())));
        Arbitrary<Step> steps = Combinators.combine(
                        kinds,
                        Arbitraries.integers().between(0, 1 << 20),
                        Arbitraries.integers().between(0, 1 << 20),
                        Arbitraries.longs())
                .as(Step::new);
        return steps.list().ofMinSize(1).ofMaxSize(50);
    }

    @Property(tries = 800)
    void everyAccessIsThatOfAPlainArray(@ForAll("scripts") List<Step> script, @ForAll boolean tight) {
        new World(tight ? 4 : 16).run(script);
    }

    /** The scripts get to what they are for. */
    @Test
    void theModelSeesCrossingsHolesAndMisses() {
        World world = new World(4);
        int crossing = 16 << 2 | 3; // eight bytes, eight before a page begins
        int across = 20 << 2 | 3;
        world.run(List.of(
                new Step(Kind.STORE, 1, crossing, 5), new Step(Kind.STORE, 1, across, -1),
                new Step(Kind.MIGRATE, 2, 0, 0), new Step(Kind.LOAD, 1, across, 0),
                new Step(Kind.PROTECT, 2, 0, 0), new Step(Kind.STORE, 1, across, 7), new Step(Kind.LOAD, 1, across, 0),
                new Step(Kind.LOAD, 6, across, 0), new Step(Kind.STORE, 3, across, 9),
                new Step(Kind.LOAD, 4, across, 0)));
        assertThat(world.crossings).isEqualTo(7);
        assertThat(world.unbackedLoads).isEqualTo(1);
        assertThat(world.unbackedStores).isEqualTo(1);
        assertThat(world.tlb.misses()).isGreaterThan(5);
    }

    @Test
    void theModelGoesInside() {
        World world = new World(16);
        int start = 24 << 2 | 3; // eight bytes where a page begins
        world.run(List.of(
                new Step(Kind.ENTER, 0, 0, 0), new Step(Kind.STORE, 1, start, 5), new Step(Kind.FETCH, 1, start - 1, 0),
                new Step(Kind.ATOMIC, 1, start, 7), new Step(Kind.MIGRATE, 2, 0, 0),
                new Step(Kind.FETCH, 1, start - 1, 0), new Step(Kind.TRY_LOAD, 1, start, 0),
                new Step(Kind.TRY_STORE, 6, start, 0), new Step(Kind.LEAVE, 0, 0, 0)));
        assertThat(world.insideAccesses).isEqualTo(6);
        assertThat(world.tlb.guestMode().drops()).isPositive();
    }

    @Test
    void theModelWouldNoticeAStrayByte() {
        World world = new World(8);
        world.run(List.of(new Step(Kind.STORE, 1, 0x40 << 2, 5)));
        world.host.poke(HVA + 5 * PAGE + 1, new byte[] {1});
        assertThatThrownBy(() -> world.run(List.of(new Step(Kind.LOAD, 1, 0, 0))))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("host memory");
    }
}
