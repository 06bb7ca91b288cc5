package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Guest memory without a cache: page by page, as far as it goes. */
final class GuestMemoryTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int NPAGES = 3;
    private static final int BYTES = NPAGES * Pages.PAGE_SIZE;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(50));
    private final GuestMemory memory = new CacheDomain(memslots, host, RetryPolicy.DEFAULT).guestMemory();

    /** Two slots side by side, so that a range that crosses from one to the other goes to two places of the host. */
    GuestMemoryTest() {
        host.mapAnonymous(HVA, NPAGES, Protection.READ_WRITE);
        memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 2 * Pages.PAGE_SIZE, HVA + Pages.PAGE_SIZE);
        memslots.set(2, Memslot.FLAG_LOG_DIRTY_PAGES, GPA + 2 * Pages.PAGE_SIZE, Pages.PAGE_SIZE, HVA);
    }

    private static byte[] numbered(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) { // bounded by the array
            bytes[i] = (byte) (i * 31 + i / 256 + 1);
        }
        return bytes;
    }

    private byte hostByte(long offset) {
        byte[] one = new byte[1];
        host.peek(HVA + offset, one);
        return one[0];
    }

    /** As a VMM that loads its firmware does. */
    @Test
    void theHostWritesWhatTheGuestMayOnlyRead() {
        memslots.set(3, Memslot.FLAG_READONLY, GPA + BYTES, Pages.PAGE_SIZE, HVA);
        byte[] written = numbered(7);
        assertThat(memory.write(GPA + BYTES - 3, written)).isEqualTo(3);
        assertThat(memory.writeAsHost(GPA + BYTES - 3, written, 0, 7)).isEqualTo(7);
        byte[] read = new byte[7];
        assertThat(memory.read(GPA + BYTES - 3, read)).isEqualTo(7);
        assertThat(read).isEqualTo(written);
        assertThat(memory.writeAsHost(GPA + BYTES + Pages.PAGE_SIZE - 3, written, 0, 7)).isEqualTo(3);
    }

    @Property(tries = 150)
    void whatFitsIsWrittenReadBackAndDirtyAndNothingElse(
            @ForAll @IntRange(max = BYTES + 5) int start, @ForAll @IntRange(max = 2 * Pages.PAGE_SIZE + 9) int length) {
        byte[] written = numbered(length);
        int fits = Math.max(0, Math.min(length, BYTES - start));
        assertThat(memory.write(GPA + start, written)).isEqualTo(fits);
        byte[] read = new byte[length];
        assertThat(memory.read(GPA + start, read)).isEqualTo(fits);
        for (int i = 0; i < length; i++) { // bounded by the array
            assertThat(read[i]).isEqualTo(i < fits ? written[i] : 0);
        }
        List<Long> expected = new ArrayList<>();
        for (int at = start; at < start + fits; at = Pages.PAGE_SIZE * (at / Pages.PAGE_SIZE + 1)) { // one turn a page
            expected.add((long) (at / Pages.PAGE_SIZE));
        }
        List<Long> dirty = new ArrayList<>();
        Arrays.stream(memslots.harvestDirty(1).harvest().pages()).forEach(dirty::add);
        Arrays.stream(memslots.harvestDirty(2).harvest().pages()).forEach(page -> dirty.add(page + 2));
        assertThat(dirty).isEqualTo(expected);
    }

    @Test
    void aRangeOverTwoSlotsGoesToTheTwoPlaces() {
        assertThat(memory.write(GPA + 2 * Pages.PAGE_SIZE - 1, new byte[] {5, 6})).isEqualTo(2);
        assertThat(hostByte(BYTES - 1)).isEqualTo((byte) 5);
        assertThat(hostByte(0)).isEqualTo((byte) 6);
    }

    @Test
    void aWriteStopsAtAReadOnlySlotWhichCanBeRead() {
        memslots.set(3, Memslot.FLAG_READONLY, GPA + BYTES, Pages.PAGE_SIZE, HVA);
        host.poke(HVA, new byte[] {9});
        assertThat(memory.write(GPA + BYTES - 2, new byte[4])).isEqualTo(2);
        assertThat(memory.read(GPA + BYTES - 2, new byte[4])).isEqualTo(4);
        assertThat(hostByte(0)).isEqualTo((byte) 9);
    }

    @Test
    void aPageThatCannotBeWrittenStopsTheWriteAndIsNotDirty() {
        host.protect(HVA + 2 * Pages.PAGE_SIZE, 1, Protection.READ);
        assertThat(memory.write(GPA + Pages.PAGE_SIZE - 3, new byte[8])).isEqualTo(3);
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(0);
        host.protect(HVA + 2 * Pages.PAGE_SIZE, 1, Protection.NONE);
        assertThat(memory.read(GPA + Pages.PAGE_SIZE - 3, new byte[8])).isEqualTo(3);
    }

    @Test
    void theEndOfTheAddressSpaceIsNotTheBeginning() {
        memslots.set(4, 0, 0, Pages.PAGE_SIZE, HVA);
        assertThat(memory.write(-2, new byte[4])).isZero();
        assertThat(memory.read(-2, new byte[4])).isZero();
        assertThat(hostByte(0)).isZero();
    }

    @Test
    void noSectionIsLeftOpen() {
        memory.write(GPA, new byte[1]);
        memory.read(GPA, new byte[1]);
        assertThat(memslots.set(1, 0, 0, 0, 0)).isEqualTo(Memslots.Change.DONE);
        assertThat(memory.read(GPA, new byte[1])).isZero();
        assertThat(memslots.set(2, 0, 0, 0, 0)).isEqualTo(Memslots.Change.DONE);
    }

    @Test
    void readingWhatNobodyHasWrittenCommitsNothing() {
        byte[] bytes = new byte[BYTES];
        assertThat(memory.read(GPA, bytes)).isEqualTo(BYTES);
        assertThat(bytes).containsOnly(0);
        assertThat(host.framesInUse()).isZero();
        assertThat(memory.write(GPA + Pages.PAGE_SIZE, new byte[] {7})).isEqualTo(1);
        assertThat(memory.read(GPA, bytes)).isEqualTo(BYTES);
        assertThat(bytes[Pages.PAGE_SIZE]).isEqualTo((byte) 7);
        assertThat(host.framesInUse()).isEqualTo(1);
    }

    @Test
    void aPartOfAnArrayIsWrittenAndRead() {
        byte[] from = numbered(100);
        assertThat(memory.write(GPA + Pages.PAGE_SIZE - 5, from, 20, 10)).isEqualTo(10);
        byte[] into = new byte[30];
        assertThat(memory.read(GPA + Pages.PAGE_SIZE - 5, into, 7, 10)).isEqualTo(10);
        assertThat(Arrays.copyOfRange(into, 7, 17)).isEqualTo(Arrays.copyOfRange(from, 20, 30));
        assertThat(into[6]).isZero();
        assertThat(into[17]).isZero();
        assertThatThrownBy(() -> memory.write(GPA, from, 95, 10)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> memory.read(GPA, into, -1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Property(tries = 100)
    void aBufferMovesByWhatWasDone(
            @ForAll @IntRange(max = BYTES + 5) int start, @ForAll @IntRange(max = 2 * Pages.PAGE_SIZE + 9) int length,
            @ForAll boolean direct) {
        ByteBuffer from = buffer(length + 3, direct);
        from.put(1, numbered(length)).position(1).limit(1 + length);
        int fits = Math.max(0, Math.min(length, BYTES - start));
        assertThat(memory.write(GPA + start, from)).isEqualTo(fits);
        assertThat(from.position()).isEqualTo(1 + fits);
        ByteBuffer into = buffer(length + 3, direct);
        into.position(2).limit(2 + length);
        assertThat(memory.read(GPA + start, into)).isEqualTo(fits);
        assertThat(into.position()).isEqualTo(2 + fits);
        byte[] back = new byte[fits];
        into.get(2, back);
        assertThat(back).isEqualTo(Arrays.copyOf(numbered(length), fits));
    }

    private static ByteBuffer buffer(int length, boolean direct) {
        return direct ? ByteBuffer.allocateDirect(length) : ByteBuffer.allocate(length);
    }

    @Property(tries = 100)
    void aCopyIsTheBytesThatWereThere(
            @ForAll @IntRange(max = BYTES) int from, @ForAll @IntRange(max = BYTES) int to,
            @ForAll @IntRange(max = 2 * Pages.PAGE_SIZE + 9) int length) {
        byte[] model = numbered(BYTES);
        memory.write(GPA, model);
        int fits = Math.max(0, Math.min(length, BYTES - Math.max(from, to)));
        if (to <= from || to - from >= length || fits == length) { // else part of the end lies outside
            assertThat(memory.copy(GPA + to, GPA + from, length)).isEqualTo(fits);
            System.arraycopy(model.clone(), from, model, to, fits);
        } else {
            assertThat(memory.copy(GPA + to, GPA + from, length)).isLessThan(length);
            return;
        }
        byte[] now = new byte[BYTES];
        memory.read(GPA, now);
        assertThat(now).isEqualTo(model);
    }

    @Test
    void aFillIsOfItsLengthAndDirty() {
        memslots.harvestDirty(1);
        memslots.harvestDirty(2);
        assertThat(memory.fill(GPA + 100, 2 * Pages.PAGE_SIZE, (byte) 7)).isEqualTo(2 * Pages.PAGE_SIZE);
        byte[] now = new byte[BYTES];
        memory.read(GPA, now);
        for (int i = 0; i < BYTES; i++) { // bounded by the memory
            assertThat(now[i]).isEqualTo((byte) (i < 100 || i >= 100 + 2 * Pages.PAGE_SIZE ? 0 : 7));
        }
        assertThat(memslots.harvestDirty(2).harvest().pages()).containsExactly(0);
        assertThat(memory.fill(GPA + 100, Long.MAX_VALUE, (byte) 7)).as("as far as it goes").isEqualTo(BYTES - 100);
        assertThat(memory.fill(0, 10, (byte) 7)).isZero();
        assertThatThrownBy(() -> memory.fill(GPA, -1, (byte) 7)).hasMessageContaining("length=-1");
        assertThatThrownBy(() -> memory.copy(GPA, GPA, -1)).hasMessageContaining("length=-1");
    }

    private static final List<GuestMemory.Piece> PIECES = List.of(
            new GuestMemory.Piece(GPA + 0x1ffd, 6), // over the end of a slot
            new GuestMemory.Piece(-1, 0), // of no length, anywhere
            new GuestMemory.Piece(GPA, 3),
            new GuestMemory.Piece(GPA + 0x10, 0xffff_ffffL)); // as long as a descriptor can say

    @Test
    void piecesAreWrittenAndReadOneAfterTheOther() {
        assertThat(memory.scatter(PIECES, numbered(40), 2, 12)).isEqualTo(12);
        byte[] expected = Arrays.copyOfRange(numbered(40), 2, 14);
        byte[] read = new byte[20];
        assertThat(memory.gather(PIECES, read, 5, 12)).isEqualTo(12);
        assertThat(Arrays.copyOfRange(read, 5, 17)).isEqualTo(expected);
        byte[] last = new byte[4];
        memory.read(GPA + 0x10, last);
        assertThat(last).containsExactly(expected[9], expected[10], expected[11], 0);
        assertThat(memorySlotsDirty()).containsExactly(0L, 1L, 2L);
    }

    private List<Long> memorySlotsDirty() {
        List<Long> dirty = new ArrayList<>();
        Arrays.stream(memslots.harvestDirty(1).harvest().pages()).forEach(dirty::add);
        Arrays.stream(memslots.harvestDirty(2).harvest().pages()).forEach(page -> dirty.add(page + 2));
        return dirty;
    }

    @Test
    void piecesAreDoneUpToTheFirstThatCannotBe() {
        List<GuestMemory.Piece> pieces = List.of(
                new GuestMemory.Piece(GPA, 4),
                new GuestMemory.Piece(GPA + BYTES - 2, 4), // its end is not there
                new GuestMemory.Piece(GPA + 8, 4));
        assertThat(memory.scatter(pieces, numbered(12), 0, 12)).isEqualTo(6);
        byte[] after = new byte[4];
        memory.read(GPA + 8, after);
        assertThat(after).containsOnly(0);
        assertThat(memory.gather(pieces, new byte[12], 0, 12)).isEqualTo(6);
        assertThat(memory.gather(pieces.subList(0, 1), new byte[12], 0, 12)).as("no more room").isEqualTo(4);
        assertThat(memory.gather(List.of(), new byte[12], 0, 12)).isZero();
        assertThatThrownBy(() -> memory.scatter(pieces, new byte[3], 1, 3))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> new GuestMemory.Piece(GPA, -1)).hasMessageContaining("length=-1");
    }

    /** The source's first page is there and its second is not: none of the last bytes can be copied. */
    /** Of the bytes before the first slot there are none. */
    @Test
    void aDescendingCopyEndsWhereTheBytesDo() {
        byte[] model = numbered(0x2000);
        memory.write(GPA, model);
        assertThat(memory.copy(GPA + 0x300, GPA - 0x100, 0x1000)).isEqualTo(0xf00);
        System.arraycopy(model.clone(), 0, model, 0x400, 0xf00);
        byte[] read = new byte[0x2000];
        memory.read(GPA, read);
        assertThat(read).isEqualTo(model);
    }

    @ParameterizedTest
    @ValueSource(longs = {1L << 31, 1L << 32, (1L << 52) - 2 * Pages.PAGE_SIZE})
    void aCopyOverAnyAddressIsOfTheBytesThatWereThere(long middle) {
        host.mapAnonymous(HVA + 0x100_0000, 2, Protection.READ_WRITE);
        memslots.set(3, 0, middle - Pages.PAGE_SIZE, 2 * Pages.PAGE_SIZE, HVA + 0x100_0000);
        byte[] model = numbered(0x1000);
        for (int by : new int[] {-0x10, 0x10}) {
            memory.write(middle - 0x800, model);
            assertThat(memory.copy(middle - 0x800 + by, middle - 0x800, 0x1000)).isEqualTo(0x1000);
            byte[] read = new byte[0x1000];
            memory.read(middle - 0x800 + by, read);
            assertThat(read).isEqualTo(model);
        }
    }

    @Test
    void whatADescendingCopyCountsAreTheLastBytes() {
        byte[] model = numbered(BYTES);
        memory.write(GPA, model);
        assertThat(memory.copy(GPA + BYTES - 0x800, GPA + BYTES - 0x1000, 0x1000)).isZero();
        byte[] now = new byte[BYTES];
        memory.read(GPA, now);
        assertThat(now).isEqualTo(model);
        assertThat(memory.copy(GPA + 0x800, GPA, 2 * Pages.PAGE_SIZE)).isEqualTo(2 * Pages.PAGE_SIZE);
        System.arraycopy(model.clone(), 0, model, 0x800, 2 * Pages.PAGE_SIZE);
        memory.read(GPA, now);
        assertThat(now).isEqualTo(model);
    }

    /** A range that goes on behind the last address is not there: what lies at the first ones is not of it. */
    @Test
    void aCopyDoesNotGoOnBehindTheLastAddress() {
        byte[] model = numbered(BYTES);
        memory.write(GPA, model);
        assertThat(memory.copy(0, -Pages.PAGE_SIZE, GPA + 2 * Pages.PAGE_SIZE)).isZero();
        assertThat(memory.read(-Pages.PAGE_SIZE, new byte[BYTES])).isZero();
        byte[] now = new byte[BYTES];
        memory.read(GPA, now);
        assertThat(now).isEqualTo(model);
    }
}
