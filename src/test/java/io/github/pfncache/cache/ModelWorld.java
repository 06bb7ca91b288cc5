package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.ModelScript.Step;
import io.github.pfncache.cache.ReferenceMap.HostPage;
import io.github.pfncache.cache.ReferenceMap.Slot;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** The real classes and the reference side by side; a step is done to both, then everything is compared. */
final class ModelWorld {

    private static final int GUEST_PAGES = 12;
    private static final int HOST_PAGES = 14;
    private static final int PRIVATE_PAGES = 8;
    private static final int FILE_PAGES = 6;
    private static final int BASE_GFN = 0x100;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int LENGTH = 64;
    /** Where in a page a window starts; the last two make it cross the page. */
    private static final int[] OFFSETS = {0, 1, 8, 0x100, 0xfbf, 0xfc0, 0xfc1, 0xfff};

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final HostFile file = host.createFile(FILE_PAGES);
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofSeconds(1));
    private final CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT);
    private final GfnPfnCache[] caches = {domain.newCache(LENGTH), domain.newCache(LENGTH), domain.newCache(LENGTH)};
    private final GuestArea area = domain.newArea();

    private final ReferenceMap reference = new ReferenceMap(FILE_PAGES);
    /** Where each cache points: a byte address, by gpa if not negative, by hva (complemented) if negative. */
    private final Long[] pointsAt = new Long[caches.length];
    private long areaAt = -1;
    private int areaLength;

    private HostMemory child;
    private Map<Integer, byte[]> childSees = Map.of();
    private long nextValue = 0x0101_0101_0101_0101L;
    private int landed;

    ModelWorld() {
        host.mapAnonymous(HVA, PRIVATE_PAGES, Protection.READ_WRITE);
        host.mapShared(hva(PRIVATE_PAGES), FILE_PAGES, file, 0, Protection.READ_WRITE);
        for (int page = 0; page < HOST_PAGES; page++) {
            reference.hostPages.put(page, new HostPage(page < PRIVATE_PAGES ? -1 : page - PRIVATE_PAGES));
        }
    }

    int accessesThatLanded() {
        return landed;
    }

    void corruptByteAt(int position) {
        host.poke(HVA + position, new byte[] {1});
    }

    void run(List<Step> script) {
        for (Step step : script) {
            perform(step);
            compareMemory(step);
            domain.audit(true);
            host.audit();
        }
    }

    private void perform(Step s) {
        switch (s.kind()) {
            case ACTIVATE -> activate(s.a() % caches.length, gpa(s.b() % GUEST_PAGES, s.c()));
            case ACTIVATE_HVA -> activateHva(s.a() % caches.length, hva(s.b() % HOST_PAGES) + OFFSETS[s.c() % 8]);
            case DEACTIVATE -> {
                assertThat(caches[s.a() % caches.length].deactivate()).isEqualTo(Outcome.OK);
                pointsAt[s.a() % caches.length] = null;
            }
            case REFRESH -> assertThat(caches[s.a() % caches.length].refresh())
                    .isEqualTo(expected(pointsAt[s.a() % caches.length]));
            case WRITE -> write(s.a() % caches.length, s.b() * 4 % (LENGTH - 7), s.c());
            case READ -> read(s.a() % caches.length, s.b() * 4 % (LENGTH - 7));
            case AREA_ACTIVATE -> activateArea(gpa(s.a() % GUEST_PAGES, s.b()), 8 + s.c() * 600);
            case AREA_WRITE -> writeArea(s.a() * 600);
            case CREATE -> create(s);
            case DELETE -> delete(1 + s.a() % 3);
            case MOVE_SLOT -> moveSlot(1 + s.a() % 3, s.b() % GUEST_PAGES);
            case FLAGS -> flags(1 + s.a() % 3, s.b() % 2 == 1);
            case HARVEST -> harvest(1 + s.a() % 3);
            default -> performOnHost(s);
        }
    }

    private void performOnHost(Step s) {
        int from = s.a() % HOST_PAGES;
        int n = Math.min(1 + s.b() % 3, HOST_PAGES - from);
        switch (s.kind()) {
            case UNMAP -> {
                host.unmap(hva(from), n);
                forPages(from, n, page -> reference.hostPages.remove(page));
            }
            case MAP -> {
                host.mapAnonymous(hva(from), n, Protection.READ_WRITE);
                forPages(from, n, page -> reference.hostPages.put(page, new HostPage(-1)));
            }
            case PROTECT -> protect(from, n, Protection.values()[s.c() % 3]);
            case DISCARD -> {
                host.discard(hva(from), n);
                forPages(from, n, reference::discard);
            }
            case MOVE -> move(from, n, s.c() % HOST_PAGES);
            case PUNCH -> {
                int filePage = s.a() % FILE_PAGES;
                int pages = Math.min(n, FILE_PAGES - filePage);
                file.punchHole(filePage, pages);
                reference.punch(filePage, pages);
            }
            case MIGRATE -> host.migrate(hva(from));
            case EVICT -> host.evict(hva(from), n);
            case FORK -> fork();
            default -> throw new AssertionError(s.kind());
        }
    }

    // ---- the guest's side

    private void activate(int c, long gpa) {
        boolean crosses = Pages.offsetInPage(gpa) + LENGTH > Pages.PAGE_SIZE;
        Outcome outcome = caches[c].activate(gpa);
        if (crosses) {
            assertThat(outcome).isEqualTo(Outcome.INVALID);
        } else {
            pointsAt[c] = gpa;
            assertThat(outcome).isEqualTo(expected(gpa));
        }
    }

    private void activateHva(int c, long hva) {
        boolean crosses = Pages.offsetInPage(hva) + LENGTH > Pages.PAGE_SIZE;
        Outcome outcome = caches[c].activateHva(hva);
        if (crosses) {
            assertThat(outcome).isEqualTo(Outcome.INVALID);
        } else {
            pointsAt[c] = ~hva;
            assertThat(outcome).isEqualTo(expected(~hva));
        }
    }

    private Outcome expected(Long at) {
        return at == null ? Outcome.INACTIVE : reference.isWritable(toHostPage(at)) ? Outcome.OK : Outcome.FAULT;
    }

    private int toHostPage(long at) {
        return at < 0 ? (int) ((~at - HVA) >> 12) : reference.toHostPage((int) (at >> 12) - BASE_GFN);
    }

    private static int offset(long at) {
        return Pages.offsetInPage(at < 0 ? ~at : at);
    }

    private void write(int c, int offset, int form) {
        byte[] value = value(form % 2 == 0 ? 8 : 1);
        try (GuestAccess access = caches[c].access()) {
            assertThat(access.outcome()).isEqualTo(expected(pointsAt[c]));
            if (!access.isUsable()) {
                return;
            }
            if (value.length == 8) {
                access.putLong(offset, ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).getLong());
            } else {
                access.putByte(offset, value[0]);
            }
        }
        landed++;
        reference.write(toHostPage(pointsAt[c]), offset(pointsAt[c]) + offset, value);
        if (pointsAt[c] >= 0) {
            reference.markDirty((int) (pointsAt[c] >> 12) - BASE_GFN);
        }
    }

    private void read(int c, int offset) {
        try (GuestAccess access = caches[c].access()) {
            assertThat(access.outcome()).isEqualTo(expected(pointsAt[c]));
            if (access.isUsable()) {
                byte[] page = reference.content(reference.hostPages.get(toHostPage(pointsAt[c])));
                int at = offset(pointsAt[c]) + offset;
                byte[] read = new byte[8];
                access.get(offset, read);
                assertThat(read).isEqualTo(Arrays.copyOfRange(page, at, at + 8));
            }
        }
    }

    private void activateArea(long gpa, int length) {
        areaAt = gpa;
        areaLength = length;
        assertThat(area.activate(gpa, length)).isEqualTo(expectedArea());
    }

    private Outcome expectedArea() {
        if (areaAt < 0) {
            return Outcome.INACTIVE;
        }
        for (long page = areaAt >> 12; page <= (areaAt + areaLength - 1) >> 12; page++) {
            if (!reference.isWritable(toHostPage(page << 12))) {
                return Outcome.FAULT;
            }
        }
        return Outcome.OK;
    }

    private void writeArea(int wantedOffset) {
        byte[] value = value(8);
        int offset = areaLength == 0 ? 0 : wantedOffset % (areaLength - 7);
        try (AreaAccess access = area.access()) {
            assertThat(access.outcome()).isEqualTo(expectedArea());
            if (!access.isUsable()) {
                return;
            }
            access.put(offset, value);
        }
        landed++;
        for (int i = 0; i < value.length; i++) {
            long at = areaAt + offset + i;
            reference.write(toHostPage(at), offset(at), new byte[] {value[i]});
            reference.markDirty((int) (at >> 12) - BASE_GFN);
        }
    }

    // ---- the memslots

    private void create(Step s) {
        int id = 1 + s.a() % 3;
        int base = s.b() % GUEST_PAGES;
        int npages = 1 + s.c() % 4;
        int hostPage = (s.b() * 3 + s.c()) % (HOST_PAGES - 3);
        boolean readOnly = s.c() % 8 == 7;
        boolean logs = s.c() % 2 == 0;
        int flags = (readOnly ? Memslot.FLAG_READONLY : 0) | (logs ? Memslot.FLAG_LOG_DIRTY_PAGES : 0);
        boolean allowed = reference.slots.get(id) == null
                && reference.slots.values().stream().noneMatch(each -> each.overlaps(base, npages));
        if (reference.slots.get(id) == null) {
            changes(allowed, () -> memslots.set(id, flags, gpa(base, 0), (long) npages << 12, hva(hostPage)));
        }
        if (allowed) {
            reference.slots.put(id, new Slot(base, npages, hostPage, readOnly, logs ? new TreeSet<>() : null));
        }
    }

    private void delete(int id) {
        changes(reference.slots.remove(id) != null, () -> memslots.delete(id));
    }

    private void moveSlot(int id, int base) {
        Slot slot = reference.slots.get(id);
        boolean allowed = slot != null
                && reference.slots.values().stream()
                        .noneMatch(each -> each != slot && each.overlaps(base, slot.npages()));
        changes(allowed, () -> memslots.move(id, gpa(base, 0)));
        if (allowed) {
            reference.slots.put(id, new Slot(base, slot.npages(), slot.hostPage(), slot.readOnly(), slot.dirty()));
        }
    }

    private void flags(int id, boolean logs) {
        Slot slot = reference.slots.get(id);
        int readOnly = slot != null && slot.readOnly() ? Memslot.FLAG_READONLY : 0;
        changes(slot != null, () -> memslots.setFlags(id, readOnly | (logs ? Memslot.FLAG_LOG_DIRTY_PAGES : 0)));
        if (slot != null) {
            TreeSet<Integer> dirty = !logs ? null : slot.dirty() != null ? slot.dirty() : new TreeSet<>();
            reference.slots.put(id, new Slot(slot.baseGfn(), slot.npages(), slot.hostPage(), slot.readOnly(), dirty));
        }
    }

    private interface SlotChange {
        Memslots.Change run();
    }

    private void changes(boolean allowed, SlotChange change) {
        long generation = memslots.generation();
        try {
            assertThat(change.run()).isNotEqualTo(Memslots.Change.BUSY);
            assertThat(allowed).isTrue();
        } catch (Memslots.Rejected rejected) {
            assertThat(allowed).as(rejected.getMessage()).isFalse();
            assertThat(memslots.generation()).isEqualTo(generation);
        }
    }

    private void harvest(int id) {
        Slot slot = reference.slots.get(id);
        long[] pages = memslots.harvestDirty(id).harvest().pages();
        long[] expected = slot == null || slot.dirty() == null
                ? new long[0]
                : slot.dirty().stream().mapToLong(Integer::longValue).toArray();
        assertThat(pages).isEqualTo(expected);
        if (slot != null && slot.dirty() != null) {
            slot.dirty().clear();
        }
    }

    // ---- the host

    private void protect(int from, int n, Protection protection) {
        host.protect(hva(from), n, protection);
        // Up to the first hole.
        for (int page = from; page < from + n && reference.hostPages.containsKey(page); page++) {
            reference.hostPages.get(page).writable = protection == Protection.READ_WRITE;
        }
    }

    private void move(int from, int n, int to) {
        boolean wholeSource = true; // with a hole in it a move fails half-way, as mremap() does: not the subject here
        for (int page = from; page < from + n; page++) {
            wholeSource &= reference.hostPages.containsKey(page);
        }
        if (!wholeSource || to + n > HOST_PAGES || host.move(hva(from), n, hva(to)) != HostResult.OK) {
            return;
        }
        HostPage[] moved = new HostPage[n];
        for (int i = 0; i < n; i++) {
            moved[i] = reference.hostPages.remove(from + i);
        }
        for (int i = 0; i < n; i++) {
            reference.hostPages.put(to + i, moved[i]);
        }
    }

    private void fork() {
        if (child != null) {
            childSees.forEach((page, bytes) -> {
                byte[] seen = new byte[Pages.PAGE_SIZE];
                assertThat(child.peek(hva(page), seen)).isEqualTo(HostResult.OK);
                assertThat(seen).as("host page " + page + " of the child").isEqualTo(bytes);
            });
            child.close();
        }
        child = host.fork();
        Map<Integer, byte[]> sees = new TreeMap<>();
        reference.hostPages.forEach((page, p) -> {
            if (!p.isShared()) {
                sees.put(page, reference.content(p).clone());
            }
        });
        childSees = sees;
    }

    // ---- comparing

    private void compareMemory(Step after) {
        byte[] seen = new byte[Pages.PAGE_SIZE];
        for (int page = 0; page < HOST_PAGES; page++) {
            HostPage expected = reference.hostPages.get(page);
            HostResult result = host.peek(hva(page), seen);
            assertThat(result == HostResult.OK).isEqualTo(expected != null);
            if (expected != null && !Arrays.equals(seen, reference.content(expected))) {
                int at = Arrays.mismatch(seen, reference.content(expected));
                throw new AssertionError("stray byte or lost write in host page " + page + " at offset "
                        + Pages.hex(at) + " after " + after);
            }
        }
    }

    private byte[] value(int width) {
        nextValue = Long.rotateLeft(nextValue, 5) + 0x1f3d_5b79_1357_9bdfL;
        return Arrays.copyOf(
                ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(nextValue).array(), width);
    }

    private interface PageAction {
        void on(int page);
    }

    private static void forPages(int from, int n, PageAction action) {
        for (int page = from; page < from + n; page++) {
            action.on(page);
        }
    }

    private static long gpa(int page, int offset) {
        return Pages.gfnToGpa(BASE_GFN + page) + OFFSETS[offset % OFFSETS.length];
    }

    private static long hva(int page) {
        return HVA + (long) page * Pages.PAGE_SIZE;
    }
}
