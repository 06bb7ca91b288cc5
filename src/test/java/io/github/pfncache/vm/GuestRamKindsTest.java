package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every kind of access, the dirty log and a snapshot, over every kind of RAM. */
class GuestRamKindsTest {

    private static final int PAGE = 4096;
    private static final int NPAGES = 4;
    private static final long GPA = 0x100000;

    /** What the RAM is; slices begin in the middle of a word. */
    enum Kind {
        ARRAY,
        ARRAYS_OF_A_PAGE,
        HEAP_SLICE,
        DIRECT,
        DIRECT_SLICE,
        MAPPED_FILE,
        LIBRARY_FILE,
        ANONYMOUS;

        /** Plugs it in as slot 0, with its log on. */
        Change plug(Vm vm, Path directory) throws IOException {
            int flags = Memslot.FLAG_LOG_DIRTY_PAGES;
            int bytes = NPAGES * PAGE;
            return switch (this) {
                case ARRAY -> vm.ram().add(0, flags, GPA, new byte[bytes]);
                case ARRAYS_OF_A_PAGE -> vm.ram().add(0, flags, GPA, new byte[NPAGES][PAGE]);
                case HEAP_SLICE -> vm.ram().add(0, flags, GPA, ByteBuffer.allocate(bytes + 16).slice(5, bytes));
                case DIRECT -> vm.ram().add(0, flags, GPA, ByteBuffer.allocateDirect(bytes));
                case DIRECT_SLICE ->
                    vm.ram().add(0, flags, GPA, ByteBuffer.allocateDirect(bytes + 16).slice(5, bytes));
                case MAPPED_FILE -> vm.ram().add(0, flags, GPA, map(directory.resolve("ram"), bytes));
                case LIBRARY_FILE -> vm.ram().add(0, flags, GPA, vm.host().createFile(NPAGES));
                case ANONYMOUS -> vm.ram().add(0, flags, GPA, NPAGES);
            };
        }

        private static ByteBuffer map(Path path, int bytes) throws IOException {
            try (FileChannel channel = FileChannel.open(
                    path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                return channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes);
            }
        }
    }

    private final Vm vm = Vm.builder().build();

    private long[] dirty() {
        return vm.memslots().harvestDirty(0).harvest().pages();
    }

    private long load(long gpa) {
        byte[] bytes = new byte[8];
        assertThat(vm.guestMemory().read(gpa, bytes)).isEqualTo(8);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    @ParameterizedTest
    @EnumSource
    void oneShotLoadsAndStoresWorkAndAreLogged(Kind kind, @TempDir Path directory) throws IOException {
        assertThat(kind.plug(vm, directory)).isEqualTo(Change.DONE);
        GfnPfnCache cache = vm.newCache(16);
        assertThat(cache.activate(GPA + PAGE + 8)).isEqualTo(Outcome.OK);
        assertThat(dirty()).isEmpty();
        assertThat(cache.loadLong(0, -1)).isZero();
        assertThat(cache.storeLong(0, 0x1122334455667788L)).isEqualTo(Outcome.OK);
        assertThat(cache.loadInt(3, -1)).isEqualTo(0x22334455);
        assertThat(load(GPA + PAGE + 8)).isEqualTo(0x1122334455667788L);
        assertThat(dirty()).containsExactly(1);
        assertThat(cache.loadLong(8, -1)).isZero();
        assertThat(dirty()).as("a load is no write").isEmpty();
        cache.deactivate();
        VmAudit.atRest(vm);
    }

    @ParameterizedTest
    @EnumSource
    void accessesAndAtomicBitsAndAreasWorkAndAreLogged(Kind kind, @TempDir Path directory) throws IOException {
        kind.plug(vm, directory);
        GfnPfnCache cache = vm.newCache(64);
        cache.activate(GPA + 2 * PAGE);
        try (GuestAccess access = cache.access()) {
            assertThat(access.testAndSetBit(8, 13)).isFalse();
            assertThat(access.testAndSetBit(8, 13)).isTrue();
            access.put(16, new byte[] {1, 2, 3});
        }
        assertThat(load(GPA + 2 * PAGE + 8)).isEqualTo(1 << 13);
        assertThat(dirty()).containsExactly(2);
        GuestArea area = vm.newArea();
        assertThat(area.activate(GPA + PAGE - 4, 8)).isEqualTo(Outcome.OK);
        try (AreaAccess access = area.access()) {
            access.putLong(0, 0x0102030405060708L);
        }
        assertThat(load(GPA + PAGE - 4)).isEqualTo(0x0102030405060708L);
        assertThat(dirty()).containsExactly(0, 1);
        cache.deactivate();
        area.deactivate();
        VmAudit.atRest(vm);
    }

    @ParameterizedTest
    @EnumSource
    void aSnapshotOfItCanBePutBack(Kind kind, @TempDir Path directory) throws IOException {
        kind.plug(vm, directory);
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA + PAGE);
        assertThat(cache.storeLong(0, 1)).isEqualTo(Outcome.OK);
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            assertThat(cache.storeLong(0, 2)).isEqualTo(Outcome.OK);
            dirty();
            assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.OK);
            assertThat(cache.loadLong(0, -1)).isEqualTo(1);
            assertThat(dirty()).containsExactly(1);
        }
        assertThat(cache.storeLong(0, 3)).isEqualTo(Outcome.OK);
        cache.deactivate();
        assertThat(vm.ram().remove(0)).isEqualTo(Change.DONE);
        assertThat(vm.host().framesInUse()).isEqualTo(kind == Kind.LIBRARY_FILE ? 1 : 0);
        VmAudit.atRest(vm);
        vm.host().audit();
    }
}
