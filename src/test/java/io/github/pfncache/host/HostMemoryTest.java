package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.EFAULT;
import static io.github.pfncache.host.HostResult.EINVAL;
import static io.github.pfncache.host.HostResult.ENOMEM;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.NONE;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The mmap family, call by call, as real hosts were seen to do it. */
class HostMemoryTest {

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;

    @AfterEach
    void close() {
        world.close();
    }

    @Test
    void resolvingCommitsOnePageOfZeros() {
        assertThat(host.isPresent(A)).isFalse();
        assertThat(world.load(A)).isZero();
        assertThat(host.isPresent(A)).as("reading does not populate").isFalse();

        assertThat(world.store(A + 8, 7)).isTrue();
        assertThat(host.isPresent(A)).isTrue();
        assertThat(host.isPresent(page(A, 1))).isFalse();
        assertThat(world.load(A + 8)).isEqualTo(7);
        assertThat(host.framesInUse()).isEqualTo(1);
    }

    @Test
    void tellsAPersonWhatIsHeld() {
        HostPage page = host.hvaToPage(A);
        assertThat(host).hasToString("HostMemory[0 mappings, 1 page references, 1 open files, "
                + "frames in use=1 of 1073741824]");
        host.release(page);
        assertThat(host).hasToString("HostMemory[0 mappings, 0 page references, 1 open files, "
                + "frames in use=1 of 1073741824]");
    }

    @Test
    void addressesThatAreNotMappedOrNotUserAddressesFault() {
        long end = HvaRange.USER_END;
        for (long hva : new long[] {0, page(A, 16), page(A, -1), end, end - 1, -1, 1L << 63}) {
            assertThat(host.hvaToPage(hva)).isNull();
            assertThat(host.isPresent(hva)).isFalse();
        }
    }

    @Test
    void aRangeThatIsNoRangeOfPagesIsACallersBugAndChangesNothing() {
        assertThatIllegalArgumentException().isThrownBy(() -> host.unmap(A + 1, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> host.unmap(A, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> host.mapAnonymous(-4096, 1, READ));
        assertThatIllegalArgumentException().isThrownBy(() -> host.protect(A, Long.MAX_VALUE, NONE));
        assertThatIllegalArgumentException().isThrownBy(() -> host.mapShared(B, 2, world.file, -1, READ));
        assertThat(world.told).isEmpty();
    }

    @Test
    void aFileOfAnotherFamilyCannotBeMapped() {
        try (HostMemory other = HostMemory.builder().build()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> other.mapShared(A, 1, world.file, 0, READ))
                    .withMessageContaining("another memory");
        }
    }

    @Test
    void unmappedPagesFaultUntilTheyAreMappedAgainAndAreFreshThen() {
        world.store(A, 1);
        assertThat(host.unmap(A, 1)).isEqualTo(OK);
        assertThat(world.store(A, 2)).isFalse();
        assertThat(host.peek(A, new byte[1])).isEqualTo(EFAULT);
        assertThat(host.framesInUse()).isZero();
        assertThat(host.unmap(A, 1)).as("unmapping a hole").isEqualTo(OK);

        assertThat(host.mapAnonymous(A, 1, READ_WRITE)).isEqualTo(OK);
        assertThat(world.load(A)).isZero();
        assertThat(world.store(A, 3)).isTrue();
    }

    @Test
    void onlyWritablePagesResolve() {
        world.store(A, 1);
        assertThat(host.protect(A, 1, READ)).isEqualTo(OK);
        assertThat(world.store(A, 2)).isFalse();
        assertThat(host.protect(A, 1, NONE)).isEqualTo(OK);
        assertThat(world.store(A, 2)).isFalse();
        assertThat(world.load(A)).as("a debugger reads all the same").isEqualTo(1);
        assertThat(host.protect(A, 1, READ_WRITE)).isEqualTo(OK);
        assertThat(world.store(A, 3)).isTrue();
        assertThat(host.framesInUse()).as("same frame all the time").isEqualTo(1);
    }

    @Test
    void protectionAppliesPageByPageUpToTheFirstHole() {
        host.unmap(page(A, 2), 1);
        assertThat(host.protect(page(A, 1), 3, NONE)).isEqualTo(ENOMEM);
        assertThat(world.store(page(A, 1), 1)).as("before the hole").isFalse();
        assertThat(world.store(page(A, 3), 1)).as("behind the hole").isTrue();
        assertThat(host.protect(page(A, 2), 2, NONE)).as("hole first").isEqualTo(ENOMEM);
        assertThat(world.store(page(A, 3), 1)).isTrue();
    }

    @Test
    void discardForgetsPrivatePagesAndKeepsSharedOnes() {
        world.store(A, 1);
        world.store(M, 2);
        assertThat(host.discard(A, 1)).isEqualTo(OK);
        assertThat(host.isPresent(A)).isFalse();
        assertThat(world.load(A)).isZero();
        assertThat(host.discard(M, 1)).isEqualTo(OK);
        assertThat(host.isPresent(M)).isFalse();
        assertThat(world.load(M)).isEqualTo(2);
    }

    @Test
    void discardGoesOnBehindAHole() {
        world.store(A, 1);
        world.store(page(A, 2), 3);
        host.unmap(page(A, 1), 1);
        assertThat(host.discard(A, 3)).isEqualTo(ENOMEM);
        assertThat(world.load(A)).isZero();
        assertThat(world.load(page(A, 2))).isZero();
        assertThat(host.discard(page(A, 15), 2)).as("hole at the end").isEqualTo(ENOMEM);
    }

    @Test
    void removeFreesFilePagesByAddress() {
        world.store(M, 1);
        world.store(page(M, 2), 3);
        host.unmap(page(M, 1), 1);
        assertThat(host.protect(page(M, 2), 1, NONE)).isEqualTo(OK);
        assertThat(host.remove(M, 3)).as("goes on behind a hole").isEqualTo(ENOMEM);
        assertThat(world.load(M)).isZero();
        assertThat(world.load(page(M, 2))).as("whatever the protection").isZero();
        assertThat(host.framesInUse()).isZero();
    }

    @Test
    void removeStopsAtAPrivatePage() {
        world.store(M, 1);
        world.store(page(M, 2), 3);
        host.mapAnonymous(page(M, 1), 1, READ_WRITE);
        assertThat(host.remove(M, 3)).isEqualTo(EINVAL);
        assertThat(world.load(M)).as("done before it").isZero();
        assertThat(world.load(page(M, 2))).as("not done behind it").isEqualTo(3);
        assertThat(host.remove(A, 1)).isEqualTo(EINVAL);
        host.unmap(page(A, 1), 1);
        assertThat(host.remove(page(A, 1), 1)).isEqualTo(ENOMEM);
        assertThat(host.remove(page(A, 1), 2)).isEqualTo(EINVAL);
    }

    @Test
    void moveTakesFramesAlongAndLeavesAHole() {
        world.store(A, 1);
        long pfn = pfn(A);
        world.store(page(B, 3), 9);
        assertThat(host.move(A, 1, page(B, 3))).isEqualTo(OK);
        assertThat(world.load(page(B, 3))).isEqualTo(1);
        assertThat(pfn(page(B, 3))).isEqualTo(pfn);
        assertThat(host.hvaToPage(A)).isNull();
        assertThat(host.framesInUse()).as("what was there is gone").isEqualTo(1);
        assertThat(host.move(A, 1, page(B, 4))).isEqualTo(EFAULT);
        assertThat(host.move(page(B, 3), 1, A)).as("and back").isEqualTo(OK);
        assertThat(world.load(A)).isEqualTo(1);
    }

    @Test
    void moveSkipsHolesBehindTheFirstPageAndKeepsProtections() {
        world.store(A, 1);
        world.store(page(A, 2), 3);
        world.store(page(B, 1), 5);
        host.unmap(page(A, 1), 1);
        host.protect(page(A, 2), 1, READ);
        assertThat(host.move(A, 3, B)).isEqualTo(OK);
        assertThat(world.load(B)).isEqualTo(1);
        assertThat(world.load(page(B, 1))).as("nothing came here").isEqualTo(5);
        assertThat(world.load(page(B, 2))).isEqualTo(3);
        assertThat(world.store(page(B, 2), 4)).isFalse();
    }

    @Test
    void aFailedMoveChangesNothing() {
        world.store(page(A, 1), 2);
        world.store(B, 3);
        host.unmap(A, 1);
        assertThat(host.move(A, 2, B)).isEqualTo(EFAULT);
        assertThat(host.move(page(A, 1), 4, page(A, 3))).as("overlap").isEqualTo(EINVAL);
        assertThat(world.load(page(A, 1))).isEqualTo(2);
        assertThat(world.load(B)).isEqualTo(3);
    }

    @Test
    void mappingTwiceShowsOneFilePageAtTwoAddresses() {
        assertThat(host.mapShared(page(M, 0), 1, world.file, 9, READ_WRITE)).isEqualTo(OK);
        world.store(M, 7);
        assertThat(world.load(page(M, 9))).isEqualTo(7);
        assertThat(world.store(page(M, 9), 8)).isTrue();
        assertThat(world.load(M)).isEqualTo(8);
        assertThat(pfn(M)).isEqualTo(pfn(page(M, 9)));
    }

    @Test
    void populateReportsTheFirstFailureAndDoesWhatComesBefore() {
        assertThat(host.populateWrite(A, 3)).isEqualTo(OK);
        assertThat(host.framesInUse()).isEqualTo(3);
        host.unmap(page(A, 5), 1);
        assertThat(host.populateWrite(page(A, 4), 3)).isEqualTo(ENOMEM);
        assertThat(host.isPresent(page(A, 4))).isTrue();
        assertThat(host.isPresent(page(A, 6))).isFalse();
        host.protect(page(A, 8), 1, READ);
        assertThat(host.populateWrite(page(A, 8), 1)).isEqualTo(EINVAL);
        world.file.truncate(3);
        assertThat(host.populateWrite(page(M, 3), 1)).isEqualTo(EFAULT);
    }

    @Test
    void adviceThatChangesNothingVisibleKeepsContents() {
        world.store(A, 1);
        long pfn = pfn(A);
        assertThat(host.freeLazily(A, 1)).isEqualTo(OK);
        assertThat(host.freeLazily(M, 1)).isEqualTo(EINVAL);
        assertThat(host.collapse(A, 16)).isEqualTo(OK);
        assertThat(pfn(A)).isNotEqualTo(pfn);
        assertThat(world.load(A)).isEqualTo(1);
        host.unmap(page(A, 1), 1);
        assertThat(host.freeLazily(A, 2)).isEqualTo(ENOMEM);
        assertThat(host.collapse(A, 2)).isEqualTo(ENOMEM);
    }

    @Test
    void pokeIgnoresProtectionsAndCrossesPages() {
        host.protect(A, 1, NONE);
        assertThat(host.poke(page(A, 1) - 4, HostWorld.bytes(0x1122334455667788L))).isEqualTo(OK);
        assertThat(world.load(page(A, 1) - 4)).isEqualTo(0x1122334455667788L);
        assertThat(host.hvaToPage(A)).as("still protected").isNull();
        assertThat(host.poke(page(A, 16), new byte[1])).isEqualTo(EFAULT);
        assertThat(host.mapShared(A, 1, world.file.asReadOnly(), 0, READ)).isEqualTo(OK);
        assertThat(host.poke(A, new byte[1])).isEqualTo(HostResult.EACCES);
    }

    @Test
    void aHeldReferenceKeepsTheFrameNotTheAddress() {
        world.store(A, 1);
        HostPage page = host.hvaToPage(A);
        host.discard(A, 1);
        assertThat(host.framesInUse()).isEqualTo(1);
        HostMapping khva = host.map(page);
        assertThat(khva.get(0, 8)).as("the former frame").isEqualTo(1);
        world.store(A, 2);
        assertThat(khva.get(0, 8)).isEqualTo(1);
        host.release(page);
        assertThat(host.framesInUse()).isEqualTo(1);
        host.unmap(khva);
    }

    @Test
    void aFreedFrameIsPoisonedAndStaysReadable() {
        world.store(A, 1);
        HostPage page = host.hvaToPage(A);
        HostMapping khva = host.map(page);
        host.release(page);
        host.discard(A, 1);
        assertThat(khva.get(0, 1)).isEqualTo((byte) 0xd9);
        assertThat(khva.get(4095, 1)).isEqualTo((byte) 0xd9);
        host.unmap(khva);
    }

    @Test
    void referencesAndMappingsEndOnce() {
        HostPage page = host.hvaToPage(A);
        HostMapping khva = host.map(page);
        host.release(page);
        host.unmap(khva);
        assertThatIllegalStateException().isThrownBy(() -> host.map(page));
        assertThatThrownBy(() -> host.release(page)).hasMessageContaining("RELEASED_ONCE");
        assertThatThrownBy(() -> host.unmap(khva)).hasMessageContaining("UNMAPPED_ONCE");
        assertThat(host.pageReferences()).isZero();
        assertThat(host.liveMappings()).isZero();
    }

    @Test
    void aMappingIsUsedAgainForItsOwnFrameOnly() {
        world.store(A, 1);
        HostPage page = host.hvaToPage(A);
        HostMapping khva = host.map(page, null);
        assertThat(host.map(page, khva)).isSameAs(khva);
        assertThat(host.liveMappings()).isEqualTo(1);
        host.release(page);
        assertThatIllegalStateException().isThrownBy(() -> host.map(page, khva));
        assertThat(host.migrate(A)).isEqualTo(HostResult.OK);
        HostPage moved = host.hvaToPage(A);
        HostMapping other = host.map(moved, khva);
        assertThat(other).isNotSameAs(khva);
        host.unmap(other);
        assertThat(host.map(moved, other)).as("of one that was unmapped").isNotSameAs(other).satisfies(host::unmap);
        host.release(moved);
        host.unmap(khva);
    }

    @Test
    void sixtyFourGibibytesWithAHundredTouchedPagesCostAHundredPages() {
        long base = 0x1_0000_0000L;
        long npages = (64L << 30) >>> 12;
        assertThat(host.mapAnonymous(base, npages, READ_WRITE)).isEqualTo(OK);
        for (int i = 0; i < 100; i++) {
            assertThat(world.store(base + (i * (npages / 100) << 12), i + 1)).isTrue();
        }
        assertThat(host.framesInUse()).isEqualTo(100);
        for (int i = 0; i < 100; i++) {
            assertThat(world.load(base + (i * (npages / 100) << 12))).isEqualTo(i + 1);
        }
        assertThat(host.unmap(base, npages)).isEqualTo(OK);
        assertThat(host.framesInUse()).isZero();
    }

    @Test
    void mappingsAreBoundedAndMergeWithTheirNeighbours() {
        try (HostMemory small = HostMemory.builder().maxMappings(4).build()) {
            assertThat(small.mapAnonymous(A, 8, READ_WRITE)).isEqualTo(OK);
            assertThat(small.protect(page(A, 2), 1, READ)).isEqualTo(OK); // now 3
            assertThat(small.protect(page(A, 4), 1, READ)).isEqualTo(ENOMEM);
            assertThat(HostWorld.store(small, page(A, 4), 1)).as("nothing changed").isTrue();
            assertThat(small.protect(page(A, 2), 1, READ_WRITE)).as("merges").isEqualTo(OK);
            assertThat(small.space().vmas.size()).isEqualTo(1);
        }
    }

    /** As measured on Linux 6.18: what makes no more mappings is done, however many there are. */
    @Test
    void whatMakesNoMoreMappingsIsDoneAtTheLimit() {
        try (HostMemory small = HostMemory.builder().maxMappings(4).build()) {
            for (int i = 0; i < 4; i++) {
                assertThat(small.mapAnonymous(page(A, 10 * i), 5, READ_WRITE)).isEqualTo(OK);
            }
            List<HvaRange> told = new ArrayList<>();
            small.registerFaultHandler(HvaRange.WHOLE, new PageFaultHandler() {
                @Override
                public Decision onFault(PageFault fault) {
                    return Decision.REFUSE;
                }

                @Override
                public void onUnmap(HvaRange range) {
                    told.add(range);
                }

                @Override
                public void onMove(HvaRange range, long to) {
                    told.add(range);
                }
            }, false, false);
            assertThat(small.mapAnonymous(page(A, 50), 1, READ_WRITE)).isEqualTo(ENOMEM);
            assertThat(small.reserve(1)).isNegative();
            assertThat(small.unmap(page(A, 2), 1)).as("two from one").isEqualTo(ENOMEM);
            assertThat(small.mapAnonymous(page(A, 2), 1, READ)).as("three from one").isEqualTo(ENOMEM);
            assertThat(small.protect(page(A, 2), 1, READ)).isEqualTo(ENOMEM);
            assertThat(small.protect(page(A, 4), 1, READ)).as("two from one").isEqualTo(ENOMEM);
            assertThat(small.move(page(A, 2), 1, page(A, 50))).isEqualTo(ENOMEM);
            assertThat(told).as("nothing has changed").isEmpty();
            assertThat(HostWorld.store(small, page(A, 2), 1)).isTrue();

            assertThat(small.mapAnonymous(page(A, 5), 1, READ_WRITE)).as("merges").isEqualTo(OK);
            assertThat(small.unmap(page(A, 4), 2)).as("an end").isEqualTo(OK);
            assertThat(small.unmap(A, 1)).as("a begin").isEqualTo(OK);
            assertThat(small.protect(page(A, 10), 5, READ)).as("a whole one").isEqualTo(OK);
            assertThat(small.mapAnonymous(page(A, 10), 5, READ_WRITE)).as("over a whole one").isEqualTo(OK);
            assertThat(small.move(page(A, 20), 5, page(A, 60))).as("a whole one").isEqualTo(OK);
            assertThat(small.unmap(page(A, 30), 5)).as("a whole one").isEqualTo(OK);
            assertThat(small.space().vmas.size()).isEqualTo(3);
            small.audit();
        }
    }

    @Test
    void withoutMemoryAFaultFailsAndNothingElseHappens() {
        try (HostMemory small =
                HostMemory.builder().chunkBytes(4096, 4096).maxBytes(2 * 4096).build()) {
            small.mapAnonymous(A, 4, READ_WRITE);
            assertThat(small.populateWrite(A, 4)).isEqualTo(ENOMEM);
            assertThat(small.framesInUse()).isEqualTo(2);
            assertThat(small.hvaToPage(page(A, 2))).isNull();
            assertThat(small.migrate(A)).isEqualTo(HostResult.ENOMEM);
            assertThat(HostWorld.store(small, A, 1)).isTrue();
            small.discard(page(A, 1), 1);
            assertThat(HostWorld.store(small, page(A, 2), 1)).isTrue();
            small.audit();
        }
    }

    @Test
    void aClosedMemoryMapsNothing() {
        HostMemory other = HostMemory.builder().build();
        other.mapAnonymous(A, 1, READ_WRITE);
        HostWorld.store(other, A, 1);
        other.close();
        other.close();
        assertThat(other.framesInUse()).isZero();
        assertThat(other.hvaToPage(A)).isNull();
        assertThatIllegalStateException().isThrownBy(() -> other.mapAnonymous(A, 1, READ_WRITE));
        assertThatIllegalStateException().isThrownBy(other::fork);
    }

    @Test
    void thousandsOfMemoriesAreCheap() {
        for (int i = 0; i < 2000; i++) {
            try (HostMemory one = HostMemory.builder().checked(false).chunkBytes(4096, 65536).build()) {
                one.mapAnonymous(A, 1, READ_WRITE);
                assertThat(HostWorld.store(one, A, i)).isTrue();
            }
        }
    }

    private long pfn(long hva) {
        HostPage page = host.hvaToPage(hva);
        host.release(page);
        return page.pfn();
    }
}
