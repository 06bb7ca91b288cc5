package io.github.pfncache.host;

import static io.github.pfncache.host.HostWorld.page;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.PrimitiveIterator;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The cost of snapshots, and of the difference of two, by what they share and by what they allocate: never by time. */
class SnapshotCostTest {

    private static final long A = 0x2000_0000_0000L;
    private static final int LEAVES = 16;
    private static final int NPAGES = LEAVES * 512;
    private static final RewindRange ALL = new RewindRange(A, A, NPAGES);

    private final HostMemory host = HostMemory.builder().checked(false).build();

    SnapshotCostTest() {
        host.mapAnonymous(A, NPAGES, Protection.READ_WRITE);
        for (int i = 0; i < NPAGES; i++) {
            write(i, i + 1);
        }
    }

    @AfterEach
    void close() {
        host.audit();
        host.close();
        assertThat(host.framesInUse()).isZero();
    }

    private void write(int page, long value) {
        assertThat(host.copyToUser(page(A, page), HostWorld.bytes(value), 0, 8)).isTrue();
    }

    private static long allocated() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        return threads.getThreadAllocatedBytes(Thread.currentThread().getId());
    }

    /** Of how many leaves two tables have not the same. */
    private static int unsharedLeaves(HostMemory one, HostMemory other) {
        int unshared = 0;
        for (int leaf = 0; leaf < LEAVES; leaf++) {
            Object here = one.space().table.leaf((A >>> 12) + leaf * 512L);
            unshared += here != other.space().table.leaf((A >>> 12) + leaf * 512L) ? 1 : 0;
        }
        return unshared;
    }

    @Test
    void whatHasNotChangedIsSharedAndNotLookedAtAgain() {
        try (HostMemory first = host.snapshot()) {
            assertThat(unsharedLeaves(first, host)).isZero();
            assertThat(host.framesInUse()).isEqualTo(NPAGES);
            write(3 * 512 + 7, -1);
            write(3 * 512 + 8, -1);
            write(9 * 512, -1);
            assertThat(host.framesInUse()).as("three pages were copied").isEqualTo(NPAGES + 3);
            assertThat(unsharedLeaves(first, host)).as("and two leaves").isEqualTo(2);
            try (HostMemory second = host.snapshot()) {
                assertThat(unsharedLeaves(first, second)).isEqualTo(2);
                assertThat(unsharedLeaves(host, second)).isZero();
                assertThat(second.unlikePages(first, ALL).toArray())
                        .containsExactly(page(A, 3 * 512 + 7), page(A, 3 * 512 + 8), page(A, 9 * 512));
                assertThat(host.unlikePages(second, ALL).toArray()).isEmpty();
                assertThat(HostWorld.load(first, page(A, 9 * 512))).isEqualTo(9 * 512 + 1);
                host.audit();
            }
        }
    }

    @Test
    void aSnapshotAllocatesNothingForPages() {
        List<HostMemory> snapshots = new ArrayList<>();
        snapshots.add(host.snapshot());
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 20; i++) {
            write(i, -1);
            long before = allocated();
            snapshots.add(host.snapshot());
            least = Math.min(least, allocated() - before);
        }
        assertThat(least).as("a table's nodes, not its 16 leaves of 4 KiB").isLessThan(32 << 10);
        snapshots.forEach(HostMemory::close);
    }

    @Test
    void rewindingLooksAtWhatHasChanged() {
        try (HostMemory first = host.snapshot()) {
            write(5 * 512, -1);
            List<Long> told = new ArrayList<>();
            assertThat(host.rewind(first, List.of(ALL), told::add)).isEqualTo(HostResult.OK);
            assertThat(told).containsExactly(page(A, 5 * 512));
            assertThat(unsharedLeaves(first, host)).isOne();
            assertThat(host.unlikePages(first, ALL).toArray()).as("its frames are the same").isEmpty();
            try (HostMemory second = host.snapshot()) {
                assertThat(second.unlikePages(first, ALL).toArray()).isEmpty();
            }
        }
    }

    @Test
    void snapshotsAreClosedInAnyOrder() {
        Random random = new Random(5);
        List<HostMemory> snapshots = new ArrayList<>();
        List<Integer> values = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            write(random.nextInt(4) * 512, 1000 + i);
            write(777, 1000 + i);
            snapshots.add(host.snapshot());
            values.add(1000 + i);
        }
        List<Integer> order = new ArrayList<>(List.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
        Collections.shuffle(order, random);
        for (int closed = 0; closed < order.size(); closed++) {
            snapshots.get(order.get(closed)).close();
            host.audit();
            for (int open : order.subList(closed + 1, order.size())) {
                assertThat(HostWorld.load(snapshots.get(open), page(A, 777))).isEqualTo((long) values.get(open));
                assertThat(HostWorld.load(snapshots.get(open), page(A, NPAGES - 1))).isEqualTo(NPAGES);
            }
        }
        assertThat(host.framesInUse()).isEqualTo(NPAGES);
    }

    @Test
    void armedPagesStayTheirTablesOwn() {
        assertThat(host.writeProtect(page(A, 600), 1, true)).isEqualTo(HostResult.OK);
        try (HostMemory child = host.fork()) {
            assertThat(unsharedLeaves(host, child)).isOne();
            List<PageFault.Reason> reasons = new ArrayList<>();
            child.registerFaultHandler(io.github.pfncache.address.HvaRange.ofPages(A, NPAGES), fault -> {
                reasons.add(fault.reason());
                return PageFaultHandler.Decision.RESOLVE;
            }, false, true);
            assertThat(child.copyToUser(page(A, 600), new byte[8], 0, 8)).isTrue();
            assertThat(reasons).as("armed in the parent, not in the child").isEmpty();
        }
    }

    /** A leaf that is the same at both has other pages at the same distance from a range's begin. */
    @Test
    void pagesAreComparedAndPutBackAtOtherAddressesOfOneLeaf() {
        try (HostMemory first = host.snapshot()) {
            RewindRange next = new RewindRange(page(A, 11), page(A, 10), 3);
            assertThat(host.unlikePages(first, next).toArray())
                    .containsExactly(page(A, 10), page(A, 11), page(A, 12));
            List<Long> told = new ArrayList<>();
            assertThat(host.rewind(first, List.of(next), told::add)).isEqualTo(HostResult.OK);
            assertThat(told).containsExactly(page(A, 10), page(A, 11), page(A, 12));
            for (int i = 10; i < 14; i++) {
                assertThat(HostWorld.load(host, page(A, i))).isEqualTo(i < 13 ? i + 2 : i + 1);
                assertThat(HostWorld.load(first, page(A, i))).isEqualTo(i + 1);
            }
        }
    }

    /** What is not copied needs no memory, where a move has begun and must end. */
    @Test
    void fromASharedLeafWithoutPagesThereNothingIsMoved() {
        assertThat(host.discard(page(A, 500), 24)).isEqualTo(HostResult.OK);
        try (HostMemory first = host.snapshot()) {
            assertThat(host.move(page(A, 504), 16, page(A, 2 * NPAGES))).isEqualTo(HostResult.OK);
            assertThat(unsharedLeaves(first, host)).as("nothing was there").isZero();
            assertThat(host.unmap(page(A, 498), 1)).isEqualTo(HostResult.OK);
            assertThat(unsharedLeaves(first, host)).isOne();
        }
    }

    /** Pages that are there in the snapshot alone are looked for as far as the range goes there, and no farther. */
    @Test
    void aDifferenceToOtherAddressesEndsWhereItsRangeEndsThere() {
        try (HostMemory first = host.snapshot()) {
            host.discard(A, NPAGES);
            assertThat(host.unlikePages(first, new RewindRange(page(A, 8), A, 8)).toArray()).hasSize(8);
            assertThat(host.unlikePages(first, new RewindRange(A, page(A, 8), 8)).toArray()).hasSize(8);
        }
    }

    /** Up to the end of what is unmapped, whether it is the table's own or shared. */
    @Test
    void aLeafThatIsUnmappedWhollyIsKeptByNobodyHere() {
        try (HostMemory first = host.snapshot()) {
            write(3 * 512, -1);
            for (int leaf : new int[] {2, 3}) {
                assertThat(host.unmap(page(A, leaf * 512), 512)).isEqualTo(HostResult.OK);
                assertThat(host.space().table.leaf((A >>> 12) + leaf * 512L) == null).as("gone").isTrue();
                assertThat(first.space().table.leaf((A >>> 12) + leaf * 512L) == null).as("gone there").isFalse();
            }
        }
    }

    @Test
    void aDifferenceEndsWithTheMemoryThatItIsTo() {
        HostMemory first = host.snapshot();
        host.discard(A, NPAGES);
        PrimitiveIterator.OfLong unlike = host.unlikePages(first, ALL).iterator();
        assertThat(unlike.nextLong()).isEqualTo(A);
        first.close();
        assertThatIllegalStateException().isThrownBy(() -> {
            while (unlike.hasNext()) { // bounded by the pages
                unlike.nextLong();
            }
        });
        assertThatIllegalStateException().isThrownBy(() -> first.unlikePages(host, ALL).findAny());
    }
}
