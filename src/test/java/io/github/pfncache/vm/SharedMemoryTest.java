package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One memory at several guest addresses: whoever follows the log has every page whose content has changed. */
class SharedMemoryTest {

    private static final int PAGE = 4096;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final long GFN = 0xe0;
    private static final long ALIAS = 0xfffe0;

    private Vm vm;
    private final Map<Long, byte[]> copy = new HashMap<>();
    private final TreeSet<Long> delivered = new TreeSet<>();

    private void begin(int ringEntries) {
        vm = Vm.builder().dirtyRing(ringEntries).build();
    }

    @AfterEach
    void audit() {
        VmAudit.atRest(vm);
    }

    private void slot(int id, long gfn, long npages, long hva) {
        assertThat(vm.memslots().set(id, 0, gfn * PAGE, npages * PAGE, hva)).isEqualTo(Change.DONE);
    }

    private void write(long gpa, int value) {
        assertThat(vm.guestMemory().write(gpa, new byte[] {(byte) value})).isEqualTo(1);
    }

    private void writeOnVcpu(long gpa, int value) {
        vm.vcpu(0).run(() -> write(gpa, value));
    }

    /** What a delivery brought; the copy is equal to the guest's memory afterwards. */
    private TreeSet<Long> deliver(DirtyLogFollower log) {
        delivered.clear();
        assertThat(log.deliver(this::send).complete()).isTrue();
        for (Memslot slot : vm.memslots().table()) {
            for (long gfn = slot.baseGfn(); gfn < slot.endGfn(); gfn++) {
                assertThat(copy.get(gfn)).as("gfn 0x%x", gfn).isEqualTo(read(gfn));
            }
        }
        return delivered;
    }

    private boolean send(long gfn) {
        delivered.add(gfn);
        copy.put(gfn, read(gfn));
        return true;
    }

    private byte[] read(long gfn) {
        byte[] page = new byte[PAGE];
        assertThat(vm.guestMemory().read(gfn * PAGE, page)).isEqualTo(PAGE);
        return page;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aPageWrittenAtOneAddressIsDeliveredAtAll(int ringEntries) {
        begin(ringEntries);
        vm.host().mapAnonymous(HVA, 16, Protection.READ_WRITE);
        slot(0, GFN, 4, HVA);
        slot(1, ALIAS, 4, HVA);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            assertThat(deliver(log)).hasSize(8);
            write(0xe2000, 42);
            assertThat(deliver(log)).containsExactly(0xe2L, 0xfffe2L);
            GfnPfnCache cache = vm.newCache(8);
            cache.activate(0xfffe1_000L);
            vm.vcpu(0).run(() -> assertThat(cache.storeLong(0, 7)).isEqualTo(Outcome.OK));
            assertThat(deliver(log)).containsExactly(0xe1L, 0xfffe1L);
            cache.deactivate();
            assertThat(deliver(log)).isEmpty();
            assertThat(log.deliver(gfn -> false).putBack()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void whatIsRefusedAtOneAddressIsDueThereAlone(int ringEntries) {
        begin(ringEntries);
        vm.host().mapAnonymous(HVA, 4, Protection.READ_WRITE);
        slot(0, GFN, 4, HVA);
        slot(1, ALIAS, 4, HVA);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            write(0xe2000, 1);
            log.deliver(gfn -> gfn == 0xe2 && send(gfn));
            assertThat(deliver(log)).containsExactly(0xfffe2L);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void partsOfOneFileOrArrayAtOtherAddressesAreOneMemory(int ringEntries) {
        begin(ringEntries);
        HostFile file = vm.host().createFile(16);
        vm.host().mapShared(HVA, 8, file, 0, Protection.READ_WRITE);
        vm.host().mapShared(2 * HVA, 8, file, 4, Protection.READ_WRITE);
        vm.host().mapPrivate(4 * HVA, 2, file, 5, Protection.READ_WRITE);
        slot(0, 0x100, 8, HVA);
        slot(1, 0x200, 8, 2 * HVA);
        slot(2, 0x300, 2, HVA + 3 * PAGE);
        slot(3, 0x400, 2, 4 * HVA); // what it shows, until it is written
        byte[] array = new byte[8 * PAGE];
        vm.ram().add(4, 0, 0x500_000, array);
        vm.ram().add(5, 0, 0x600_000, ByteBuffer.wrap(array, 2 * PAGE, 4 * PAGE));
        vm.ram().add(6, 0, 0x700_000, ByteBuffer.wrap(array, PAGE + 5, PAGE));
        vm.ram().add(7, 0, 0x800_000, array, array);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            write(0x104_000, 1);
            assertThat(deliver(log)).containsExactly(0x104L, 0x200L, 0x301L);
            writeOnVcpu(0x201_000, 2);
            assertThat(deliver(log)).containsExactly(0x105L, 0x201L, 0x400L);
            write(0x300_000, 3);
            assertThat(deliver(log)).containsExactly(0x103L, 0x300L);
            writeOnVcpu(0x207_000, 4);
            assertThat(deliver(log)).containsExactly(0x207L);
            write(0x602_000, 5);
            assertThat(deliver(log)).containsExactly(0x504L, 0x602L, 0x804L, 0x80cL);
            write(0x80d_000, 6);
            assertThat(deliver(log)).contains(0x505L, 0x603L, 0x805L, 0x80dL);
            write(0x700_000 + PAGE - 1, 7); // a page of it lies in two of the array's
            assertThat(deliver(log)).contains(0x501L, 0x502L, 0x600L, 0x700L, 0x801L, 0x802L, 0x809L, 0x80aL);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void slotsThatComeMoveAndGoAreFollowedAtAllAddresses(int ringEntries) {
        begin(ringEntries);
        vm.host().mapAnonymous(HVA, 8, Protection.READ_WRITE);
        slot(0, GFN, 8, HVA);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            slot(1, ALIAS, 2, HVA + 2 * PAGE);
            write(ALIAS * PAGE, 1);
            assertThat(deliver(log)).contains(0xe2L, ALIAS, ALIAS + 1);
            writeOnVcpu((ALIAS + 1) * PAGE, 2);
            vm.memslots().move(1, 2 * ALIAS * PAGE);
            assertThat(deliver(log)).contains(0xe3L, 2 * ALIAS, 2 * ALIAS + 1);
            write(2 * ALIAS * PAGE, 3);
            writeOnVcpu((2 * ALIAS + 1) * PAGE, 3);
            vm.memslots().delete(1);
            assertThat(deliver(log)).as("the last that it wrote").containsExactly(0xe2L, 0xe3L);
            slot(1, ALIAS, 1, HVA + 5 * PAGE);
            writeOnVcpu(ALIAS * PAGE, 4);
            vm.memslots().delete(1);
            slot(1, ALIAS, 1, HVA + 6 * PAGE);
            write(ALIAS * PAGE, 5);
            vm.memslots().delete(1);
            assertThat(deliver(log)).as("came and went in between").containsExactly(0xe5L, 0xe6L);
            vm.memslots().set(1, 0, ALIAS * PAGE, PAGE, HVA);
            assertThat(deliver(log)).contains(ALIAS);
            vm.memslots().setFlags(1, 0);
            write(ALIAS * PAGE, 6);
            assertThat(deliver(log)).as("while nobody logged").contains(GFN, ALIAS);
        }
        assertThat(vm.memslots().table()).noneMatch(Memslot::logsDirtyPages);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void moreBanksThanAreRememberedMeansEverything(int ringEntries) {
        begin(ringEntries);
        vm.host().mapAnonymous(HVA, 8, Protection.READ_WRITE);
        slot(0, GFN, 8, HVA);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            for (int i = 0; i < 1030; i++) {
                slot(1, ALIAS, 1, HVA + i % 7 * PAGE);
                write(ALIAS * PAGE, i);
                vm.memslots().delete(1);
            }
            assertThat(deliver(log)).hasSize(8);
            assertThat(deliver(log)).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aRewindIsAtAllAddresses(int ringEntries) {
        begin(ringEntries);
        vm.host().mapAnonymous(HVA, 4, Protection.READ_WRITE);
        HostFile file = vm.host().createFile(4);
        vm.host().mapShared(2 * HVA, 4, file, 0, Protection.READ_WRITE);
        vm.host().mapShared(4 * HVA, 4, file, 0, Protection.READ_WRITE);
        slot(0, GFN, 4, HVA);
        slot(2, 0x200, 4, 2 * HVA);
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            slot(1, ALIAS, 2, HVA + PAGE); // came later
            slot(3, 0x300, 4, 4 * HVA);
            try (DirtyLogFollower log = vm.followDirtyLog()) {
                write(0xe2000, 42);
                write(0x203_000, 43);
                deliver(log);
                vm.memslots().table().forEach(slot -> {
                    vm.memslots().harvestDirty(slot.id());
                    vm.memslots().harvestDirtyOutsideRings(slot.id());
                });
                assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.OK);
                assertThat(dirty(1)).as("a harvest knows, too").containsExactly(1);
                assertThat(dirty(3)).containsExactly(3);
                assertThat(deliver(log)).containsExactly(0xe2L, 0x203L, 0x303L, ALIAS + 1);
            }
        }
    }

    private long[] dirty(int id) {
        return (vm.vcpu(0).dirtyRing() == null
                        ? vm.memslots().harvestDirty(id)
                        : vm.memslots().harvestDirtyOutsideRings(id))
                .harvest().pages();
    }

    /** Of one array, at any distance: a page of one slot may lie in two of the other. */
    @ParameterizedTest
    @ValueSource(ints = {1, 100, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE - 5})
    void partsOfOneArrayAtAnyDistanceAreOneMemory(int distance) {
        begin(0);
        byte[] array = new byte[6 * PAGE];
        vm.ram().add(0, 0, GFN * PAGE, ByteBuffer.wrap(array, 0, 3 * PAGE));
        vm.ram().add(1, 0, ALIAS * PAGE, ByteBuffer.wrap(array, distance, 3 * PAGE));
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            for (int at = 0; at < 3 * PAGE; at += PAGE - 1) {
                write(GFN * PAGE + at, at + 1);
                deliver(log);
                write(ALIAS * PAGE + at, at + 2);
                deliver(log);
            }
        }
    }
}
