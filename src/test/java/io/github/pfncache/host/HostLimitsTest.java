package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.ENOMEM;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Ends of address spaces, of memory, and of what a caller may ask. */
class HostLimitsTest {

    private static final long LAST = HvaRange.USER_END - Pages.PAGE_SIZE;

    @Test
    void withoutMemoryOfTheVirtualMachineAFaultFailsLikeAnyOther() {
        AtomicInteger left = new AtomicInteger(1);
        HostMemory host = HostMemoryBuilder.build(
                new FrameStore(new FrameSupply(true, 1, 1, 1 << 20, FrameSupply.MAX_CHUNKS, bytes -> {
                    if (left.decrementAndGet() < 0) {
                        throw new OutOfMemoryError("Cannot reserve direct memory");
                    }
                    return ByteBuffer.allocateDirect(bytes);
                }), true),
                100);
        host.mapAnonymous(A, 2, READ_WRITE);
        assertThat(HostWorld.store(host, A, 1)).isTrue();
        assertThat(HostWorld.store(host, A + Pages.PAGE_SIZE, 1)).isFalse();
        assertThat(host.populateWrite(A, 2)).isEqualTo(ENOMEM);
        try (HostMemory child = host.fork()) {
            assertThat(HostWorld.store(child, A, 1)).as("no frame for the copy").isFalse();
        }
        assertThat(host.discard(A, 1)).isEqualTo(OK);
        assertThat(HostWorld.store(host, A + Pages.PAGE_SIZE, 1)).isTrue();
        host.audit();
    }

    @Test
    void frameNumbersEndBeforeTheyWouldMeanAnotherFrame() {
        assertThat((long) FrameSupply.MAX_CHUNKS << 10).as("a pfn is an int").isEqualTo(1L << 31);
        FrameStore frames = new FrameStore(
                new FrameSupply(false, 1, 1, 1 << 20, 3, ByteBuffer::allocateDirect), false);
        assertThat(frames.allocate()).as("none before it is asked for").isEqualTo(FrameStore.NONE);
        assertThat(frames.supply.grow(1)).isTrue();
        assertThat(frames.allocate()).isZero();
        assertThat(frames.supply.adopt(List.of(ByteBuffer.allocate(Pages.PAGE_SIZE)))).containsExactly(1024);
        assertThat(frames.supply.adopt(List.of(ByteBuffer.allocate(1025 * Pages.PAGE_SIZE)))).isNull();
        assertThat(frames.supply.grow(1)).isTrue();
        assertThat(frames.allocate()).isPositive();
        assertThat(frames.supply.grow(1)).isFalse();
        assertThat(frames.allocate()).isEqualTo(FrameStore.NONE);
    }

    @Test
    void whatIsReservedIsAMappingToo() {
        try (HostMemory host = HostMemory.builder().maxMappings(2).build()) {
            assertThat(host.mapAnonymous(A, 1, READ_WRITE)).isEqualTo(HostResult.OK);
            assertThat(host.reserve(1)).isPositive();
            assertThat(host.reserve(1)).isNegative();
        }
    }

    @Test
    void aBufferThatIsNotMappedIsNotKept() {
        HostMemory host = HostMemory.builder().maxMappings(2).build();
        byte[] page = new byte[Pages.PAGE_SIZE];
        int files = host.space().family.files.size();
        assertThatIllegalArgumentException().isThrownBy(() -> host.mapBuffer(A + 1, page, READ_WRITE));
        assertThatIllegalArgumentException().isThrownBy(() -> host.mapBuffer(HvaRange.USER_END, page, READ_WRITE));
        assertThatNullPointerException().isThrownBy(() -> host.mapBuffer(A, page, null));
        host.close();
        assertThatIllegalStateException().isThrownBy(() -> host.mapBuffer(A, page, READ_WRITE));
        assertThat(host.space().family.files).hasSize(files);
    }

    @Test
    void theLastUserPageIsAPageLikeAnyOther() {
        try (HostMemory host = HostMemory.builder().build()) {
            assertThat(host.mapAnonymous(LAST, 1, READ_WRITE)).isEqualTo(OK);
            assertThat(HostWorld.store(host, HvaRange.USER_END - 8, 7)).isTrue();
            assertThat(HostWorld.load(host, HvaRange.USER_END - 8)).isEqualTo(7);
            assertThat(host.hvaToPage(HvaRange.USER_END)).isNull();
            assertThat(host.hvaToPage(-1)).isNull();
            assertThat(host.copyToUser(HvaRange.USER_END, new byte[1], 0, 1)).isFalse();
            assertThat(host.copyToUser(~0L, new byte[1], 0, 1)).isFalse();
            assertThat(host.evict(LAST, 1)).isEqualTo(OK);
            assertThat(host.move(LAST, 1, 0)).isEqualTo(OK);
            assertThat(HostWorld.load(host, Pages.PAGE_SIZE - 8)).isEqualTo(7);
            assertThatIllegalArgumentException().isThrownBy(() -> host.mapAnonymous(LAST, 2, READ_WRITE));
            assertThatIllegalArgumentException().isThrownBy(() -> host.mapAnonymous(LAST, 1L << 52, READ_WRITE));
            assertThatIllegalArgumentException().isThrownBy(() -> host.peek(HvaRange.USER_END - 4, new byte[8]));
            host.audit();
        }
    }

    @Test
    void theLastPageOfAFileIsAPageLikeAnyOther() {
        try (HostMemory host = HostMemory.builder().build()) {
            long last = PageTable.PAGES_END - 1;
            HostFile file = host.createFile(PageTable.PAGES_END);
            assertThat(host.mapShared(A, 1, file, last, READ_WRITE)).isEqualTo(OK);
            assertThat(HostWorld.store(host, A, 3)).isTrue();
            byte[] into = new byte[8];
            assertThat(file.read(last << Pages.PAGE_SHIFT, into)).isEqualTo(8);
            assertThat(into[0]).isEqualTo((byte) 3);
            assertThat(file.punchHole(last, 1)).isEqualTo(OK);
            assertThat(HostWorld.load(host, A)).isZero();
            assertThatIllegalArgumentException().isThrownBy(() -> host.mapShared(A, 2, file, last, READ_WRITE));
            assertThatIllegalArgumentException().isThrownBy(() -> file.write(HvaRange.USER_END - 1, new byte[2]));
            assertThat(host.framesInUse()).isZero();
        }
    }

    @Test
    void aFileGrowsOnlyByWhatWasWritten() {
        try (HostMemory host = HostMemory.builder().maxBytes(Pages.PAGE_SIZE).build()) {
            HostFile file = host.createFile(0);
            assertThat(file.write(0, new byte[3 * Pages.PAGE_SIZE])).isEqualTo(ENOMEM);
            assertThat(file.npages()).isEqualTo(1);
        }
    }

    @Test
    void aProtectionIsRequired() {
        try (HostMemory host = HostMemory.builder().build()) {
            assertThatNullPointerException().isThrownBy(() -> host.mapAnonymous(A, 1, null));
            assertThat(host.mapAnonymous(A, 1, READ_WRITE)).isEqualTo(OK);
            assertThatNullPointerException().isThrownBy(() -> host.protect(A, 1, null));
            assertThat(HostWorld.store(host, A, 1)).isTrue();
        }
    }
}
