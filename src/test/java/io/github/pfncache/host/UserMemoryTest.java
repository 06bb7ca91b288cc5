package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.EINVAL;
import static io.github.pfncache.host.HostResult.ENOMEM;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Memory of the library's user as guest memory: which there is, where it begins, what becomes of it. */
class UserMemoryTest {

    private static final int PAGE = 4096;
    private static final long GIB = 1L << 30;

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;

    @AfterEach
    void close() {
        world.close();
    }

    @Test
    void memoryThatIsMappedNoMoreIsNotReferredTo() {
        assertThat(host.mapBuffer(HostWorld.A, new byte[2 * PAGE], Protection.READ_WRITE)).isEqualTo(HostResult.OK);
        HostPage page = host.hvaToPage(HostWorld.A);
        host.release(page);
        FrameSupply supply = host.space().family.store.frames.supply;
        assertThat(supply.chunk((int) page.pfn())).isNotNull();
        assertThat(host.unmap(HostWorld.A, 2)).isEqualTo(HostResult.OK);
        assertThat(supply.chunk((int) page.pfn())).isNull();
    }

    /** The kinds of memory there are; each makes a block of some pages. */
    enum Kind {
        ARRAY,
        HEAP_SLICE_AT_EIGHT,
        HEAP_SLICE_AT_THREE,
        DIRECT,
        DIRECT_SLICE_AT_EIGHT,
        DIRECT_SLICE_AT_THREE,
        MAPPED;

        ByteBuffer block(int npages, Path directory) {
            int bytes = npages * PAGE;
            return switch (this) {
                case ARRAY -> ByteBuffer.wrap(new byte[bytes]);
                case HEAP_SLICE_AT_EIGHT -> ByteBuffer.allocate(bytes + PAGE).slice(8, bytes);
                case HEAP_SLICE_AT_THREE -> ByteBuffer.allocate(bytes + PAGE).slice(3, bytes);
                case DIRECT -> ByteBuffer.allocateDirect(bytes);
                case DIRECT_SLICE_AT_EIGHT -> alignedDirect(bytes).slice(8, bytes);
                case DIRECT_SLICE_AT_THREE -> alignedDirect(bytes).slice(3, bytes);
                case MAPPED -> map(directory.resolve("ram"), 0, bytes);
            };
        }

        private static ByteBuffer alignedDirect(int bytes) {
            return ByteBuffer.allocateDirect(bytes + 2 * PAGE).alignedSlice(PAGE);
        }

        boolean isOnHeap() {
            return this == ARRAY || this == HEAP_SLICE_AT_EIGHT || this == HEAP_SLICE_AT_THREE;
        }

        boolean isAligned() {
            return this != HEAP_SLICE_AT_THREE && this != DIRECT_SLICE_AT_THREE;
        }
    }

    private static ByteBuffer map(Path file, long position, long bytes) {
        try (FileChannel channel = FileChannel.open(
                file,
                StandardOpenOption.CREATE,
                StandardOpenOption.SPARSE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            return channel.map(FileChannel.MapMode.READ_WRITE, position, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What this platform really does with an aligned ordered access on the heap. */
    private static boolean platformHasAtomicsOnTheHeap() {
        VarHandle longs = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
        try {
            longs.setVolatile(ByteBuffer.allocate(16), 8, 1L);
            return true;
        } catch (IllegalStateException | UnsupportedOperationException e) {
            return false;
        }
    }

    @Test
    void whetherTheHeapHasAtomicsIsWhatThePlatformSays() {
        int release = Runtime.version().feature();
        boolean has = platformHasAtomicsOnTheHeap();
        if (release == 17) {
            assertThat(has).isTrue();
        } else if (release >= 25) {
            assertThat(has).isFalse();
        }
        assertThat(HostMemory.hasNativeAtomics(ByteBuffer.allocate(PAGE))).isEqualTo(has);
        assertThat(HostMemory.hasNativeAtomics(ByteBuffer.allocate(PAGE).position(3))).isFalse();
        assertThat(HostMemory.hasNativeAtomics(ByteBuffer.allocateDirect(PAGE).alignedSlice(8))).isTrue();
        assertThat(HostMemory.hasNativeAtomics(ByteBuffer.allocate(PAGE).asReadOnlyBuffer())).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void callerAndGuestSeeTheSameBytesWhateverTheMemoryIs(Kind kind, @TempDir Path directory) {
        ByteBuffer block = kind.block(3, directory).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(host.mapBuffer(A, block, READ_WRITE)).isEqualTo(OK);
        for (int i = 0; i < 3; i++) { // bounded by the block's pages
            world.store(page(A, i) + 8, i + 1);
            assertThat(block.getLong(i * PAGE + 8)).isEqualTo(i + 1);
            block.putLong(i * PAGE + 16, i + 10);
            assertThat(world.load(page(A, i) + 16)).isEqualTo(i + 10);
        }
        HostPage page = host.hvaToPage(A);
        HostMapping khva = host.map(page);
        assertThat(khva.hasNativeAtomics())
                .isEqualTo(HostMemory.hasNativeAtomics(block))
                .isEqualTo(kind.isAligned() && (!kind.isOnHeap() || platformHasAtomicsOnTheHeap()));
        assertThat(khva.compareAndSet(4088, 8, 0, 5)).isTrue();
        assertThat(khva.compareAndSet(4088, 4, 5, 7)).isTrue();
        assertThat(khva.compareAndSet(4088, 8, 7, 8)).isTrue();
        assertThat(block.getLong(4088)).isEqualTo(8);
        assertThat(block.getLong(PAGE)).as("the page behind").isZero();
        host.unmap(khva);
        host.release(page);
    }

    @Test
    void whatBelongsToTheBufferAndNotToTheBytesNeitherMattersNorChanges() {
        ByteBuffer buffer = ByteBuffer.allocate(4 * PAGE).order(ByteOrder.BIG_ENDIAN);
        buffer.position(100).mark().position(PAGE).limit(3 * PAGE);
        assertThat(host.mapBuffer(A, buffer, READ_WRITE)).isEqualTo(OK);
        world.store(page(A, 1), 0x1122334455667788L);
        assertThat(buffer.getLong(2 * PAGE)).as("big endian, as the caller wants it").isEqualTo(0x8877665544332211L);
        assertThat(host.isPresent(page(A, 2))).as("behind the limit").isFalse();
        assertThat(buffer.position()).isEqualTo(PAGE);
        assertThat(buffer.limit()).isEqualTo(3 * PAGE);
        assertThat(buffer.order()).isEqualTo(ByteOrder.BIG_ENDIAN);
        assertThat(buffer.reset().position()).isEqualTo(100);
    }

    @Test
    void aPartOfAPageIsRefusedWithTheLengthThatCanBeUsed() {
        int files = host.space().family.files.size();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> host.mapBuffer(A, new byte[1_000_000], READ_WRITE))
                .withMessageContaining("length=1000000")
                .withMessageContaining("999424 of them can be used")
                .withMessageContaining("or add 3520");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> host.mapBuffers(
                        A, List.of(ByteBuffer.allocate(PAGE), ByteBuffer.allocate(PAGE - 1)), READ_WRITE))
                .withMessageContaining("block 1 of 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> host.mapBuffer(A, ByteBuffer.allocate(PAGE).asReadOnlyBuffer(), READ))
                .withMessageContaining("read-only");
        assertThatIllegalArgumentException().isThrownBy(() -> host.mapBuffer(A, new byte[0], READ));
        assertThatIllegalArgumentException().isThrownBy(() -> host.mapBuffers(A, List.of(), READ));
        assertThat(host.mapBuffer(A, ByteBuffer.wrap(new byte[1_000_000]).limit(999_424), READ_WRITE)).isEqualTo(OK);
        assertThat(host.space().family.files).hasSize(files + 1);
    }

    @Test
    void blocksOfAllKindsFollowEachOther(@TempDir Path directory) {
        List<ByteBuffer> blocks = List.of(
                ByteBuffer.allocate(PAGE).order(ByteOrder.LITTLE_ENDIAN),
                Kind.DIRECT_SLICE_AT_THREE.block(2, directory).order(ByteOrder.LITTLE_ENDIAN),
                Kind.MAPPED.block(1, directory).order(ByteOrder.LITTLE_ENDIAN));
        assertThat(host.mapBuffers(A, blocks, READ_WRITE)).isEqualTo(OK);
        IntStream.range(0, 4).forEach(i -> world.store(page(A, i) + 4088, i + 1));
        assertThat(blocks.get(0).getLong(4088)).isEqualTo(1);
        assertThat(blocks.get(1).getLong(4088)).isEqualTo(2);
        assertThat(blocks.get(1).getLong(PAGE + 4088)).isEqualTo(3);
        assertThat(blocks.get(2).getLong(4088)).isEqualTo(4);
    }

    @Test
    void moreThanTwoGibibytesAreSeveralMappedBuffers(@TempDir Path directory) {
        Path file = directory.resolve("large");
        List<ByteBuffer> blocks = List.of(map(file, 0, 3 * GIB / 2), map(file, 3 * GIB / 2, 3 * GIB / 2));
        long hva = host.reserve(3 * GIB / PAGE);
        assertThat(host.mapBuffers(hva, blocks, READ_WRITE)).isEqualTo(OK);
        long[] places = {0, 3 * GIB / 2 - 8, 3 * GIB / 2, 2 * GIB - 8, 2 * GIB, 3 * GIB - 8};
        for (long place : places) {
            world.store(hva + place, place + 1);
        }
        ByteBuffer again = map(file, 2 * GIB, GIB).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(again.getLong(0)).isEqualTo(2 * GIB + 1);
        assertThat(again.getLong((int) GIB - 8)).isEqualTo(3 * GIB - 8 + 1);
        for (long place : places) {
            assertThat(world.load(hva + place)).isEqualTo(place + 1);
        }
        assertThat(host.unmap(hva, 3 * GIB / PAGE)).isEqualTo(OK);
    }

    @Test
    void theSameMemoryMayBeMappedTwiceAndInOverlappingSlices() {
        byte[] array = new byte[4 * PAGE];
        host.mapBuffer(A, array, READ_WRITE);
        host.mapBuffer(B, ByteBuffer.wrap(array).slice(PAGE + 16, 2 * PAGE), READ_WRITE);
        world.store(page(A, 1) + 16, 1);
        assertThat(world.load(B)).isEqualTo(1);
        world.store(B + 4088, 2);
        assertThat(world.load(page(A, 2) + 8)).isEqualTo(2);
        host.unmap(A, 4);
        assertThat(world.load(B)).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource
    void atomicsExcludeEachOtherThroughEveryAliasAMultipleOfEightApart(Kind kind, @TempDir Path directory) {
        ByteBuffer block = kind.block(2, directory).order(ByteOrder.LITTLE_ENDIAN);
        host.mapBuffer(A, block.slice(0, PAGE), READ_WRITE);
        host.mapBuffer(B, block.slice(24, PAGE), READ_WRITE);
        Adder first = new Adder(host, A, 512);
        Adder second = new Adder(host, B, 512 - 24);
        Thread other = new Thread(second);
        other.start();
        first.run();
        join(other);
        assertThat(block.getLong(512)).isEqualTo(2 * Adder.TIMES);
    }

    /** Counts up one word of a page. */
    private record Adder(HostMemory host, long hva, int offset) implements Runnable {

        static final int TIMES = 20_000;

        @Override
        public void run() {
            HostPage page = host.hvaToPage(hva);
            HostMapping khva = host.map(page);
            for (int i = 0; i < TIMES; i++) {
                long now = khva.getVolatile(offset, 8);
                while (!khva.compareAndSet(offset, 8, now, now + 1)) { // each turn, another thread has added
                    now = khva.getVolatile(offset, 8);
                }
            }
            host.unmap(khva);
            host.release(page);
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theHostLeavesSuchPagesWhereTheyAre(Kind kind, @TempDir Path directory) {
        ByteBuffer block = kind.block(2, directory).order(ByteOrder.LITTLE_ENDIAN);
        host.mapBuffer(A, block, READ_WRITE);
        world.store(A, 1);
        world.told.clear();
        assertThat(host.migrate(A)).isEqualTo(HostResult.EINVAL);
        assertThat(host.evict(A, 2)).isEqualTo(OK);
        assertThat(host.tryEvict(A, 2)).isEqualTo(OK);
        assertThat(host.isPresent(A)).as("not evicted").isTrue();
        assertThat(host.remove(A, 2)).isEqualTo(EINVAL);
        assertThat(host.freeLazily(A, 2)).isEqualTo(EINVAL);
        assertThat(host.discard(A, 2)).isEqualTo(OK);
        assertThat(host.isPresent(A)).as("the mapping is gone").isFalse();
        assertThat(world.load(A)).as("the bytes are not").isEqualTo(1);
        assertThat(host.move(A, 2, 0x5000_0000L)).isEqualTo(OK);
        assertThat(world.load(0x5000_0000L)).isEqualTo(1);
        assertThat(host.protect(0x5000_0000L, 2, READ)).isEqualTo(OK);
        assertThat(world.store(0x5000_0000L, 9)).isFalse();
        try (HostMemory child = host.fork()) {
            block.putLong(0, 2);
            assertThat(HostWorld.load(child, 0x5000_0000L)).as("shared with the child").isEqualTo(2);
            host.unmap(0x5000_0000L, 2);
            assertThat(HostWorld.load(child, 0x5000_0000L)).as("and the child keeps it").isEqualTo(2);
        }
        assertThat(host.framesInUse()).isZero();
    }

    @Test
    void memoryThatIsMappedNowhereAnyMoreIsLetGo() {
        FrameStore frames = new FrameStore(
                new FrameSupply(true, 4, 4, 1 << 20, 3, ByteBuffer::allocateDirect), true);
        HostMemory small = HostMemoryBuilder.build(frames, 100);
        small.mapAnonymous(B, 1, READ_WRITE);
        HostWorld.store(small, B, 7);
        for (int i = 0; i < 50; i++) { // far more blocks than there are numbers
            assertThat(small.mapBuffers(A, List.of(ByteBuffer.allocate(PAGE), ByteBuffer.allocate(PAGE)), READ_WRITE))
                    .isEqualTo(OK);
            assertThat(HostWorld.store(small, page(A, 1), i)).isTrue();
            assertThat(small.mapBuffer(0x5000_0000L, new byte[PAGE], READ_WRITE))
                    .as("no number is left")
                    .isEqualTo(ENOMEM);
            small.audit();
            small.unmap(A, 2);
            assertThat(small.space().family.files).isEmpty();
        }
        assertThat(HostWorld.load(small, B)).isEqualTo(7);
        small.audit();
    }

    @Test
    void aStaleNumberNamesNothingOrAnotherBlocksPage() {
        FrameStore frames = new FrameStore(
                new FrameSupply(true, 4, 4, 1 << 20, 1, ByteBuffer::allocateDirect), true);
        int[] twenty = frames.supply.adopt(List.of(ByteBuffer.allocate(20 * PAGE)));
        IntStream.of(twenty).forEach(frames::dropOwner);
        assertThat(frames.tryGet(twenty[0])).as("nothing has the number").isFalse();
        int[] one = frames.supply.adopt(List.of(ByteBuffer.allocate(PAGE)));
        assertThat(one[0]).as("the number is used again").isEqualTo(twenty[0]);
        for (int page = 1; page < 20; page++) {
            assertThat(frames.tryGet(twenty[page])).as("behind the end of the smaller block").isFalse();
        }
        assertThat(frames.tryGet(twenty[0])).isTrue();
        frames.put(twenty[0]);
        frames.dropOwner(one[0]);
        assertThat(frames.supply.adopt(List.of(ByteBuffer.allocate(PAGE)))).isNotNull();
    }

    @Test
    void aPageInUseKeepsItsMemoryUntilItIsReleased() {
        FrameStore frames = new FrameStore(
                new FrameSupply(true, 4, 4, 1 << 20, 1, ByteBuffer::allocateDirect), true);
        HostMemory small = HostMemoryBuilder.build(frames, 100);
        small.mapBuffer(A, new byte[PAGE], READ_WRITE);
        HostPage page = small.hvaToPage(A);
        HostMapping khva = small.map(page);
        small.unmap(A, 1);
        assertThat(small.mapBuffer(A, new byte[PAGE], READ_WRITE)).isEqualTo(ENOMEM);
        small.release(page);
        assertThat(small.mapBuffer(A, new byte[PAGE], READ_WRITE)).isEqualTo(OK);
        khva.put(0, 8, 5);
        assertThat(HostWorld.load(small, A)).as("a stale mapping is one of the old memory").isZero();
        small.unmap(khva);
        small.audit();
    }

    @Test
    void reservedRoomIsWhereNothingElseIs() {
        long first = host.reserve(16);
        long second = host.reserve(1);
        assertThat(first).isGreaterThanOrEqualTo(1L << 55);
        assertThat(second).as("with a page between them").isEqualTo(first + 17 * PAGE);
        assertThat(world.store(first, 1)).as("without access").isFalse();
        host.unmap(first, 16);
        assertThat(host.reserve(1)).as("used again as late as possible").isEqualTo(second + 2 * PAGE);
        long rest = (1L << 56) - second - 5 * PAGE;
        assertThat(host.reserve(rest / PAGE)).isEqualTo(second + 4 * PAGE);
        assertThat(host.reserve(17)).as("one too many").isEqualTo(-1);
        assertThat(host.reserve(16)).as("from the start again").isEqualTo(first);
        assertThat(host.reserve(Long.MAX_VALUE)).isEqualTo(-1);
        assertThat(host.reserve(1)).isEqualTo(-1);
        assertThatIllegalArgumentException().isThrownBy(() -> host.reserve(0));
    }
}
