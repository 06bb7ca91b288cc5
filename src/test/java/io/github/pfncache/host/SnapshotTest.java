package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.EFAULT;
import static io.github.pfncache.host.HostResult.EINVAL;
import static io.github.pfncache.host.HostResult.ENOMEM;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.bytes;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.pfncache.address.HvaRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A snapshot holds still whatever the memory is of, and can be put back. */
class SnapshotTest {

    /** Where the tests map callers' memory and files of their own. */
    private static final long U = 0x5000_0000_0000L;

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;
    private final byte[] array = new byte[2 * 4096];
    private final ByteBuffer user = ByteBuffer.wrap(array).order(ByteOrder.LITTLE_ENDIAN);
    private final List<Long> changed = new ArrayList<>();

    @AfterEach
    void close() {
        world.close();
    }

    private HostResult rewind(HostMemory snapshot, long hva, long npages) {
        changed.clear();
        HostResult result = host.rewind(snapshot, List.of(new RewindRange(hva, hva, npages)), changed::add);
        host.audit();
        return result;
    }

    @Test
    void whereverAFileOfItIsMappedWritersAreHeldUp() {
        host.mapShared(U, 2, world.file, 0, READ_WRITE);
        world.told.clear();
        host.snapshot(List.of(HvaRange.ofPages(A, 1), HvaRange.ofPages(M, 2))).close();
        for (HvaRange range : new HvaRange[] {
            HvaRange.ofPages(A, 1), HvaRange.ofPages(M, 2), HvaRange.ofPages(U, 2)
        }) {
            assertThat(world.told).contains("start " + range, "end " + range);
        }
    }

    /** One page of a file gets a content, and then, where it is mapped again, another. */
    @Test
    void aPageThatIsPutBackTwiceIsToldOfTwice() {
        world.store(A, 5);
        host.mapShared(U, 1, world.file, 0, READ_WRITE);
        try (HostMemory snapshot = host.snapshot()) {
            assertThat(host.rewind(snapshot, List.of(new RewindRange(A, M, 1), new RewindRange(B, U, 1)), changed::add))
                    .isEqualTo(OK);
            assertThat(changed).containsExactly(M, U);
            assertThat(world.load(M)).isZero();
        }
    }

    /** Else all pages would be unlike its. */
    @Test
    void withASnapshotThatIsClosedNothingIsCompared() {
        HostMemory snapshot = host.snapshot();
        world.store(A, 5);
        assertThat(host.unlikePages(snapshot, new RewindRange(A, A, 4)).toArray()).containsExactly(A);
        snapshot.close();
        assertThatIllegalStateException()
                .isThrownBy(() -> host.unlikePages(snapshot, new RewindRange(A, A, 4)).toArray());
    }

    /** Where the snapshot has nothing, a file that has got something since does not show through. */
    @Test
    void aPrivateMappingIsZerosAgainThoughItsFileIsNot() {
        host.mapPrivate(U, 2, world.file, 8, READ_WRITE);
        try (HostMemory snapshot = host.snapshot()) {
            world.store(page(M, 8), 7);
            assertThat(world.load(U)).isEqualTo(7);
            assertThat(rewind(snapshot, U, 2)).isEqualTo(OK);
            assertThat(world.load(U)).isZero();
            assertThat(world.load(page(M, 8))).isEqualTo(7);
        }
    }

    /** It becomes the memory's too, and may not be written any more without a copy. */
    @Test
    void aPageThatTheSnapshotWroteItselfIsInvalidatedThere() {
        try (HostMemory snapshot = host.snapshot()) {
            HostWorld.store(snapshot, page(A, 1), 5);
            List<HvaRange> told = new ArrayList<>();
            snapshot.registerNotifier(new MmuNotifier() {
                @Override
                public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                    return told.add(range);
                }

                @Override
                public void invalidateRangeEnd(HvaRange range) {}
            });
            assertThat(rewind(snapshot, A, 2)).isEqualTo(OK);
            assertThat(world.load(page(A, 1))).isEqualTo(5);
            assertThat(told).containsExactly(HvaRange.ofPages(A, 2));
        }
    }

    @Test
    void everyKindOfMemoryStaysAsItWas() {
        host.mapBuffer(U, array, READ_WRITE);
        world.store(A, 1);
        world.store(page(A, 1), 2);
        host.evict(page(A, 1), 1);
        world.store(M, 3);
        world.store(page(M, 1), 4);
        host.evict(page(M, 1), 1);
        user.putLong(8, 5);
        long frames = host.framesInUse();
        try (HostMemory snapshot = host.snapshot()) {
            assertThat(host.framesInUse()).as("one shared page, one of the caller's").isEqualTo(frames + 2);
            for (long hva : new long[] {A, page(A, 1), page(A, 2), M, page(M, 1), page(M, 2), U, page(U, 1)}) {
                world.store(hva, 99);
            }
            user.putLong(8, 99);
            host.unmap(A, 1);
            host.discard(page(A, 1), 1);
            world.file.truncate(0);
            assertThat(HostWorld.load(snapshot, A)).isEqualTo(1);
            assertThat(HostWorld.load(snapshot, page(A, 1))).isEqualTo(2);
            assertThat(HostWorld.load(snapshot, page(A, 2))).isZero();
            assertThat(HostWorld.load(snapshot, M)).isEqualTo(3);
            assertThat(HostWorld.load(snapshot, page(M, 1))).isEqualTo(4);
            assertThat(HostWorld.load(snapshot, page(M, 2))).isZero();
            assertThat(HostWorld.load(snapshot, U + 8)).isEqualTo(5);
            assertThat(HostWorld.load(snapshot, page(U, 1))).isZero();
            host.audit();
        }
    }

    @Test
    void aPrivateMappingOfAFileIsCopiedWhereItStillFollowsTheFile() {
        world.file.write(0, bytes(1));
        world.file.write(4096, bytes(2));
        host.mapPrivate(U, 2, world.file, 0, READ_WRITE);
        world.store(page(U, 1), 3);
        try (HostMemory snapshot = host.snapshot()) {
            world.file.write(0, bytes(8));
            world.file.write(4096, bytes(9));
            assertThat(HostWorld.load(snapshot, U)).isEqualTo(1);
            assertThat(HostWorld.load(snapshot, page(U, 1))).isEqualTo(3);
            assertThat(world.load(U)).isEqualTo(8);
            assertThat(rewind(snapshot, U, 2)).isEqualTo(OK);
            assertThat(world.load(U)).isEqualTo(1);
            assertThat(world.load(page(U, 1))).isEqualTo(3);
            assertThat(world.load(M)).as("the file is as it is").isEqualTo(8);
        }
    }

    @Test
    void pagesOfARealFileThatWereNeverReadAreInItToo(@TempDir Path directory) throws IOException {
        Path path = Files.write(directory.resolve("disk"), ByteBuffer.allocate(3 * 4096)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(0, 1)
                .putLong(4096, 2)
                .array());
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            HostFile disk = host.openFile(channel);
            host.mapShared(U, 3, disk, 0, READ_WRITE);
            try (HostMemory snapshot = host.snapshot()) {
                world.store(U, 9);
                world.store(page(U, 2), 9);
                assertThat(HostWorld.load(snapshot, U)).isEqualTo(1);
                assertThat(HostWorld.load(snapshot, page(U, 1))).isEqualTo(2);
                assertThat(rewind(snapshot, U, 3)).isEqualTo(OK);
                assertThat(changed).containsExactly(U, page(U, 2));
                assertThat(world.load(U)).isEqualTo(1);
                world.store(U, 9);
                disk.sync();
                assertThat(rewind(snapshot, U, 3)).isEqualTo(OK);
                disk.sync();
                assertThat(Files.readAllBytes(path)[0]).as("written back, too").isEqualTo((byte) 1);
            }
        }
    }

    /** The pages that were read for it are where a leaf of private pages goes, too. */
    @Test
    void pagesOfARealFileThatWereNeverReadAreBesideThePrivateOnesOfItsLeaf(@TempDir Path directory) throws IOException {
        Path path = Files.write(directory.resolve("disk"), ByteBuffer.allocate(2 * 4096).put(0, (byte) 1).array());
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            host.mapPrivate(U, 512, host.openFile(channel), 0, READ_WRITE);
            world.store(page(U, 1), 9);
            try (HostMemory snapshot = host.snapshot()) {
                assertThat(HostWorld.load(snapshot, U)).isEqualTo(1);
                assertThat(HostWorld.load(snapshot, page(U, 1))).isEqualTo(9);
            }
        }
    }

    @Test
    void aFileThatCannotBeReadMeansNoSnapshotAndNoChange(@TempDir Path directory) throws IOException {
        Path path = Files.write(directory.resolve("disk"), new byte[4096]);
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        host.mapShared(U, 1, host.openFile(channel), 0, READ);
        channel.close();
        assertThatIllegalStateException().isThrownBy(host::snapshot).withMessageContaining("cannot be read");
        assertThat(host.space().family.members).hasSize(1);
    }

    /** Of one call: a page that is in two ranges can become one thing only. */
    @Test
    void rangesThatOverlapHaveToAgree() {
        for (int i = 0; i < 6; i++) {
            world.store(page(A, i), 10 + i);
        }
        try (HostMemory snapshot = host.snapshot()) {
            for (int i = 0; i < 6; i++) {
                world.store(page(A, i), 20 + i);
            }
            RewindRange whole = new RewindRange(A, A, 6);
            RewindRange inside = new RewindRange(page(A, 1), page(A, 1), 1);
            RewindRange other = new RewindRange(page(A, 3), page(A, 4), 1);
            for (List<RewindRange> ranges : List.of(List.of(whole, other), List.of(other, inside, whole))) {
                assertThat(host.rewind(snapshot, ranges, changed::add)).isEqualTo(EINVAL);
                assertThat(changed).isEmpty();
                assertThat(world.load(page(A, 4))).as("nothing has changed").isEqualTo(24);
            }
            assertThat(host.rewind(snapshot, List.of(inside, whole), changed::add)).isEqualTo(OK);
            assertThat(changed).as("each once").containsExactlyInAnyOrder(
                    A, page(A, 1), page(A, 2), page(A, 3), page(A, 4), page(A, 5));
            assertThat(world.load(page(A, 1))).isEqualTo(11);
            changed.clear();
            assertThat(host.rewind(snapshot, List.of(inside, new RewindRange(A, page(A, 2), 1)), changed::add))
                    .as("they are neighbours").isEqualTo(OK);
            assertThat(world.load(page(A, 2))).isEqualTo(10);
        }
    }

    @Test
    void rewindingBringsBackTheBytesAndTellsWhichPages() {
        host.mapBuffer(U, array, READ_WRITE);
        world.store(A, 1);
        world.store(page(A, 1), 2);
        world.store(M, 3);
        user.putLong(0, 4);
        try (HostMemory snapshot = host.snapshot()) {
            for (int round = 0; round < 3; round++) {
                world.store(page(A, 1), 90 + round);
                world.store(page(A, 5), 91 + round);
                world.store(page(M, 2), 92 + round);
                user.putLong(4096, 93 + round);
                world.told.clear();
                assertThat(rewind(snapshot, A, 16)).isEqualTo(OK);
                assertThat(changed).containsExactly(page(A, 1), page(A, 5));
                assertThat(world.told).containsExactly(
                        "start " + HvaRange.ofPages(A, 16), "end " + HvaRange.ofPages(A, 16));
                assertThat(rewind(snapshot, M, 16)).isEqualTo(OK);
                assertThat(changed).containsExactly(page(M, 2));
                assertThat(rewind(snapshot, U, 2)).isEqualTo(OK);
                assertThat(changed).containsExactly(page(U, 1));
                assertThat(world.load(A)).isEqualTo(1);
                assertThat(world.load(page(A, 1))).isEqualTo(2);
                assertThat(world.load(page(A, 5))).isZero();
                assertThat(world.load(M)).isEqualTo(3);
                assertThat(world.load(page(M, 2))).isZero();
                assertThat(user.getLong(0)).isEqualTo(4);
                assertThat(user.getLong(4096)).isZero();
            }
        }
        world.store(page(A, 1), 7);
        assertThat(world.load(page(A, 1))).as("its own again").isEqualTo(7);
    }

    @Test
    void whatIsEvictedOnEitherSideIsPutBackToo() {
        world.store(A, 1);
        world.store(page(A, 1), 2);
        world.store(M, 3);
        host.evict(page(A, 1), 1);
        try (HostMemory snapshot = host.snapshot()) {
            world.store(A, 91);
            world.store(page(A, 1), 92);
            world.store(M, 93);
            host.evict(A, 1);
            host.evict(M, 1);
            assertThat(rewind(snapshot, A, 2)).isEqualTo(OK);
            assertThat(rewind(snapshot, M, 1)).isEqualTo(OK);
            assertThat(world.load(A)).isEqualTo(1);
            assertThat(world.load(page(A, 1))).isEqualTo(2);
            assertThat(world.load(M)).isEqualTo(3);
        }
    }

    @Test
    void aSnapshotGoesIntoMemoryOfAnotherKindAndPlace() {
        world.store(A, 1);
        world.store(page(A, 1), 2);
        host.mapBuffer(U, array, READ_WRITE);
        try (HostMemory snapshot = host.snapshot()) {
            host.unmap(A, 16);
            assertThat(host.rewind(snapshot, List.of(new RewindRange(A, U, 2)), changed::add)).isEqualTo(OK);
            assertThat(user.getLong(0)).isEqualTo(1);
            assertThat(user.getLong(4096)).isEqualTo(2);
            assertThat(host.rewind(snapshot, List.of(new RewindRange(A, M, 2)), changed::add)).isEqualTo(OK);
            assertThat(world.load(page(M, 1))).isEqualTo(2);
            assertThat(changed).containsExactly(U, page(U, 1), M, page(M, 1));
        }
    }

    @Test
    void whatASnapshotHasWrittenItselfIsPutBackAndStaysItsOwn() {
        world.store(A, 1);
        try (HostMemory snapshot = host.snapshot()) {
            HostWorld.store(snapshot, A, 5);
            assertThat(rewind(snapshot, A, 1)).isEqualTo(OK);
            assertThat(world.load(A)).isEqualTo(5);
            HostWorld.store(snapshot, A, 6);
            world.store(A, 7);
            assertThat(HostWorld.load(snapshot, A)).isEqualTo(6);
        }
    }

    @Test
    void armedPagesStayArmed() {
        world.store(A, 1);
        try (HostMemory snapshot = host.snapshot()) {
            world.store(A, 2);
            List<Long> asked = new ArrayList<>();
            PageFaultHandler handler = fault -> {
                asked.add(fault.hva());
                return PageFaultHandler.Decision.RESOLVE;
            };
            host.registerFaultHandler(HvaRange.ofPages(A, 1), handler, false, true);
            host.writeProtect(A, 1, true);
            assertThat(rewind(snapshot, A, 1)).isEqualTo(OK);
            world.store(A + 8, 3);
            assertThat(asked).containsExactly(A);
            assertThat(world.load(A)).isEqualTo(1);
            host.unregisterFaultHandler(handler);
        }
    }

    @Test
    void aLazyRestoreCanBeAskedAboutAndFinished() {
        List<Long> asked = new ArrayList<>();
        PageFaultHandler handler = fault -> {
            asked.add(fault.hva());
            fault.page().putLong(0, fault.hva() + 1);
            return fault.hva() == page(A, 3) ? PageFaultHandler.Decision.REFUSE : PageFaultHandler.Decision.RESOLVE;
        };
        world.store(page(A, 1), 7);
        host.registerFaultHandler(HvaRange.ofPages(A, 4), handler, true, false);
        assertThat(host.unfilledPages(A, 3)).as("one has been written").isEqualTo(2);
        assertThat(host.unfilledPages(page(A, 1), 1)).isZero();
        assertThat(host.unfilledPages(page(A, 4), 1)).as("nobody would be asked").isZero();
        assertThat(asked).as("a look asks nobody").isEmpty();
        assertThat(host.fill(A, 3)).isEqualTo(OK);
        assertThat(asked).containsExactly(A, page(A, 2));
        assertThat(host.unfilledPages(A, 3)).isZero();
        assertThat(host.fill(A, 3)).isEqualTo(OK);
        assertThat(asked).hasSize(2);
        assertThat(host.fill(A, 4)).as("the handler refuses").isEqualTo(HostResult.EFAULT);
        host.unregisterFaultHandler(handler);
        assertThat(world.load(page(A, 2))).isEqualTo(page(A, 2) + 1);
        assertThat(world.load(page(A, 1))).isEqualTo(7);
    }

    @Test
    void whatCannotBePutBackChangesNothing() {
        world.store(A, 1);
        world.store(page(M, 3), 2);
        HostMemory stranger = HostMemory.builder().build();
        try (HostMemory snapshot = host.snapshot();
                HostMemory fork = host.fork()) {
            world.store(A, 9);
            assertThat(rewind(host, A, 1)).as("itself").isEqualTo(EINVAL);
            assertThat(rewind(stranger, A, 1)).isEqualTo(EINVAL);
            assertThat(rewind(fork, M, 1)).as("a file's page, which does not hold still").isEqualTo(EINVAL);
            assertThat(rewind(snapshot, A, 17)).as("not in the snapshot").isEqualTo(EINVAL);
            host.unmap(page(A, 15), 1);
            assertThat(rewind(snapshot, A, 16)).as("a hole here").isEqualTo(ENOMEM);
            world.file.truncate(3);
            assertThat(rewind(snapshot, M, 16)).as("behind the end here").isEqualTo(EFAULT);
            RewindRange first = new RewindRange(A, A, 1);
            for (RewindRange second : List.of(new RewindRange(A, A, 17), new RewindRange(M, M, 16))) {
                assertThat(host.rewind(snapshot, List.of(first, second), changed::add)).as("a later one")
                        .isNotEqualTo(OK);
            }
            assertThat(changed).isEmpty();
            world.file.truncate(4);
            assertThat(rewind(snapshot, M, 16)).as("zeros behind the end").isEqualTo(OK);
            assertThat(world.load(page(M, 3))).isEqualTo(2);
            assertThat(world.load(A)).isEqualTo(9);
        }
    }

    @Test
    void aReadOnlyHandlesPagesArePassedOver() {
        host.mapShared(U, 1, world.file.asReadOnly(), 0, READ);
        try (HostMemory snapshot = host.snapshot()) {
            world.store(M, 5);
            assertThat(rewind(snapshot, U, 1)).isEqualTo(OK);
            assertThat(changed).isEmpty();
            assertThat(world.load(M)).isEqualTo(5);
        }
    }

    @Test
    void withoutMemoryForTheCopyThereIsNoSnapshot() {
        HostMemory small = HostMemory.builder().chunkBytes(4096, 4096).maxBytes(2 * 4096).build();
        small.mapAnonymous(A, 1, READ_WRITE);
        small.mapBuffer(U, array, READ_WRITE);
        user.putLong(0, 1).putLong(4096, 1);
        HostWorld.store(small, A, 1);
        assertThatIllegalStateException().isThrownBy(small::snapshot).withMessageContaining("ENOMEM");
        assertThat(small.space().family.members).hasSize(1);
        assertThat(small.framesInUse()).isEqualTo(1);
        assertThat(HostWorld.store(small, A, 2)).isTrue();
        user.putLong(4096, 0);
        try (HostMemory snapshot = small.snapshot()) {
            assertThat(HostWorld.load(snapshot, U)).as("zeros cost nothing").isEqualTo(1);
        }
        small.audit();
    }
}
