package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.EACCES;
import static io.github.pfncache.host.HostResult.EINVAL;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.bytes;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Files, private mappings of them, callers' buffers, and forks. */
class HostFileTest {

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;
    private final HostFile file = world.file;

    @AfterEach
    void close() {
        world.close();
    }

    @Test
    void writesToTheFileAreSeenThroughMappingsAndBack() {
        assertThat(file.write(4096 + 8, bytes(5))).isEqualTo(OK);
        assertThat(world.load(page(M, 1) + 8)).isEqualTo(5);
        world.store(page(M, 1) + 8, 6);
        assertThat(fileLong(4096 + 8)).isEqualTo(6);
    }

    @Test
    void punchedPagesReadAsZerosEverywhere() {
        world.store(M, 1);
        world.store(page(M, 1), 2);
        host.mapShared(A, 1, file, 0, READ_WRITE);
        world.store(A, 3);
        assertThat(file.punchHole(0, 1)).isEqualTo(OK);
        assertThat(world.load(M)).isZero();
        assertThat(world.load(A)).isZero();
        assertThat(world.load(page(M, 1))).isEqualTo(2);
        assertThat(file.npages()).isEqualTo(16);
        assertThat(host.framesInUse()).isEqualTo(1);
    }

    @Test
    void behindTheEndAccessesFaultUntilTheFileGrowsAgain() {
        world.store(page(M, 3), 1);
        assertThat(file.truncate(3)).isEqualTo(OK);
        assertThat(world.store(page(M, 3), 2)).isFalse();
        assertThat(world.load(page(M, 3))).as("a debugger sees zeros").isZero();
        assertThat(host.poke(page(M, 3), new byte[1])).isEqualTo(HostResult.EFAULT);
        assertThat(file.truncate(16)).isEqualTo(OK);
        assertThat(world.load(page(M, 3))).isZero();
        assertThat(world.store(page(M, 3), 3)).isTrue();
        assertThat(fileLong(3 * 4096)).isEqualTo(3);
    }

    @Test
    void writingBehindTheEndGrowsTheFileAndReadingStopsThere() {
        file.truncate(1);
        assertThat(file.read(4096 - 4, new byte[8])).isEqualTo(4);
        assertThat(file.read(1 << 20, new byte[8])).isZero();
        assertThat(file.write(2 * 4096, new byte[1])).isEqualTo(OK);
        assertThat(file.npages()).isEqualTo(3);
        assertThat(file.write(1 << 20, new byte[0])).isEqualTo(OK);
        assertThat(file.npages()).isEqualTo(3);
        assertThatIllegalArgumentException().isThrownBy(() -> file.write(-1, new byte[1]));
        assertThatIllegalArgumentException().isThrownBy(() -> file.truncate(-1));
    }

    @Test
    void aPrivateMappingSeesTheFileUntilItIsWritten() {
        file.write(0, bytes(1));
        assertThat(host.mapPrivate(A, 2, file, 0, READ_WRITE)).isEqualTo(OK);
        assertThat(world.load(A)).isEqualTo(1);
        file.write(0, bytes(2));
        assertThat(world.load(A)).isEqualTo(2);
        world.store(A + 8, 9);
        assertThat(world.load(A)).isEqualTo(2);
        file.write(0, bytes(3));
        assertThat(world.load(A)).as("the copy is private").isEqualTo(2);
        assertThat(fileLong(8)).as("the file is unchanged").isZero();
        file.punchHole(0, 1);
        assertThat(world.load(A)).isEqualTo(2);
        host.discard(A, 1);
        assertThat(world.load(A)).as("the file again").isZero();
    }

    @Test
    void truncationTakesPrivateCopiesToo() {
        host.mapPrivate(A, 2, file, 0, READ_WRITE);
        world.store(page(A, 1), 1);
        file.truncate(1);
        assertThat(world.store(page(A, 1), 2)).isFalse();
        assertThat(world.load(page(A, 1))).isZero();
        assertThat(host.framesInUse()).isZero();
    }

    @Test
    void mappingsKeepAClosedFileAndTheLastOfThemFreesIt() {
        HostFile other = host.createFile(4);
        other.write(0, bytes(5));
        other.write(3 * 4096, bytes(6));
        assertThat(host.mapShared(A, 2, other, 0, READ_WRITE)).isEqualTo(OK);
        assertThat(host.mapPrivate(page(A, 4), 1, other, 0, READ_WRITE)).isEqualTo(OK);
        HostMemory child = host.fork();
        other.close();
        assertThat(world.load(A)).isEqualTo(5);
        world.store(page(A, 1), 7);
        assertThat(world.load(page(A, 4))).isEqualTo(5);
        assertThat(host.framesInUse()).as("a page that is not mapped is kept, too").isEqualTo(3);
        host.unmap(A, 5);
        assertThat(HostWorld.load(child, A)).isEqualTo(5);
        host.audit();
        child.close();
        assertThat(host.framesInUse()).isZero();
    }

    @Test
    void eachHandleIsClosedForItself() {
        HostFile other = host.createFile(4);
        other.write(0, bytes(5));
        HostFile reader = other.asReadOnly();
        assertThat(host.openFiles()).containsExactlyInAnyOrder(file, other, reader);
        assertThat(host).asString().contains("3 open files");
        other.close();
        other.close();
        assertThat(host.openFiles()).containsExactlyInAnyOrder(file, reader);
        assertThat(reader.read(0, new byte[8])).isEqualTo(8);
        assertThat(host.framesInUse()).isOne();
        reader.close();
        assertThat(host.framesInUse()).isZero();
        assertThat(other).hasToString("file of 4 pages, closed");
        assertThat(reader).hasToString("file of 4 pages, read-only, closed");
    }

    /** Both are at it before either has given anything up: what is given up waits for the lock of the family. */
    @Test
    void aHandleThatTwoThreadsCloseIsGivenUpOnce() throws Exception {
        HostFile other = host.createFile(4);
        other.write(0, bytes(5));
        HostFile reader = other.asReadOnly();
        List<Thread> threads = List.of(new Thread(other::close), new Thread(other::close));
        host.space().family.lock.lock();
        try {
            for (Thread thread : threads) {
                thread.start();
                while (thread.getState() == Thread.State.NEW || thread.getState() == Thread.State.RUNNABLE) {
                    Thread.onSpinWait(); // until it has ended, or waits
                }
            }
        } finally {
            host.space().family.lock.unlock();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(host.framesInUse()).as("the other handle keeps it").isOne();
        reader.close();
        assertThat(host.framesInUse()).isZero();
    }

    @Test
    void callsOnAClosedHandleAreACallersBug() {
        file.write(0, bytes(5));
        HostFile other = file.asReadOnly();
        other.close();
        file.close();
        for (ThrowingCallable call : List.<ThrowingCallable>of(
                () -> file.npages(),
                () -> file.read(0, new byte[1]),
                () -> file.write(0, new byte[1]),
                () -> file.punchHole(0, 1),
                () -> file.truncate(0),
                () -> file.sync(),
                () -> file.changedPages(),
                () -> file.asReadOnly(),
                () -> host.mapShared(A, 1, file, 0, READ_WRITE),
                () -> host.mapShared(A, 1, other, 0, READ),
                () -> host.mapPrivate(A, 1, file, 0, READ_WRITE))) {
            assertThatIllegalStateException().isThrownBy(call).withMessageContaining("file is closed");
        }
        assertThat(world.load(M)).as("nothing has changed").isEqualTo(5);
        assertThat(file.isWritable()).isTrue();
    }

    @Test
    void aHandleThatIsClosedWhileItIsUsedLeavesNothingBehind() throws Exception {
        for (int round = 0; round < 200; round++) {
            HostFile other = host.createFile(4);
            int n = round;
            Thread writer = new Thread(() -> {
                try {
                    for (int i = 0; ; i++) { // ends with the handle
                        other.write(i % 4 * 4096L, bytes(n));
                        host.mapShared(A, 4, other, 0, READ_WRITE);
                        other.truncate(2);
                        other.punchHole(0, 1);
                    }
                } catch (IllegalStateException e) {
                    assertThat(e).hasMessageContaining("file is closed");
                }
            });
            writer.start();
            while (host.framesInUse() == 0 && writer.isAlive()) {
                Thread.onSpinWait();
            }
            other.close();
            writer.join();
            host.unmap(A, 4);
            assertThat(host.framesInUse()).isZero();
            host.audit();
        }
    }

    @Test
    void aReadOnlyHandleForbidsEveryChange() {
        HostFile readOnly = file.asReadOnly();
        file.write(0, bytes(1));
        assertThat(readOnly.isWritable()).isFalse();
        assertThat(readOnly.write(0, new byte[1])).isEqualTo(EACCES);
        assertThat(readOnly.truncate(0)).isEqualTo(EACCES);
        assertThat(readOnly.punchHole(0, 1)).isEqualTo(EACCES);
        assertThat(host.mapShared(A, 1, readOnly, 0, READ_WRITE)).isEqualTo(EACCES);
        assertThat(host.mapShared(A, 1, readOnly, 0, READ)).isEqualTo(OK);
        assertThat(host.protect(A, 1, READ_WRITE)).isEqualTo(EACCES);
        assertThat(host.remove(A, 1)).isEqualTo(EACCES);
        assertThat(world.store(A, 1)).isFalse();
        assertThat(world.load(A)).isEqualTo(1);
        assertThat(host.mapPrivate(A, 1, readOnly, 0, READ_WRITE)).isEqualTo(OK);
        assertThat(world.store(A, 2)).isTrue();
        assertThat(fileLong(0)).isEqualTo(1);
    }

    /** The two mappings are alike, but for what they allow. */
    @Test
    void aMappingOfAReadOnlyHandleBesideOneOfAWritableStaysReadOnly() {
        assertThat(host.mapShared(A, 1, file, 0, READ)).isEqualTo(OK);
        assertThat(host.mapShared(page(A, 1), 1, file.asReadOnly(), 1, READ)).isEqualTo(OK);
        assertThat(host.protect(page(A, 1), 1, READ_WRITE)).isEqualTo(EACCES);
        assertThat(host.protect(A, 1, READ_WRITE)).isEqualTo(OK);
    }

    @Test
    void aChildKeepsWhatThePrivatePagesWereAndSharesFiles() {
        world.store(A, 1);
        world.store(M, 2);
        try (HostMemory child = host.fork()) {
            assertThat(host.framesInUse()).as("nothing copied yet").isEqualTo(2);
            world.store(A, 3);
            world.store(M, 4);
            assertThat(HostWorld.load(child, A)).isEqualTo(1);
            assertThat(HostWorld.load(child, M)).isEqualTo(4);
            HostWorld.store(child, A, 5);
            HostWorld.store(child, M, 6);
            assertThat(world.load(A)).isEqualTo(3);
            assertThat(world.load(M)).isEqualTo(6);
            host.audit();
        }
        assertThat(host.framesInUse()).isEqualTo(2);
        assertThat(world.load(A)).isEqualTo(3);
    }

    @Test
    void theLastOwnerOfACopyOnWritePageWritesItInPlace() {
        world.store(A, 1);
        host.fork().close();
        world.told.clear();
        assertThat(world.store(A, 2)).isTrue();
        assertThat(world.told).as("no copy, no invalidation").isEmpty();
        assertThat(host.framesInUse()).isEqualTo(1);
    }

    @Test
    void childrenOutliveTheirParentAndEvictedPagesAreInherited() {
        HostMemory parent = HostMemory.builder().build();
        parent.mapAnonymous(A, 2, READ_WRITE);
        HostWorld.store(parent, A, 1);
        assertThat(parent.evict(A, 1)).isEqualTo(OK);
        HostMemory child = parent.fork();
        HostWorld.store(parent, A, 2);
        parent.close();
        assertThat(HostWorld.load(child, A)).isEqualTo(1);
        HostWorld.store(child, A + 8, 3);
        assertThat(HostWorld.load(child, A)).isEqualTo(1);
        child.audit();
        child.close();
        assertThat(child.framesInUse()).isZero();
    }

    @Test
    void aCallersDirectBufferIsSharedAndStaysWhereItIs() {
        ByteBuffer buffer = ByteBuffer.allocateDirect(2 * 4096).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(host.mapBuffer(A, buffer, READ_WRITE)).isEqualTo(OK);
        world.store(page(A, 1) + 8, 5);
        assertThat(buffer.getLong(4096 + 8)).isEqualTo(5);
        buffer.putLong(0, 6);
        assertThat(world.load(A)).isEqualTo(6);
        assertThat(host.migrate(A)).isEqualTo(HostResult.EINVAL);
        assertThat(host.evict(A, 1)).isEqualTo(OK);
        assertThat(host.isPresent(page(A, 1))).isTrue();
        assertThat(host.remove(A, 1)).isEqualTo(EINVAL);
        host.unmap(A, 2);
        assertThat(buffer.getLong(4096 + 8)).isEqualTo(5);
        assertThat(host.framesInUse()).isZero();
    }

    @Test
    void aBufferLargerThanAChunkAndASliceOfOneWork() {
        ByteBuffer large = ByteBuffer.allocateDirect(1500 * 4096).order(ByteOrder.LITTLE_ENDIAN);
        host.mapBuffer(0x5000_0000L, large.slice(4096, 1400 * 4096), READ_WRITE);
        world.store(0x5000_0000L + 1399L * 4096, 7);
        assertThat(large.getLong(1400 * 4096)).isEqualTo(7);
    }

    @Test
    void buffersThatCannotBeMemoryAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> host.mapBuffer(A, new byte[0], READ));
        assertThatIllegalArgumentException().isThrownBy(() -> host.mapBuffer(A, new byte[4097], READ));
        ByteBuffer readOnly = ByteBuffer.allocateDirect(4096).asReadOnlyBuffer();
        assertThatIllegalArgumentException().isThrownBy(() -> host.mapBuffer(A, readOnly, READ));
    }

    private long fileLong(long offset) {
        byte[] into = new byte[8];
        assertThat(file.read(offset, into)).isEqualTo(8);
        return ByteBuffer.wrap(into).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }
}
