package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.bytes;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.PageFaultHandler.Decision.RESOLVE;
import static io.github.pfncache.host.Protection.NONE;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The process's own reads: what they need, and what they leave alone. */
class HostReadTest {

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;
    private final List<PageFault> asked = new ArrayList<>();

    @AfterEach
    void close() {
        world.close();
    }

    @ParameterizedTest
    @EnumSource(names = {"READ", "READ_WRITE"})
    void aHandlerSuppliesWhatIsReadWhateverTheProtection(Protection protection) {
        host.protect(A, 1, protection);
        handle(fault -> {
            fault.page().putLong(0, 42);
            return RESOLVE;
        });
        assertThat(read(A)).isEqualTo(42);
        assertThat(asked).singleElement().satisfies(fault -> assertThat(fault.write()).isFalse());
        assertThat(read(A)).isEqualTo(42);
        assertThat(asked).as("it is there now").hasSize(1);
    }

    @ParameterizedTest
    @EnumSource(names = {"READ", "READ_WRITE"})
    void behindTheEndOfAFileNothingIsReadWhateverTheProtection(Protection protection) {
        host.mapShared(A, 2, world.file, 15, protection);
        host.mapPrivate(page(A, 2), 2, world.file, 15, protection);
        assertThat(read(A)).isZero();
        assertThat(read(page(A, 1))).isNull();
        assertThat(read(page(A, 2))).isZero();
        assertThat(read(page(A, 3))).isNull();
    }

    @Test
    void unmappedAndForbiddenPagesAreNotRead() {
        world.store(A, 1);
        host.protect(A, 1, NONE);
        host.unmap(page(A, 1), 1);
        assertThat(read(A)).isNull();
        assertThat(read(page(A, 1))).isNull();
    }

    @ParameterizedTest
    @ValueSource(longs = {A, M})
    void evictedContentIsBroughtBackAndStaysReadOnly(long hva) {
        world.store(hva, 1);
        host.protect(hva, 1, READ);
        host.evict(hva, 1);
        assertThat(read(hva)).isEqualTo(1);
        assertThat(host.isPresent(hva)).isTrue();
        assertThat(host.presentPfn(hva)).as("not writable").isEqualTo(-1);
    }

    @Test
    void aReadBreaksNoCopyOnWriteSharingAndAsksForNoWriteProtection() {
        world.store(A, 1);
        try (HostMemory child = host.fork()) {
            world.told.clear();
            host.writeProtect(A, 1, true);
            world.told.clear();
            handle(fault -> RESOLVE);
            assertThat(read(A)).isEqualTo(1);
            assertThat(world.told).isEmpty();
            assertThat(asked).isEmpty();
            assertThat(child.framesInUse()).isEqualTo(1);
        }
    }

    @Test
    void aPrivateMappingThatIsOnlyReadGoesOnShowingTheFile() {
        host.mapPrivate(A, 1, world.file, 0, READ_WRITE);
        assertThat(read(A)).isZero();
        assertThat(world.file.write(0, bytes(5))).isEqualTo(OK);
        assertThat(read(A)).isEqualTo(5);
        world.store(A + 8, 1);
        assertThat(world.file.write(0, bytes(6))).isEqualTo(OK);
        assertThat(read(A)).isEqualTo(5);
    }

    @Test
    void whatNobodyHasTouchedIsZerosAndTakesNoFrame() {
        for (int i = 0; i < HostWorld.NPAGES; i++) {
            assertThat(read(page(A, i))).isZero();
            assertThat(read(page(M, i))).as("a hole of a file").isZero();
        }
        assertThat(host.framesInUse()).isZero();
        assertThat(host.isPresent(A)).isFalse();
        world.store(A, 3);
        assertThat(read(A)).isEqualTo(3);
        assertThat(host.framesInUse()).isEqualTo(1);
    }

    @Test
    void aReadOfWhatNobodyHasTouchedStillAsksTheHandler() {
        handle(fault -> fault.hva() == A ? RESOLVE : PageFaultHandler.Decision.REFUSE);
        assertThat(read(A)).isZero();
        assertThat(read(page(A, 1))).isNull();
        assertThat(asked).hasSize(2);
    }

    /** Null if the page cannot be read. */
    private Long read(long hva) {
        byte[] into = new byte[Long.BYTES];
        return host.copyFromUser(hva, into, 0, into.length)
                ? ByteBuffer.wrap(into).order(ByteOrder.LITTLE_ENDIAN).getLong()
                : null;
    }

    private void handle(PageFaultHandler handler) {
        host.registerFaultHandler(
                HvaRange.WHOLE,
                fault -> {
                    asked.add(fault);
                    return handler.onFault(fault);
                },
                true,
                true);
    }
}
