package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.CheckedOutputStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Memory that goes to a file and comes back, and a VM that is made from a snapshot. */
final class RamImageTest {

    private static final int PAGE = 4096;
    private static final long ROM = 0x10_0000;
    private static final long RAM = 0x1000_0000;
    private static final long ARRAY = 0x8000_0000L;
    private static final int SPARSE = 65_536;

    private final Vm vm = Vm.builder().build();
    private final Vm other = Vm.builder().build();

    RamImageTest() {
        vm.ram().add(7, Memslot.FLAG_READONLY, ROM, 2);
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, RAM, SPARSE);
        vm.ram().add(1, 0, ARRAY, new byte[4 * PAGE]);
        assertThat(vm.guestMemory().writeAsHost(ROM + PAGE - 2, new byte[] {0, 1, 2, 3, 4}, 1, 4)).isEqualTo(4);
        assertThat(vm.guestMemory().write(RAM + 40_000L * PAGE + 5, new byte[] {5})).isOne();
        assertThat(vm.guestMemory().write(ARRAY + 3 * PAGE, new byte[] {6})).isOne();
        assertThat(vm.guestMemory().write(RAM, new byte[3 * PAGE])).as("zeros").isEqualTo(3 * PAGE);
    }

    @AfterEach
    void close() {
        VmAudit.atRest(vm);
        VmAudit.atRest(other);
        vm.close();
        other.close();
    }

    private byte[] saved() throws IOException {
        ByteArrayOutputStream to = new ByteArrayOutputStream();
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            snapshot.save(to);
        }
        return to.toByteArray();
    }

    private static void expectSame(Vm expected, Vm found) {
        try (RamSnapshot before = expected.ram().snapshot(); RamSnapshot after = found.ram().snapshot()) {
            assertThat(after.slots()).map(slot -> slot.id() + " " + slot.flags() + " " + slot.gfns())
                    .isEqualTo(before.slots().stream().map(slot -> slot.id() + " " + slot.flags() + " " + slot.gfns())
                            .toList());
            assertThat(after.pagesChangedSince(before)).isEmpty();
            assertThat(after.pagesWithContent().toArray()).isEqualTo(before.pagesWithContent().toArray());
        }
    }

    @Test
    void whatWasSavedIsLoadedWithItsRom() throws IOException {
        byte[] saved = saved();
        assertThat(saved).as("pages without content take no room").hasSizeLessThan(5 * PAGE);
        assertThat(other.ram().load(new ByteArrayInputStream(saved))).isEqualTo(Memslots.Change.DONE);
        expectSame(vm, other);
        byte[] rom = new byte[4];
        assertThat(other.guestMemory().read(ROM + PAGE - 2, rom)).isEqualTo(4);
        assertThat(rom).containsExactly(1, 2, 3, 4);
        assertThat(other.guestMemory().write(ROM, rom)).as("a ROM stays one").isZero();
        assertThat(other.host().framesInUse()).as("frames of 65,542 pages").isLessThanOrEqualTo(4);
    }

    @Test
    void aVmIsMadeFromASnapshot() {
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            vm.guestMemory().write(RAM, new byte[] {9});
            assertThat(other.ram().addAll(snapshot)).isEqualTo(Memslots.Change.DONE);
        }
        vm.guestMemory().write(RAM, new byte[] {0});
        expectSame(vm, other);
        assertThat(other.host().framesInUse()).isLessThanOrEqualTo(4);
    }

    @Test
    void theStreamGoesOnBehindWhatWasSaved() throws IOException {
        byte[] saved = saved();
        byte[] more = Arrays.copyOf(saved, saved.length + 1);
        more[saved.length] = 77;
        ByteArrayInputStream in = new ByteArrayInputStream(more);
        other.ram().load(in);
        assertThat(in.read()).isEqualTo(77);
    }

    /** One byte of it is another, or missing. */
    @Property(tries = 60)
    void whatIsNotAsItWasSavedChangesNothing(
            @ForAll @IntRange(max = Integer.MAX_VALUE - 1) int place, @ForAll boolean cut) throws IOException {
        byte[] saved = saved();
        int at = place % saved.length;
        byte[] damaged = cut ? Arrays.copyOf(saved, at) : saved.clone();
        if (!cut) {
            damaged[at] ^= 0x10;
        }
        long frames = other.host().framesInUse();
        assertThatThrownBy(() -> other.ram().load(new ByteArrayInputStream(damaged)))
                .isInstanceOfAny(IOException.class, IllegalStateException.class, IllegalArgumentException.class);
        assertThat(other.memslots().table().size()).isZero();
        assertThat(other.host().framesInUse()).isEqualTo(frames);
        assertThat(other.ram().add(0, 0, RAM, 1)).as("and there is room").isEqualTo(Memslots.Change.DONE);
        other.ram().remove(0);
    }

    @Test
    void aSlotThatHasNoPlaceLeavesNoneOfTheOthers() throws IOException {
        byte[] saved = saved();
        other.ram().add(3, 0, ARRAY + PAGE, 1);
        assertThatThrownBy(() -> other.ram().load(new ByteArrayInputStream(saved)))
                .isInstanceOf(Memslots.Rejected.class);
        assertThat(other.memslots().table().size()).isOne();
        assertThat(other.memslots().table().byId(3)).isNotNull();
        assertThat(other.host().framesInUse()).isZero();
    }

    @Test
    void aSlotThatHasOnesNumberStays() throws IOException {
        byte[] saved = saved();
        other.ram().add(1, 0, 2 * ARRAY, 1);
        assertThatThrownBy(() -> other.ram().load(new ByteArrayInputStream(saved)))
                .isInstanceOf(Memslots.Rejected.class);
        assertThat(other.memslots().table()).singleElement().returns(1, Memslot::id);
        assertThat(other.guestMemory().write(2 * ARRAY, new byte[] {1})).isOne();
    }

    /**
     * Three slots are mapped and filled when the stream fails; to unmap the first fails, too, and only once. What is
     * wrong with the stream is said first.
     */
    @Test
    void whenTakingBackFailsTheRestIsTakenBackAllTheSame() throws IOException {
        byte[] saved = saved();
        boolean[] due = {false};
        InputStream broken = new ByteArrayInputStream(saved) {
            @Override
            public synchronized int read(byte[] into, int at, int length) {
                due[0] = available() <= Long.BYTES; // the checksum is missing
                return due[0] ? -1 : super.read(into, at, length);
            }
        };
        other.host().registerFaultHandler(HvaRange.WHOLE, new UnmapListener(range -> {
            if (due[0]) {
                due[0] = false;
                throw new IllegalMonitorStateException("told");
            }
        }), false, false);
        assertThatThrownBy(() -> other.ram().load(broken)).isInstanceOf(EOFException.class)
                .hasSuppressedException(new IllegalMonitorStateException("told"));
        assertThat(other.host().runs(0, HvaRange.USER_END / PAGE)).isEmpty();
        assertThat(other.host().framesInUse()).isZero();
        assertThat(other.memslots().table().size()).isZero();
    }

    @Test
    void memoryThatIsTooSmallLeavesNothing() throws IOException {
        byte[] saved = saved();
        try (Vm small = Vm.builder().host(HostMemory.builder().maxBytes(2 * PAGE).build()).build()) {
            assertThatThrownBy(() -> small.ram().load(new ByteArrayInputStream(saved)))
                    .isInstanceOf(IllegalStateException.class).hasMessageContaining("ENOMEM");
            assertThat(small.memslots().table().size()).isZero();
            assertThat(small.host().framesInUse()).isZero();
        }
    }

    @Test
    void aSlotOverNothingIsSavedAsNoContent() throws IOException {
        vm.memslots().set(20, 0, 0x5000_0000L, PAGE, 0x1234_5000L);
        assertThat(other.ram().load(new ByteArrayInputStream(saved()))).isEqualTo(Memslots.Change.DONE);
        assertThat(other.guestMemory().read(0x5000_0000L, new byte[8])).isEqualTo(8);
    }

    @Test
    void theDifferenceOfTwoSnapshotsIsWhatWasWrittenToAnotherValue() {
        try (RamSnapshot before = vm.ram().snapshot()) {
            vm.guestMemory().write(RAM + 2 * PAGE, new byte[] {1});
            vm.guestMemory().write(RAM + 40_000L * PAGE + 5, new byte[] {5});
            vm.ram().add(9, 0, 0x9000_0000L, 1);
            try (RamSnapshot after = vm.ram().snapshot()) {
                assertThat(after.pagesChangedSince(before)).containsExactly((RAM >> 12) + 2, 0x9000_0000L >> 12);
                assertThat(before.pagesChangedSince(after)).containsExactly((RAM >> 12) + 2);
                assertThat(after.pagesChangedSince(after)).isEmpty();
            }
        }
        assertThat(vm.ram().remove(9)).isEqualTo(Memslots.Change.DONE);
    }

    /** What no save has written, with the right checksum. */
    @Test
    void aSlotThatCannotBeIsNone() throws IOException {
        for (long[] wrong : new long[][] {
            {1, 0, 0, (1L << 40) + 16, 1}, {1, 0, 0, 16, 0}, {1, 0, 0, 16, -1}, {1, 32_764, 0, 16, 1}, {-5, 0, 0, 0, 1}
        }) {
            byte[] image = image(out -> {
                out.writeInt((int) wrong[0]);
                slot(out, (int) wrong[1], (int) wrong[2], wrong[3], wrong[4]);
            });
            assertIsNoImage(image, Arrays.toString(wrong));
        }
    }

    @Test
    void pagesOutsideOfTheirSlotAndSlotsInAnotherAreNone() throws IOException {
        for (long[] page : new long[][] {{0, 2}, {0, -1}, {1, 0}, {-2, 0}, {0, 1L << 32}}) {
            assertIsNoImage(image(out -> {
                out.writeInt(1);
                slot(out, 0, 0, 16, 2);
                out.writeInt((int) page[0]);
                out.writeLong(page[1]);
                out.write(new byte[PAGE]);
            }), Arrays.toString(page));
        }
        for (int[] second : new int[][] {{1, 17}, {1, 0}, {0, 18}}) { // overlaps; lies below; has the number
            assertIsNoImage(image(out -> {
                out.writeInt(2);
                slot(out, 0, 0, 16, 2);
                slot(out, second[0], 0, second[1], 2);
            }), Arrays.toString(second));
        }
    }

    private interface Content {
        void to(DataOutputStream out) throws IOException;
    }

    private static void slot(DataOutputStream out, int id, int flags, long gfn, long npages) throws IOException {
        out.writeInt(id);
        out.writeInt(flags);
        out.writeLong(gfn);
        out.writeLong(npages);
    }

    private static byte[] image(Content content) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CheckedOutputStream checked = new CheckedOutputStream(bytes, new CRC32());
        DataOutputStream out = new DataOutputStream(checked);
        out.writeLong(0x70666e52_414d0001L);
        content.to(out);
        out.writeInt(-1);
        out.writeLong(checked.getChecksum().getValue());
        return bytes.toByteArray();
    }

    private void assertIsNoImage(byte[] image, String what) {
        assertThatThrownBy(() -> other.ram().load(new ByteArrayInputStream(image)))
                .as(what).isInstanceOf(IOException.class);
        assertThat(other.memslots().table().size()).isZero();
    }

    /** The last page of the last slot has no place, and the memory map is read: nothing could be taken out again. */
    @Test
    void whatHasNoPlaceIsRefusedFirst() throws IOException {
        byte[] saved = saved();
        other.ram().add(3, 0, ARRAY + 3 * PAGE, 1);
        int token = other.memslots().enterRead();
        try {
            assertThatThrownBy(() -> other.ram().load(new ByteArrayInputStream(saved)))
                    .isInstanceOf(Memslots.Rejected.class);
        } finally {
            other.memslots().exitRead(token);
        }
        assertThat(other.memslots().table().size()).isOne();
    }

    /** A slot that ends where another one begins has a place, and would be shown before the refusal of the next. */
    @Test
    void aNeighbourIsNotTakenForTheOneWithoutAPlace() {
        Vm crowded = Vm.builder().build();
        crowded.ram().add(0, 0, 0x1000, 1);
        crowded.ram().add(3, 0, 0x3000, 1);
        Vm another = Vm.builder().build();
        another.ram().add(1, 0, 0x2000, 1);
        another.ram().add(2, 0, 0x3000, 1);
        int token = crowded.memslots().enterRead(); // what is shown cannot be taken out again
        try (RamSnapshot snapshot = another.ram().snapshot()) {
            assertThatThrownBy(() -> crowded.ram().addAll(snapshot)).isInstanceOf(Memslots.Rejected.class);
        } finally {
            crowded.memslots().exitRead(token);
        }
        assertThat(crowded.memslots().table().size()).isEqualTo(2);
        crowded.close();
        another.close();
    }

    @Test
    void theLastPageOfTheAddressSpaceIsSavedToo() throws IOException {
        long last = Pages.gfnToGpa(Pages.GFN_END - 1);
        try (Vm small = Vm.builder().build(); Vm made = Vm.builder().build()) {
            small.ram().add(0, 0, last, 1);
            small.guestMemory().write(last + PAGE - 1, new byte[] {9});
            ByteArrayOutputStream to = new ByteArrayOutputStream();
            try (RamSnapshot snapshot = small.ram().snapshot()) {
                snapshot.save(to);
            }
            assertThat(made.ram().load(new ByteArrayInputStream(to.toByteArray()))).isEqualTo(Memslots.Change.DONE);
            expectSame(small, made);
        }
    }

    @Test
    void aLogThatIsOnForAReaderIsNeitherSavedNorCopied() throws IOException {
        try (Vm third = Vm.builder().build()) {
            try (DirtyLogFollower follower = vm.followDirtyLog(); RamSnapshot snapshot = logging(follower)) {
                other.ram().load(new ByteArrayInputStream(saved()));
                third.ram().addAll(snapshot);
            }
            for (Vm made : List.of(other, third)) {
                assertThat(made.memslots().table().byId(1).logsDirtyPages()).isFalse();
                assertThat(made.memslots().table().byId(0).logsDirtyPages()).isTrue();
            }
        }
    }

    private RamSnapshot logging(DirtyLogFollower follower) {
        assertThat(follower.deliver(gfn -> true).complete()).isTrue();
        assertThat(vm.memslots().table().byId(1).logsDirtyPages()).isTrue();
        return vm.ram().snapshot();
    }
}
