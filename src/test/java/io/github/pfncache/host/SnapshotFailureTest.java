package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.ENOMEM;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots, forks and rewinds of memory that is not there yet, or does not suffice, or whose users throw. */
class SnapshotFailureTest {

    /** Where the tests map files of their own. */
    private static final long U = 0x5000_0000_0000L;

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;
    private final List<Long> asked = new ArrayList<>();

    @AfterEach
    void close() {
        host.audit();
        world.close();
    }

    /** Fills page n of an arena with n + 1. */
    private PageFaultHandler fills(long arena) {
        return fault -> {
            asked.add(fault.hva());
            fault.page().putLong(0, (fault.hva() - arena >> 12) + 1);
            return PageFaultHandler.Decision.RESOLVE;
        };
    }

    private void serve(long arena, int npages, PageFaultHandler handler) {
        host.registerFaultHandler(HvaRange.ofPages(arena, npages), handler, true, false);
    }

    @Test
    void whatAHandlerHasStillToFillIsInTheSnapshot() {
        serve(A, 4, fills(A));
        serve(M, 3, fills(M));
        world.store(page(A, 1), 77); // the handler's page, and a value
        try (HostMemory snapshot = host.snapshot()) {
            for (int i = 0; i < 4; i++) {
                assertThat(HostWorld.load(snapshot, page(A, i))).isEqualTo(i == 1 ? 77 : i + 1);
            }
            assertThat(HostWorld.load(snapshot, page(M, 2))).as("a file's").isEqualTo(3);
            assertThat(HostWorld.load(snapshot, page(M, 3))).as("nobody serves it").isZero();
            assertThat(asked).as("once each").hasSize(7).doesNotHaveDuplicates();
            assertThat(world.load(page(A, 2))).as("the same here").isEqualTo(3);
        }
    }

    @Test
    void whatWasEvictedIsWhatTheHandlerSaysToo() {
        world.store(A, 5);
        host.evict(A, 1);
        serve(A, 1, fault -> {
            assertThat(fault.reason()).isEqualTo(PageFault.Reason.EVICTED);
            fault.page().putLong(0, fault.page().getLong(0) + 1);
            return PageFaultHandler.Decision.RESOLVE;
        });
        try (HostMemory snapshot = host.snapshot()) {
            assertThat(HostWorld.load(snapshot, A)).isEqualTo(6);
            assertThat(world.load(A)).isEqualTo(6);
        }
    }

    @Test
    void aHandlerThatRefusesOrThrowsMeansNoSnapshotAndSaysWhy() {
        boolean[] works = {false};
        serve(A, 3, fault -> {
            if (!works[0] && fault.hva() == page(A, 1)) {
                return PageFaultHandler.Decision.REFUSE;
            }
            if (!works[0] && fault.hva() == page(A, 2)) {
                throw new IllegalArgumentException("the line is dead");
            }
            return fills(A).onFault(fault);
        });
        assertThatIllegalStateException().isThrownBy(host::snapshot)
                .withMessageContaining("0x200000001000").withMessageContaining("REFUSED");
        host.protect(page(A, 1), 1, Protection.NONE); // nobody can read it: nothing to be filled
        assertThatThrownBy(host::snapshot).hasMessage("the line is dead");
        assertThat(host.space().family.members).hasSize(1);
        assertThat(host.framesInUse()).as("the page that was filled").isEqualTo(1);
        works[0] = true;
        host.protect(page(A, 1), 1, READ_WRITE);
        try (HostMemory snapshot = host.snapshot()) {
            assertThat(HostWorld.load(snapshot, page(A, 2))).isEqualTo(3);
        }
    }

    @Test
    void insideItsHandlerASnapshotIsRefused() {
        List<Throwable> seen = new ArrayList<>();
        serve(A, 1, fault -> {
            try {
                host.snapshot().close();
            } catch (IllegalStateException e) {
                seen.add(e);
            }
            return PageFaultHandler.Decision.RESOLVE;
        });
        assertThat(world.store(A, 1)).isTrue();
        assertThat(seen).singleElement().asString().contains("REFUSED");
    }

    @Test
    void aHandlerThatCameLaterDoesNotFillWhatIsPutBack() {
        world.store(page(M, 2) + 8, 0);
        host.evict(page(M, 2), 1);
        try (HostMemory snapshot = host.snapshot()) {
            serve(A, 4, fills(A));
            serve(M, 4, fills(M));
            world.store(page(A, 1), 9);
            world.file.punchHole(2, 1);
            List<Long> changed = new ArrayList<>();
            assertThat(host.rewind(snapshot, List.of(new RewindRange(A, A, 4)), changed::add)).isEqualTo(OK);
            assertThat(host.rewind(snapshot, List.of(new RewindRange(M, M, 4)), changed::add)).isEqualTo(OK);
            assertThat(changed).hasSize(8);
            for (int i = 0; i < 4; i++) {
                assertThat(HostWorld.store(host, page(A, i) + 8, 1)).isTrue();
                assertThat(world.load(page(A, i))).isZero();
                assertThat(HostWorld.store(host, page(M, i) + 8, 1)).isTrue();
                assertThat(world.load(page(M, i))).isZero();
            }
        }
    }

    /** A notifier takes what a handler has filled: it fills it again. */
    @Test
    void aPageThatGoesAfterItWasFilledIsFilledAgain() {
        serve(A, 2, fills(A));
        boolean[] gone = {false};
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                if (!gone[0]) {
                    gone[0] = true;
                    host.discard(A, 1);
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        try (HostMemory snapshot = host.snapshot()) {
            assertThat(gone).containsExactly(true);
            assertThat(HostWorld.load(snapshot, A)).isEqualTo(1);
        }
    }

    /** Behind the end of a file, or forbidden: there is nothing that a handler could be asked for. */
    @Test
    void pagesThatCannotBeTouchedHoldNoSnapshotUp() {
        serve(A, 4, fills(A));
        serve(M, 4, fills(M));
        host.protect(page(A, 1), 2, Protection.NONE);
        world.file.truncate(2);
        try (HostMemory snapshot = host.snapshot()) {
            assertThat(HostWorld.load(snapshot, A)).isEqualTo(world.load(A)).isNotZero();
            assertThat(HostWorld.load(snapshot, M)).isEqualTo(world.load(M)).isNotZero();
        }
        assertThat(asked).doesNotContain(page(A, 1), page(A, 2), page(M, 2));
    }

    @Test
    void whatWasDiscardedSinceIsPutBackAndNotAskedFor() {
        serve(A, 2, fills(A));
        try (HostMemory snapshot = host.snapshot()) {
            host.discard(A, 2);
            assertThat(host.rewind(snapshot, List.of(new RewindRange(A, A, 2)), hva -> {})).isEqualTo(OK);
            asked.clear();
            assertThat(world.store(page(A, 1) + 8, 5)).isTrue();
            assertThat(world.load(page(A, 1))).isEqualTo(2);
            assertThat(asked).isEmpty();
        }
    }

    /** 64 MiB of holes, memory for 16 MiB, one page touched. */
    @Test
    void theHolesOfAFileNeedNoFrames(@TempDir Path directory) throws IOException {
        Path path = directory.resolve("sparse");
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(64L << 20);
            file.seek(5 * 4096);
            file.writeByte(7);
        }
        HostMemory small = HostMemory.builder().maxBytes(16 << 20).build();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            HostFile disk = small.openFile(channel);
            small.mapShared(U, 16384, disk, 0, READ_WRITE);
            small.mapPrivate(2 * U, 16384, disk, 0, READ_WRITE);
            HostWorld.store(small, U, 1);
            try (HostMemory snapshot = small.snapshot()) {
                assertThat(small.framesInUse()).as("twice the page touched, twice the one that is not zeros")
                        .isEqualTo(1 + 2 + 2);
                assertThat(HostWorld.load(snapshot, U)).isEqualTo(1);
                assertThat(HostWorld.load(snapshot, page(U, 5))).isEqualTo(7);
                assertThat(HostWorld.load(snapshot, page(2 * U, 5))).isEqualTo(7);
                HostWorld.store(small, page(U, 9000), 5);
                List<Long> changed = new ArrayList<>();
                assertThat(small.rewind(snapshot, List.of(new RewindRange(U, U, 16384)), changed::add)).isEqualTo(OK);
                assertThat(small.rewind(snapshot, List.of(new RewindRange(2 * U, 2 * U, 16384)), hva -> {}))
                        .isEqualTo(OK);
                assertThat(changed).containsExactly(page(U, 9000));
                assertThat(small.framesInUse()).isLessThan(20);
                small.audit();
            }
            assertThat(HostWorld.store(small, page(U, 16383), 1)).isTrue();
        }
        small.close();
    }

    @Test
    void aSnapshotThatFailsInTheMiddleGivesEverythingBack(@TempDir Path directory) throws IOException {
        byte[] full = new byte[8 * 4096];
        java.util.Arrays.fill(full, (byte) 1);
        Path path = Files.write(directory.resolve("disk"), full);
        HostMemory small = HostMemory.builder().chunkBytes(4096, 4096).maxBytes(6 * 4096).build();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            small.mapShared(U, 8, small.openFile(channel), 0, READ_WRITE);
            HostWorld.store(small, U, 1);
            assertThatIllegalStateException().isThrownBy(small::snapshot).withMessageContaining("ENOMEM");
            assertThat(small.framesInUse()).isEqualTo(1);
            assertThat(small.space().family.members).hasSize(1);
            for (int i = 0; i < 6; i++) {
                assertThat(HostWorld.store(small, page(U, i), 1)).as("there is memory for the guest").isTrue();
            }
            small.audit();
        }
    }

    @Test
    void aRewindForWhichMemoryIsShortChangesNothing() {
        HostMemory small = HostMemory.builder().chunkBytes(4096, 4096).maxBytes(4 * 4096).build();
        byte[] array = new byte[3 * 4096];
        ByteBuffer user = ByteBuffer.wrap(array).order(ByteOrder.LITTLE_ENDIAN);
        small.mapBuffer(U, array, READ_WRITE);
        for (int i = 0; i < 3; i++) {
            user.putLong(i * 4096, i + 1);
        }
        HostFile holes = small.createFile(3);
        small.mapShared(A, 3, holes, 0, READ_WRITE);
        try (HostMemory snapshot = small.snapshot()) {
            small.mapAnonymous(B, 1, READ_WRITE);
            HostWorld.store(small, B, 1);
            small.unmap(B, 1); // one frame is free, and found for the first page
            List<Long> changed = new ArrayList<>();
            assertThat(small.rewind(snapshot, List.of(new RewindRange(U, A, 3)), changed::add)).isEqualTo(ENOMEM);
            assertThat(changed).isEmpty();
            assertThat(small.framesInUse()).isEqualTo(3);
            assertThat(HostWorld.load(small, A)).isZero();
            small.audit();
            assertThat(small.rewind(snapshot, List.of(new RewindRange(U, A, 1)), changed::add)).isEqualTo(OK);
            assertThat(HostWorld.load(small, A)).isEqualTo(1);
            small.audit();
        }
    }

    @Test
    void whoeverThrowsAtTheEndLeavesNoChildBehind() {
        world.store(A, 1);
        MmuNotifier broken = new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                throw new UnsupportedOperationException("no end");
            }
        };
        for (Supplier<HostMemory> copy : List.<Supplier<HostMemory>>of(host::fork, host::snapshot)) {
            host.registerNotifier(broken);
            assertThatThrownBy(copy::get).hasMessage("no end");
            host.unregisterNotifier(broken);
            assertThat(host.space().family.members).hasSize(1);
            assertThat(host.framesInUse()).isEqualTo(1);
            host.audit();
            assertThat(world.store(A, 2)).isTrue();
        }
    }

    @Test
    void whoThrowsWhenToldIsToldOfTheOthers() {
        try (HostMemory snapshot = host.snapshot()) {
            for (int i = 0; i < 3; i++) {
                world.store(page(A, i), 9);
            }
            List<Long> told = new ArrayList<>();
            assertThatThrownBy(() -> host.rewind(snapshot, List.of(new RewindRange(A, A, 3)), hva -> {
                told.add(hva);
                throw new UnsupportedOperationException("told " + told.size());
            })).hasMessage("told 1");
            assertThat(told).containsExactly(A, page(A, 1), page(A, 2));
            assertThat(world.load(page(A, 2))).isZero();
        }
    }

    @Test
    void aSnapshotOfSomeRangesHasNoOthers() {
        world.store(A, 1);
        world.store(page(A, 3), 2);
        world.store(M, 3);
        List<HvaRange> ranges = List.of(HvaRange.ofPages(page(A, 2), 4), HvaRange.ofPages(page(A, 3), 2));
        world.told.clear();
        try (HostMemory snapshot = host.snapshot(ranges)) {
            assertThat(world.told).as("nobody else stands still").containsExactly(
                    "start " + HvaRange.ofPages(page(A, 2), 4), "end " + HvaRange.ofPages(page(A, 2), 4));
            assertThat(HostWorld.load(snapshot, page(A, 3))).isEqualTo(2);
            assertThat(snapshot.peek(A, new byte[1])).isEqualTo(HostResult.EFAULT);
            assertThat(snapshot.peek(M, new byte[1])).isEqualTo(HostResult.EFAULT);
        }
    }
}
