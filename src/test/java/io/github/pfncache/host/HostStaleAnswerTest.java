package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.bytes;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.PageFault.Reason.EVICTED;
import static io.github.pfncache.host.PageFault.Reason.WRITE_PROTECTED;
import static io.github.pfncache.host.PageFaultHandler.Decision.REFUSE;
import static io.github.pfncache.host.PageFaultHandler.Decision.RESOLVE;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A fault handler's answer is good for the page that it was asked about, and for no page that only looks like it. */
class HostStaleAnswerTest {

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;
    private final List<PageFault.Reason> asked = new ArrayList<>();

    @AfterEach
    void close() {
        world.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {A, M})
    void contentThatWasEvictedAgainDuringTheFaultIsNotOverwrittenByTheFormerOne(long hva) {
        world.store(hva, 1);
        host.evict(hva, 1);
        handle(fault -> {
            if (asked.size() == 1) { // the page comes back, changes, and goes to the same place of the swap
                assertThat(host.poke(hva, bytes(2))).isEqualTo(OK);
                assertThat(host.evict(hva, 1)).isEqualTo(OK);
            }
            return RESOLVE;
        });
        assertThat(world.store(hva + 8, 3)).isTrue();
        assertThat(world.load(hva)).isEqualTo(2);
        assertThat(asked).containsExactly(EVICTED, EVICTED);
    }

    @ParameterizedTest
    @ValueSource(longs = {A, M})
    void aPageThatIsArmedAgainDuringTheFaultAsksAgain(long hva) {
        world.store(hva, 1);
        host.writeProtect(hva, 1, true);
        List<Long> dirty = new ArrayList<>();
        handle(fault -> {
            dirty.add(fault.hva());
            if (asked.size() == 1) { // the log is taken and the next round starts before the write has happened
                dirty.clear();
                assertThat(host.writeProtect(hva, 1, true)).isEqualTo(OK);
            }
            return RESOLVE;
        });
        assertThat(world.store(hva + 8, 2)).isTrue();
        assertThat(dirty).as("the write belongs to the second round").containsExactly(hva);
        assertThat(asked).containsExactly(WRITE_PROTECTED, WRITE_PROTECTED);
    }

    @Test
    void armingOtherPagesDuringTheFaultDoesNotMatter() {
        world.store(A, 1);
        world.store(page(A, 1), 1);
        host.writeProtect(A, 2, true);
        handle(fault -> {
            host.writeProtect(page(A, 1), 1, true);
            return RESOLVE;
        });
        assertThat(world.store(A, 2)).isTrue();
        assertThat(asked).hasSize(1);
    }

    @Test
    void aHandlerThatTouchesThePageOfItsOwnFaultIsNotAskedForEver() {
        List<Boolean> own = new ArrayList<>();
        handle(fault -> {
            own.add(host.copyToUser(fault.hva(), bytes(7), 0, 8));
            own.add(host.copyToUser(page(A, 1), bytes(8), 0, 8)); // another page, whose handler does the same
            return RESOLVE;
        });
        assertThat(world.store(A, 1)).isTrue();
        assertThat(own).as("its own page, then inside: its own, the first; then the other").contains(false, true);
        assertThat(own.get(0)).isFalse();
        assertThat(own.get(own.size() - 1)).isTrue();
        assertThat(world.load(page(A, 1))).isEqualTo(8);
        assertThat(asked).hasSize(2);
    }

    @Test
    void anotherThreadMayFaultThePageWhileItsHandlerRuns() {
        List<Boolean> stored = new ArrayList<>();
        handle(fault -> {
            if (asked.size() == 1) {
                Thread other = new Thread(() -> stored.add(world.store(A + 8, 5)));
                other.start();
                join(other);
            }
            return RESOLVE;
        });
        assertThat(world.store(A, 1)).isTrue();
        assertThat(stored).containsExactly(true);
        assertThat(world.load(A + 8)).isEqualTo(5);
    }

    @Test
    void aRefusalEndsTheFaultWhateverHappenedMeanwhile() {
        handle(fault -> {
            host.poke(A, bytes(1));
            return REFUSE;
        });
        assertThat(world.store(A, 2)).isFalse();
        assertThat(world.store(A, 3)).isTrue();
    }

    private static void join(Thread thread) {
        try {
            thread.join(300_000);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void handle(PageFaultHandler handler) {
        host.registerFaultHandler(
                HvaRange.WHOLE,
                fault -> {
                    asked.add(fault.reason());
                    return handler.onFault(fault);
                },
                true,
                true);
    }
}
