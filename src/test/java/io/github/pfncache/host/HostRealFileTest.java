package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.EACCES;
import static io.github.pfncache.host.HostResult.EFAULT;
import static io.github.pfncache.host.HostResult.EIO;
import static io.github.pfncache.host.HostResult.ENOMEM;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.bytes;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import java.io.IOException;
import java.net.ConnectException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mappings of a file of the file system: 3 pages and 100 bytes, each page with its number plus one in every byte. */
class HostRealFileTest {

    private static final int SIZE = 3 * 4096 + 100;

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;

    @TempDir
    private Path directory;

    private Path path;
    private HookedChannel channel;
    private HostFile file;

    @BeforeEach
    void open() throws IOException {
        path = directory.resolve("memory");
        byte[] content = new byte[SIZE];
        for (int i = 0; i < SIZE; i++) {
            content[i] = (byte) (i / 4096 + 1);
        }
        Files.write(path, content);
        channel = new HookedChannel(path);
        file = host.openFile(channel);
        assertThat(host.mapShared(A, 4, file, 0, READ_WRITE)).isEqualTo(OK);
    }

    @AfterEach
    void close() throws IOException {
        world.close();
        channel.close();
    }

    @Test
    void pagesAreReadWhenTheyAreFirstNeededAndOnce() {
        assertThat(file.npages()).isEqualTo(4);
        assertThat(channel.readAt).isEmpty();
        assertThat(host.framesInUse()).isZero();
        assertThat(world.store(page(A, 1) + 8, 5)).isTrue();
        assertThat(world.store(page(A, 1) + 16, 6)).isTrue();
        assertThat(world.load(page(A, 1))).isEqualTo(0x0202020202020202L);
        assertThat(world.load(page(A, 1) + 8)).isEqualTo(5);
        assertThat(channel.readAt).containsExactly(4096L);
        assertThat(host.framesInUse()).isEqualTo(1);
    }

    @Test
    void behindTheEndTheLastPageIsZerosAndThereIsNoOther() {
        assertThat(world.store(page(A, 3) + 8, 1)).isTrue();
        assertThat(world.load(page(A, 3) + 96) >>> 32).as("4 bytes of the file, 4 behind").isZero();
        assertThat(world.load(page(A, 3) + 96)).isEqualTo(0x04040404L);
        assertThat(host.mapShared(B, 1, file, 4, READ_WRITE)).isEqualTo(OK);
        assertThat(world.store(B, 1)).isFalse();
        byte[] into = new byte[200];
        assertThat(file.read(3 * 4096, into)).isEqualTo(100);
    }

    @Test
    void aChannelThatTransfersLessThanAskedIsAskedAgain() throws IOException {
        channel.most = 1000;
        assertThat(world.load(page(A, 2) + 4088)).isEqualTo(0x0303030303030303L);
        assertThat(world.store(page(A, 2) + 4088, 9)).isTrue();
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(onDisk(2 * 4096 + 4088)).isEqualTo(9);
    }

    @Test
    void syncWritesWhatChangedAndNothingElse() throws IOException {
        world.store(page(A, 1) + 8, 5);
        world.store(page(A, 3) + 8, 6);
        world.store(page(A, 3) + 2000, 7); // behind the end of the file
        world.load(A);
        assertThat(onDisk(4096 + 8)).as("not before").isEqualTo(0x0202020202020202L);
        assertThat(file.changedPages()).isEqualTo(2);
        StringBuilder written = new StringBuilder();
        channel.beforeWrite = (offset, length) -> written.append(offset).append('+').append(length).append(' ');
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(written).hasToString("4096+4096 12288+100 ");
        assertThat(onDisk(4096 + 8)).isEqualTo(5);
        assertThat(onDisk(3 * 4096 + 8)).isEqualTo(6);
        assertThat(Files.size(path)).isEqualTo(SIZE);
        assertThat(file.changedPages()).isZero();
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(written).as("nothing has changed since").hasToString("4096+4096 12288+100 ");
    }

    @Test
    void aPageIsChangedAgainByTheNextWriteThroughAnyMapping() throws IOException {
        host.mapShared(B, 1, file, 1, READ_WRITE);
        world.store(page(A, 1), 5);
        world.store(B + 8, 6);
        world.told.clear();
        file.sync();
        assertThat(world.told)
                .as("writes go unseen until the pages are read-only")
                .contains("start " + HvaRange.ofPages(page(A, 1), 1), "start " + HvaRange.ofPages(B, 1))
                .hasSize(4);
        assertThat(host.isPresent(B)).as("still there").isTrue();
        world.store(B + 16, 7);
        assertThat(file.changedPages()).isEqualTo(1);
        file.sync();
        assertThat(onDisk(4096)).isEqualTo(5);
        assertThat(onDisk(4096 + 8)).isEqualTo(6);
        assertThat(onDisk(4096 + 16)).isEqualTo(7);
    }

    @Test
    void aPageThatSomebodyHoldsStaysChanged() throws IOException {
        HostPage held = host.hvaToPage(A);
        HostMapping khva = host.map(held);
        khva.put(0, 8, 1);
        file.sync();
        khva.put(8, 8, 2); // no fault tells about this
        assertThat(file.changedPages()).isEqualTo(1);
        host.unmap(khva);
        host.release(held);
        file.sync();
        assertThat(onDisk(0)).isEqualTo(1);
        assertThat(onDisk(8)).isEqualTo(2);
        assertThat(file.changedPages()).isZero();
    }

    @Test
    void readingChangesNothing() throws IOException {
        byte[] into = new byte[8];
        assertThat(host.copyFromUser(A, into, 0, 8)).isTrue();
        assertThat(host.isPresent(A)).isTrue();
        assertThat(file.read(4096, into)).isEqualTo(8);
        host.peek(page(A, 2), into);
        assertThat(into[0]).isEqualTo((byte) 3);
        assertThat(host.isPresent(page(A, 2))).isFalse();
        assertThat(file.changedPages()).isZero();
    }

    @Test
    void aPrivateMappingTakesTheUpdatesAndTheFileIsUnchanged() throws IOException {
        host.mapPrivate(B, 4, file, 0, READ_WRITE);
        assertThat(world.store(page(B, 1) + 8, 5)).isTrue();
        assertThat(host.copyToUser(page(B, 2), bytes(6), 0, 8)).isTrue();
        assertThat(host.poke(B, bytes(7))).isEqualTo(OK);
        assertThat(world.load(page(B, 1))).as("the rest is the file's").isEqualTo(0x0202020202020202L);
        assertThat(world.load(page(A, 1) + 8)).isEqualTo(0x0202020202020202L);
        assertThat(file.changedPages()).isZero();
        byte[] before = Files.readAllBytes(path);
        file.sync();
        assertThat(Files.readAllBytes(path)).isEqualTo(before);
        host.discard(page(B, 1), 1);
        assertThat(world.load(page(B, 1) + 8)).isEqualTo(0x0202020202020202L);
    }

    /** What an address shows when its page has been made resident, to be read. */
    private long touched(long hva) {
        host.release(host.hvaToPage(hva, false));
        return world.load(hva);
    }

    /** Clean pages cost nothing when they are evicted; what has ever been changed is kept. */
    @Test
    void aPageThatWasNeverChangedIsDroppedAndReadAgain() throws IOException {
        HostFile readOnly = file.asReadOnly();
        host.unmap(A, 4);
        host.mapShared(A, 4, readOnly, 0, READ);
        assertThat(touched(A)).isEqualTo(0x0101010101010101L);
        assertThat(touched(page(A, 3) + 96)).as("the last bytes, and zeros").isEqualTo(0x0404_0404L);
        assertThat(file.write(4096, bytes(9))).isEqualTo(OK);
        channel.readAt.clear();
        assertThat(host.evict(A, 4)).isEqualTo(OK);
        assertThat(host.framesInUse()).isZero();
        assertThat(touched(A)).isEqualTo(0x0101010101010101L);
        assertThat(touched(page(A, 3) + 96)).isEqualTo(0x0404_0404L);
        assertThat(touched(page(A, 1)) & 0xff).isEqualTo(9);
        assertThat(channel.readAt).as("what was changed is not read").containsExactly(0L, 3 * 4096L);
        file.sync();
        channel.readAt.clear();
        assertThat(host.evict(A, 4)).isEqualTo(OK);
        assertThat(touched(page(A, 1)) & 0xff).isEqualTo(9);
        assertThat(channel.readAt).as("nor what was changed once").isEmpty();
        host.audit();
    }

    @Test
    void evictedAndMigratedPagesAreWrittenBackAllTheSame() throws IOException {
        world.store(A, 5);
        world.store(page(A, 1), 6);
        assertThat(host.evict(A, 1)).isEqualTo(OK);
        assertThat(host.migrate(page(A, 1))).isEqualTo(HostResult.OK);
        host.unmap(A, 4);
        file.sync();
        assertThat(onDisk(0)).isEqualTo(5);
        assertThat(onDisk(4096)).isEqualTo(6);
    }

    @Test
    void holesAndWritesByOffsetReachTheFile() throws IOException {
        assertThat(file.punchHole(1, 1)).isEqualTo(OK);
        assertThat(world.load(page(A, 1))).isZero();
        assertThat(file.write(2 * 4096 + 4, bytes(9))).isEqualTo(OK);
        assertThat(channel.readAt).as("a page that is not overwritten whole").containsExactly(8192L);
        assertThat(file.write(0, new byte[4096])).isEqualTo(OK);
        assertThat(channel.readAt).hasSize(1);
        file.sync();
        assertThat(onDisk(0)).isZero();
        assertThat(onDisk(4096)).isZero();
        assertThat(onDisk(2 * 4096)).isEqualTo(0x0000000903030303L);
        assertThat(Files.size(path)).isEqualTo(SIZE);
    }

    @Test
    void theSizeFollowsAndWhatWasCutOffNeverComesBack() throws IOException {
        world.store(page(A, 2), 1);
        assertThat(file.truncate(1)).isEqualTo(OK);
        assertThat(file.truncate(3)).isEqualTo(OK);
        assertThat(world.load(page(A, 2))).isZero();
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(Files.size(path)).isEqualTo(3 * 4096);
        assertThat(onDisk(4096)).as("not what the file had there").isZero();
        assertThat(onDisk(2 * 4096)).isZero();
        assertThat(onDisk(0)).isEqualTo(0x0101010101010101L);
        assertThat(file.write(3 * 4096 + 1, new byte[] {8})).isEqualTo(OK);
        file.sync();
        assertThat(Files.size(path)).as("to the byte").isEqualTo(3 * 4096 + 2);
    }

    @Test
    void aReadOnlyChannelGivesAReadOnlyHandle() throws IOException {
        try (FileChannel readOnly = FileChannel.open(path, StandardOpenOption.READ)) {
            HostFile handle = host.openFile(readOnly);
            assertThat(handle.isWritable()).isFalse();
            assertThat(host.mapShared(B, 1, handle, 0, READ_WRITE)).isEqualTo(EACCES);
            assertThat(host.mapShared(B, 1, handle, 0, READ)).isEqualTo(OK);
            assertThat(world.store(B, 1)).isFalse();
            byte[] into = new byte[8];
            assertThat(host.copyFromUser(B, into, 0, 8)).isTrue();
            assertThat(host.mapPrivate(B, 1, handle, 0, READ_WRITE)).isEqualTo(OK);
            assertThat(world.store(B, 1)).isTrue();
            assertThat(handle.sync()).isEqualTo(OK);
            assertThat(handle.write(0, into)).isEqualTo(EACCES);
        }
    }

    @Test
    void aChannelThatCannotBeReadIsRefused() throws IOException {
        try (FileChannel writeOnly = FileChannel.open(path, StandardOpenOption.WRITE)) {
            assertThatIllegalArgumentException().isThrownBy(() -> host.openFile(writeOnly));
        }
        FileChannel closed = FileChannel.open(path);
        closed.close();
        assertThatThrownBy(() -> host.openFile(closed)).isInstanceOf(ClosedChannelException.class);
    }

    @Test
    void aPageThatCannotBeReadIsAFaultAndLaterItCan() {
        channel.beforeRead = (offset, length) -> {
            throw new IOException("bad sector");
        };
        assertThat(file.readFailure()).isNull();
        assertThat(host.hvaToPage(A)).isNull();
        assertThat(file.readFailure()).hasMessage("bad sector");
        assertThat(host.copyToUser(A, bytes(1), 0, 8)).isFalse();
        assertThat(host.copyFromUser(A, new byte[8], 0, 8)).isFalse();
        assertThat(host.populateWrite(A, 1)).isEqualTo(EFAULT);
        assertThat(host.peek(A, new byte[8])).isEqualTo(EIO);
        assertThat(host.poke(A, new byte[8])).isEqualTo(EIO);
        assertThat(file.read(0, new byte[8])).isEqualTo(-1);
        assertThat(file.write(0, new byte[8])).isEqualTo(EIO);
        assertThat(host.isPresent(A)).isFalse();
        assertThat(file.changedPages()).isZero();
        channel.beforeRead = HookedChannel.NOTHING;
        assertThat(world.store(A, 1)).isTrue();
    }

    @Test
    void whatCouldNotBeWrittenStaysChanged() throws IOException {
        world.store(A, 5);
        world.store(page(A, 2), 6);
        channel.beforeWrite = (offset, length) -> {
            if (offset == 8192) {
                throw new IOException("disk full");
            }
        };
        assertThatThrownBy(file::sync).isInstanceOf(IOException.class).hasMessage("disk full");
        assertThat(file.changedPages()).isEqualTo(1);
        channel.beforeWrite = HookedChannel.NOTHING;
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(onDisk(8192)).isEqualTo(6);
    }

    /** What was written behind the end is in the file when it grows, and is not forgotten by a sync before. */
    @Test
    void whatWasBehindTheEndReachesTheFileWhenItGrows() throws IOException {
        for (boolean byWriting : new boolean[] {true, false}) {
            int end = 3 * 4096 + 100;
            assertThat(file.truncate(3)).isEqualTo(OK);
            assertThat(file.write(end - 8, bytes(5))).isEqualTo(OK);
            world.store(page(A, 3) + 2000, 7);
            assertThat(file.sync()).isEqualTo(OK);
            assertThat(byWriting ? file.write(4 * 4096, bytes(1)) : file.truncate(5)).isEqualTo(OK);
            assertThat(file.sync()).isEqualTo(OK);
            assertThat(world.load(page(A, 3) + 2000)).isEqualTo(7);
            assertThat(onDisk(3 * 4096 + 2000)).as("by writing: " + byWriting).isEqualTo(7);
        }
    }

    /** What was about to be written lies behind the end by the time it is read. */
    @Test
    void aFileThatANotifierOfASyncCutsOffIsShortAfterTheNext() throws IOException {
        world.store(page(A, 2), 6);
        boolean[] cut = {false};
        MmuNotifier cuts = new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                if (!cut[0]) {
                    cut[0] = true;
                    assertThat(file.truncate(1)).isEqualTo(OK);
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        };
        host.registerNotifier(cuts);
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(cut[0]).isTrue();
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(Files.size(path)).isEqualTo(4096);
        host.unregisterNotifier(cuts);
    }

    /** The first of the two pages is there. */
    @Test
    void aReadThatFailsHasReadNothing() {
        world.load(A);
        assertThat(world.store(A, 5)).isTrue();
        channel.beforeRead = (offset, length) -> {
            throw new IOException("bad sector");
        };
        byte[] into = new byte[2 * 4096];
        Arrays.fill(into, (byte) 9);
        assertThat(file.read(0, into)).isEqualTo(-1);
        assertThat(into).containsOnly(9);
        assertThat(host.peek(A, into)).isEqualTo(EIO);
        assertThat(into).containsOnly(9);
    }

    @Test
    void whatWasCutOffTwiceNeverComesBack() throws IOException {
        assertThat(file.truncate(1)).isEqualTo(OK);
        assertThat(file.truncate(4)).isEqualTo(OK);
        assertThat(file.truncate(3)).isEqualTo(OK);
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(Files.size(path)).isEqualTo(3 * 4096);
        assertThat(onDisk(4096)).isZero();
        assertThat(onDisk(2 * 4096)).isZero();
    }

    /** A rewind finds no memory for a page that it has not read here yet, and has marked by then. */
    @Test
    void aPageThatWasMarkedInVainIsNotWrittenBack() throws IOException {
        HostMemory small = HostMemory.builder().chunkBytes(4096, 4096).maxBytes(3 * 4096).build();
        HostFile again = small.openFile(channel);
        small.mapShared(A, 2, again, 0, READ_WRITE);
        small.mapAnonymous(B, 2, READ_WRITE);
        for (int page = 0; page < 2; page++) {
            assertThat(HostWorld.store(small, page(B, page), 7)).isTrue();
        }
        try (HostMemory snapshot = small.snapshot(List.of(HvaRange.ofPages(B, 2)))) {
            assertThat(HostWorld.store(small, A, 5)).isTrue();
            assertThat(small.rewind(snapshot, List.of(new RewindRange(B, A, 2)), hva -> {})).isEqualTo(ENOMEM);
        }
        assertThat(again.changedPages()).isEqualTo(2);
        assertThat(again.sync()).isEqualTo(OK);
        assertThat(onDisk(0)).isEqualTo(5);
        assertThat(onDisk(4096)).isEqualTo(0x0202020202020202L);
        small.close();
    }

    @Test
    void aSizeThatCouldNotBeCutIsCutNextTime() throws IOException {
        file.truncate(1);
        file.truncate(2);
        channel.beforeWrite = (offset, length) -> {
            throw new IOException("disk on fire");
        };
        assertThatThrownBy(file::sync).hasMessage("disk on fire");
        channel.beforeWrite = HookedChannel.NOTHING;
        file.sync();
        assertThat(onDisk(4096)).isZero();
        assertThat(Files.size(path)).isEqualTo(8192);
    }

    @Test
    void withoutItsChannelWhatWasReadWorksOn() throws IOException {
        world.store(A, 5);
        channel.close();
        assertThat(world.store(A, 6)).isTrue();
        assertThat(world.store(page(A, 1), 6)).isFalse();
        assertThatThrownBy(file::sync).isInstanceOf(ClosedChannelException.class);
        assertThat(file.changedPages()).isEqualTo(1);
        assertThat(host.evict(A, 1)).isEqualTo(OK);
        assertThat(world.load(A)).isEqualTo(6);
    }

    @Test
    void aHandlerIsShownTheFilesContentAndMayReplaceIt() {
        host.registerFaultHandler(
                HvaRange.ofPages(A, 4),
                fault -> {
                    fault.page().putLong(8, fault.page().getLong(0) + 1);
                    return PageFaultHandler.Decision.RESOLVE;
                },
                true,
                false);
        assertThat(world.store(page(A, 1), 0)).isTrue();
        assertThat(world.load(page(A, 1) + 8)).isEqualTo(0x0202020202020203L);
    }

    // ---- what happens while a page is being read or written

    @Test
    void aPageThatIsPunchedWhileItIsReadIsZeros() {
        channel.beforeRead = once(() -> file.punchHole(0, 1));
        assertThat(world.store(A + 8, 1)).isTrue();
        assertThat(world.load(A)).isZero();
    }

    @Test
    void aPageThatIsWrittenWhileItIsReadKeepsWhatWasWritten() {
        byte[] nines = new byte[4096];
        Arrays.fill(nines, (byte) 9);
        channel.beforeRead = once(() -> file.write(0, nines));
        assertThat(world.store(A + 8, 1)).isTrue();
        assertThat(world.load(A)).isEqualTo(0x0909090909090909L);
        channel.beforeRead = once(() -> file.write(4096, nines));
        byte[] into = new byte[8];
        assertThat(file.read(4096, into)).isEqualTo(8);
        assertThat(into[0]).isEqualTo((byte) 9);
    }

    @Test
    void aPageThatIsCutOffWhileItIsReadIsAFaultAndThenZeros() throws IOException {
        channel.beforeRead = once(() -> file.truncate(0));
        assertThat(world.store(A, 1)).isFalse();
        channel.beforeRead = once(() -> {
            file.truncate(0);
            file.sync();
            file.truncate(4);
        });
        assertThat(world.store(page(A, 1) + 8, 1)).isFalse();
        file.truncate(4);
        assertThat(world.store(page(A, 1) + 8, 1)).isTrue();
        assertThat(world.load(page(A, 1))).isZero();
    }

    @Test
    void whatIsWrittenDuringASyncIsNotLost() throws IOException {
        world.store(A, 1);
        channel.beforeWrite = once(() -> world.store(A + 8, 2));
        file.sync();
        assertThat(onDisk(0)).isEqualTo(1);
        assertThat(file.changedPages()).isEqualTo(1);
        file.sync();
        assertThat(onDisk(8)).isEqualTo(2);
    }

    @Test
    void aFileThatIsCutOffDuringASyncIsShortAfterTheNext() throws IOException {
        world.store(page(A, 2), 1);
        channel.beforeWrite = once(() -> file.truncate(1));
        file.sync();
        file.sync();
        assertThat(Files.size(path)).isEqualTo(4096);
    }

    /** Of neither page anything was read before. */
    @Test
    void aWriteThatBeginsInOnePageAndEndsInTheNextLeavesTheRestOfBoth() throws IOException {
        assertThat(file.write(2 * 4096 - 4, bytes(0))).isEqualTo(OK);
        file.sync();
        assertThat(onDisk(4096)).isEqualTo(0x0202020202020202L);
        assertThat(onDisk(2 * 4096 - 4)).isZero();
        assertThat(onDisk(2 * 4096 + 4)).isEqualTo(0x0303030303030303L);
    }

    @Test
    void aFileThatIsCutOffFurtherWhileItIsCutIsThatShortAfterTheNext() throws IOException {
        file.truncate(2);
        channel.beforeWrite = once(() -> file.truncate(1));
        file.sync();
        assertThat(Files.size(path)).isEqualTo(8192);
        file.sync();
        assertThat(Files.size(path)).isEqualTo(4096);
    }

    /** As one of an emulator's own does whose backend answers later; this exception is the platform's own, too. */
    @Test
    void whatAChannelThrowsGoesOutAsItIs() throws IOException {
        world.store(A, 5);
        for (Throwable cause : new Throwable[] {null, new ConnectException()}) { // two
            CompletionException failure = new CompletionException(cause);
            channel.beforeWrite = (offset, length) -> {
                throw failure;
            };
            assertThatThrownBy(file::sync).isSameAs(failure);
            assertThat(file.changedPages()).isEqualTo(1);
        }
        channel.beforeWrite = HookedChannel.NOTHING;
        file.sync();
        assertThat(onDisk(0)).isEqualTo(5);
    }

    @Test
    void aNotifierThatFailsDuringASyncLosesNothing() throws IOException {
        world.store(A, 5);
        MmuNotifier broken = new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                throw new IllegalStateException("broken");
            }
        };
        host.registerNotifier(broken);
        assertThatThrownBy(file::sync).hasMessage("broken");
        host.unregisterNotifier(broken);
        assertThat(file.changedPages()).isEqualTo(1);
        file.sync();
        assertThat(onDisk(0)).isEqualTo(5);
    }

    @Test
    void forksShareTheFile() throws IOException {
        try (HostMemory child = host.fork()) {
            assertThat(HostWorld.store(child, page(A, 1), 5)).isTrue();
            assertThat(world.load(page(A, 1))).isEqualTo(5);
            file.sync();
            assertThat(HostWorld.store(child, page(A, 1) + 8, 6)).isTrue();
            file.sync();
        }
        assertThat(onDisk(4096)).isEqualTo(5);
        assertThat(onDisk(4096 + 8)).isEqualTo(6);
    }

    /** Something that a test does in the middle of a transfer. */
    private interface Action {
        void run() throws IOException;
    }

    private static HookedChannel.Hook once(Action action) {
        boolean[] done = {false};
        return (offset, length) -> {
            if (!done[0]) {
                done[0] = true;
                action.run();
            }
        };
    }

    private long onDisk(int offset) throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN).getLong(offset);
    }

    @Test
    void anInterruptBeforehandClosesNothingAndIsKept() throws IOException {
        Thread.currentThread().interrupt();
        assertThat(host.copyToUser(A, bytes(7), 0, 8)).isTrue();
        assertThat(file.sync()).isEqualTo(OK);
        HostFile again = host.openFile(channel);
        assertThat(Thread.interrupted()).as("kept").isTrue();
        assertThat(channel.isOpen()).isTrue();
        assertThat(again.npages()).isEqualTo(4);
        assertThat(Files.readAllBytes(path)).startsWith(bytes(7));
    }

    @Test
    void anInterruptInTheMiddleClosesNothingAndIsKept() throws IOException {
        Thread user = Thread.currentThread();
        channel.beforeRead = (offset, length) -> user.interrupt();
        assertThat(host.copyToUser(A, bytes(7), 0, 8)).isTrue();
        assertThat(Thread.interrupted()).as("kept").isTrue();
        channel.beforeWrite = (offset, length) -> user.interrupt();
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(Thread.interrupted()).as("kept").isTrue();
        channel.beforeRead = HookedChannel.NOTHING;
        assertThat(world.load(page(A, 1))).as("for everybody else").isEqualTo(0x0202020202020202L);
        assertThat(Files.readAllBytes(path)).startsWith(bytes(7));
    }

    @Test
    void whatAChannelThrowsComesOut() {
        channel.beforeRead = (offset, length) -> {
            throw new IllegalMonitorStateException("broken");
        };
        assertThatThrownBy(() -> world.store(A, 1)).isInstanceOf(IllegalMonitorStateException.class);
        channel.beforeRead = HookedChannel.NOTHING;
        assertThat(world.store(A, 1)).isTrue();
    }

    @Test
    void whatIsWrittenAfterAPageWasReadForASnapshotIsInIt() {
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                return host.isPresent(page(A, 1)) || world.store(page(A, 1) + 8, 99);
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        try (HostMemory snapshot = host.snapshot()) {
            assertThat(HostWorld.load(snapshot, page(A, 1))).isEqualTo(0x0202_0202_0202_0202L);
            assertThat(HostWorld.load(snapshot, page(A, 1) + 8)).isEqualTo(99);
        }
    }

    @Test
    void aFileIsForgottenAlsoAfterCallsThatThrew() {
        channel.beforeWrite = (offset, length) -> {
            throw new IOException("full");
        };
        world.store(A, 1);
        assertThatThrownBy(file::sync).hasMessage("full");
        host.unmap(A, 4);
        assertThat(host.framesInUse()).as("a handle is open").isEqualTo(1);
        file.close();
        assertThat(host.framesInUse()).isZero();
    }

    /** A page that is punched where the file has none yet is, once there is one, as any other that is new. */
    @Test
    void punchingBehindTheEndMarksNothing() throws IOException {
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(file.punchHole(3, 4)).isEqualTo(OK);
        assertThat(file.write(6 * 4096, new byte[] {1})).isEqualTo(OK);
        assertThat(file.changedPages()).as("the last page before, and the one written").isEqualTo(2);
        List<PageFault.Reason> reasons = new ArrayList<>();
        host.mapShared(B, 7, file, 0, READ_WRITE);
        host.registerFaultHandler(HvaRange.ofPages(B, 7), fault -> {
            reasons.add(fault.reason());
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        host.populateWrite(page(B, 3), 2);
        assertThat(reasons).containsExactly(PageFault.Reason.DISCARDED, PageFault.Reason.MISSING);
    }

    @Test
    void cleanPagesOfAClosedHandleAreDroppedAndReadAgain() {
        assertThat(world.load(page(A, 1))).isEqualTo(0x0202_0202_0202_0202L);
        assertThat(host.copyFromUser(page(A, 1), new byte[8], 0, 8)).isTrue();
        file.close();
        assertThat(host.framesInUse()).isOne();
        assertThat(host.evict(A, 4)).isEqualTo(OK);
        assertThat(host.framesInUse()).isZero();
        assertThat(host.space().store.swap.size()).as("dropped, not kept").isZero();
        assertThat(host.copyFromUser(page(A, 1), new byte[8], 0, 8)).isTrue();
        assertThat(world.load(page(A, 2))).isEqualTo(0x0303_0303_0303_0303L);
    }

    @Test
    void aCleanPageThatWasDroppedIsAskedForAsEvicted() {
        assertThat(host.copyFromUser(page(A, 1), new byte[8], 0, 8)).isTrue();
        assertThat(host.copyFromUser(page(A, 2), new byte[8], 0, 8)).isTrue();
        assertThat(host.evict(A, 4)).isEqualTo(OK);
        assertThat(file.punchHole(2, 1)).isEqualTo(OK);
        List<PageFault.Reason> reasons = new ArrayList<>();
        host.registerFaultHandler(HvaRange.ofPages(A, 4), fault -> {
            reasons.add(fault.reason());
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        for (int i = 0; i < 3; i++) {
            assertThat(host.copyFromUser(page(A, i), new byte[8], 0, 8)).isTrue();
        }
        assertThat(reasons).containsExactly(
                PageFault.Reason.MISSING, PageFault.Reason.EVICTED, PageFault.Reason.DISCARDED);
        assertThat(world.load(page(A, 1))).isEqualTo(0x0202_0202_0202_0202L);
        assertThat(world.load(page(A, 2))).isZero();
    }

    /** Of an unread page, of a hole, and of one that the file has not got: nothing else knows what the handler said. */
    @Test
    void whatAHandlerGaveIsKeptByAnEviction() throws IOException {
        assertThat(file.punchHole(1, 1)).isEqualTo(OK);
        assertThat(file.truncate(6)).isEqualTo(OK);
        assertThat(host.mapShared(A, 6, file, 0, READ)).isEqualTo(OK);
        PageFaultHandler handler = fault -> {
            if (fault.reason() != PageFault.Reason.EVICTED && fault.hva() != page(A, 2)) {
                fault.page().putLong(0, fault.hva());
            }
            return PageFaultHandler.Decision.RESOLVE;
        };
        host.registerFaultHandler(HvaRange.ofPages(A, 6), handler, true, false);
        assertThat(host.fill(A, 6)).isEqualTo(OK);
        assertThat(host.evict(A, 6)).isEqualTo(OK);
        assertThat(host.fill(A, 6)).isEqualTo(OK);
        host.unregisterFaultHandler(handler);
        assertThat(host.evict(A, 6)).isEqualTo(OK);
        for (int i : new int[] {0, 1, 3, 4, 5}) {
            assertThat(world.load(page(A, i))).isEqualTo(page(A, i));
        }
        assertThat(world.load(page(A, 2))).isEqualTo(0x0303_0303_0303_0303L);
        assertThat(file.changedPages()).as("all but what the handler left as it is").isEqualTo(5);
        assertThat(file.sync()).isEqualTo(OK);
        assertThat(onDisk(5 * 4096)).isEqualTo(page(A, 5));
    }

    /** Another file, mapped by the first notifier that is told: after pages were read, before the moment. */
    private void replaceWhenTold(boolean mapped) throws IOException {
        Files.write(directory.resolve("other"), new byte[] {9, 9, 9, 9, 9, 9, 9, 9});
        FileChannel other = FileChannel.open(
                directory.resolve("other"), StandardOpenOption.READ, StandardOpenOption.WRITE);
        HostFile replacement = host.openFile(other);
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                host.unregisterNotifier(this);
                HostResult done = mapped ? host.mapShared(A, 1, replacement, 0, READ) : host.mapAnonymous(A, 1, READ);
                return done == OK;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
    }

    @Test
    void aFileThatIsMappedAfterAnotherWasReadIsReadForTheSnapshot() throws IOException {
        replaceWhenTold(true);
        try (HostMemory snapshot = host.snapshot()) {
            assertThat(HostWorld.load(snapshot, A)).isEqualTo(world.load(A)).isEqualTo(0x0909_0909_0909_0909L);
            host.audit();
        }
        assertThat(world.load(A)).isEqualTo(0x0909_0909_0909_0909L);
    }

    @Test
    void aFileThatIsMappedAfterAnotherWasReadIsReadForTheRewind() throws IOException {
        try (HostMemory snapshot = host.snapshot()) {
            replaceWhenTold(true);
            assertThat(host.rewind(snapshot, List.of(new RewindRange(A, A, 1)), hva -> {})).isEqualTo(OK);
            assertThat(world.load(A)).isEqualTo(0x0101_0101_0101_0101L);
        }
    }

    @Test
    void whatWasReadOfAFileThatIsGoneIsNotInTheSnapshot() throws IOException {
        replaceWhenTold(false);
        try (HostMemory snapshot = host.snapshot()) {
            assertThat(HostWorld.load(snapshot, A)).isZero();
            host.audit();
        }
    }
}
