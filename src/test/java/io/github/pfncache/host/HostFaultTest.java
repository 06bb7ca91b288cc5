package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.BUSY;
import static io.github.pfncache.host.HostResult.ENOMEM;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.PageFault.Reason.DISCARDED;
import static io.github.pfncache.host.PageFault.Reason.EVICTED;
import static io.github.pfncache.host.PageFault.Reason.MISSING;
import static io.github.pfncache.host.PageFault.Reason.WRITE_PROTECTED;
import static io.github.pfncache.host.PageFaultHandler.Decision.REFUSE;
import static io.github.pfncache.host.PageFaultHandler.Decision.RESOLVE;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import java.nio.ReadOnlyBufferException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Faults: eviction, migration, handlers of missing, evicted and write-protected pages. */
class HostFaultTest {

    private static final HvaRange EVERYTHING = HvaRange.WHOLE;

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;
    private final List<PageFault.Reason> asked = new ArrayList<>();

    @AfterEach
    void close() {
        world.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {A, M})
    void evictedContentComesBackWithoutAnyHandler(long hva) {
        world.store(hva, 1);
        assertThat(host.evict(hva, 16)).isEqualTo(OK);
        assertThat(host.isPresent(hva)).isFalse();
        assertThat(host.framesInUse()).isZero();
        assertThat(world.load(hva)).as("a debugger looks without populating").isEqualTo(1);
        assertThat(host.isPresent(hva)).isFalse();
        assertThat(world.store(hva + 8, 2)).isTrue();
        assertThat(world.load(hva)).isEqualTo(1);
    }

    @Test
    void evictionReportsHolesAndReferencedPagesAndDoesTheRest() {
        for (int i = 0; i < 4; i++) {
            world.store(page(A, i), i);
        }
        host.unmap(page(A, 1), 1);
        assertThat(host.evict(A, 4)).isEqualTo(ENOMEM);
        assertThat(host.isPresent(page(A, 3))).isFalse();
        HostPage held = host.hvaToPage(page(A, 2));
        world.store(page(A, 3), 3);
        assertThat(host.evict(page(A, 2), 2)).isEqualTo(BUSY);
        assertThat(host.isPresent(page(A, 2))).isTrue();
        assertThat(host.isPresent(page(A, 3))).isFalse();
        host.release(held);
        assertThat(host.evict(page(A, 2), 1)).isEqualTo(OK);
    }

    @Test
    void anEvictedFilePageIsGoneFromEveryAddressAndReadableThroughTheFile() {
        host.mapShared(A, 1, world.file, 0, READ_WRITE);
        world.store(M, 1);
        world.store(A + 8, 2);
        assertThat(host.evict(M, 1)).isEqualTo(OK);
        assertThat(host.isPresent(A)).isFalse();
        byte[] bytes = new byte[8];
        assertThat(world.file.read(8, bytes)).isEqualTo(8);
        assertThat(bytes[0]).isEqualTo((byte) 2);
        world.file.punchHole(0, 1);
        assertThat(world.load(A)).isZero();
    }

    @ParameterizedTest
    @ValueSource(longs = {A, M})
    void migrationChangesTheFrameAndNothingElse(long hva) {
        world.store(hva, 1);
        HostPage before = host.hvaToPage(hva);
        assertThat(host.migrate(hva)).as("referenced").isEqualTo(HostResult.BUSY);
        host.release(before);
        assertThat(host.migrate(hva + 100)).isEqualTo(HostResult.OK);
        HostPage after = host.hvaToPage(hva);
        host.release(after);
        assertThat(after.pfn()).isNotEqualTo(before.pfn());
        assertThat(world.load(hva)).isEqualTo(1);
        assertThat(host.migrate(page(hva, 1))).as("not resident").isEqualTo(HostResult.EINVAL);
        assertThat(host.framesInUse()).isEqualTo(1);
    }

    @Test
    void aMappingDoesNotKeepThePageFromMigrating() {
        HostPage page = host.hvaToPage(A);
        HostMapping khva = host.map(page);
        host.release(page);
        assertThat(host.migrate(A)).isEqualTo(HostResult.OK);
        host.unmap(khva);
    }

    @Test
    void migratingACopyOnWritePageEndsTheSharingAndKeepsBothContents() {
        world.store(A, 1);
        try (HostMemory child = host.fork()) {
            assertThat(child.migrate(A)).isEqualTo(HostResult.OK);
            world.store(A, 2);
            assertThat(HostWorld.load(child, A)).isEqualTo(1);
            host.audit();
        }
    }

    @Test
    void aHandlerSuppliesTheContentOfAMissingPage() {
        handle(fault -> {
            assertThat(fault.write()).isTrue();
            assertThat(fault.hva()).isEqualTo(page(A, 1));
            assertThat(fault.page().getLong(0)).isZero();
            fault.page().putLong(0, 42);
            return RESOLVE;
        });
        assertThat(world.store(page(A, 1) + 16, 1)).isTrue();
        assertThat(world.load(page(A, 1))).isEqualTo(42);
        assertThat(asked).containsExactly(MISSING);
    }

    @ParameterizedTest
    @ValueSource(longs = {A, M})
    void aHandlerSeesEvictedContentAndMayChangeIt(long hva) {
        world.store(hva, 7);
        host.evict(hva, 1);
        handle(fault -> {
            fault.page().putLong(0, fault.page().getLong(0) + 1);
            return RESOLVE;
        });
        assertThat(world.store(hva + 8, 1)).isTrue();
        assertThat(world.load(hva)).isEqualTo(8);
        assertThat(asked).containsExactly(EVICTED);
    }

    @Test
    void aRefusedFaultFailsTheAccessAndNothingIsThere() {
        handle(fault -> REFUSE);
        assertThat(world.store(A, 1)).isFalse();
        assertThat(host.populateWrite(A, 1)).isEqualTo(HostResult.EFAULT);
        assertThat(host.isPresent(A)).isFalse();
        assertThat(host.poke(A, new byte[1])).as("a debugger does not ask").isEqualTo(OK);
        assertThat(world.store(A, 1)).as("there is a page now").isTrue();
    }

    @Test
    void theLatestHandlerOfARangeIsAskedAndNoneAfterItsEnd() {
        PageFaultHandler first = fault -> REFUSE;
        PageFaultHandler second = fault -> RESOLVE;
        host.registerFaultHandler(EVERYTHING, first, true, false);
        host.registerFaultHandler(HvaRange.ofPages(page(A, 1), 1), second, true, false);
        assertThat(world.store(A, 1)).isFalse();
        assertThat(world.store(page(A, 1), 1)).isTrue();
        host.unregisterFaultHandler(first);
        assertThat(world.store(A, 1)).isTrue();
    }

    @Test
    void aWriteProtectedPageAsksFirstAndKeepsItsContent() {
        world.store(A, 1);
        handle(fault -> {
            assertThat(fault.page().getLong(0)).isEqualTo(1);
            assertThatThrownBy(() -> fault.page().put(0, (byte) 1)).isInstanceOf(ReadOnlyBufferException.class);
            return RESOLVE;
        });
        assertThat(host.writeProtect(A, 1, true)).isEqualTo(OK);
        assertThat(world.store(A + 8, 2)).isTrue();
        assertThat(world.store(A + 8, 3)).as("once").isTrue();
        assertThat(asked).containsExactly(WRITE_PROTECTED);
        assertThat(world.load(A)).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(longs = {A, M})
    void writeProtectionSurvivesEvictionAndMigrationAndEndsWhenDisarmed(long hva) {
        world.store(hva, 1);
        handle(fault -> fault.reason() == WRITE_PROTECTED ? REFUSE : RESOLVE);
        host.writeProtect(hva, 1, true);
        assertThat(host.migrate(hva)).isEqualTo(HostResult.OK);
        assertThat(world.store(hva, 2)).isFalse();
        host.evict(hva, 1);
        assertThat(world.store(hva, 2)).isFalse();
        assertThat(asked).containsExactly(WRITE_PROTECTED, EVICTED, WRITE_PROTECTED);
        assertThat(host.writeProtect(hva, 1, false)).isEqualTo(OK);
        assertThat(world.store(hva, 2)).isTrue();
    }

    @Test
    void anArmedPageWithoutAHandlerIsWritable() {
        world.store(A, 1);
        host.writeProtect(A, 1, true);
        assertThat(world.store(A, 2)).isTrue();
        host.unmap(page(A, 1), 1);
        assertThat(host.writeProtect(A, 2, true)).isEqualTo(ENOMEM);
    }

    @Test
    void anInvalidationOfThePageDuringItsFaultLeavesTheHandlersContent() {
        handle(fault -> {
            assertThat(host.discard(A, 1)).isEqualTo(OK);
            fault.page().putLong(0, 0x44444444L);
            return RESOLVE;
        });
        assertThat(world.store(A + 8, 1)).isTrue();
        assertThat(world.load(A)).isEqualTo(0x44444444L);
    }

    @Test
    void aProtectionThatComesDuringTheFaultFailsTheAccess() {
        handle(fault -> {
            host.protect(A, 1, Protection.NONE);
            return RESOLVE;
        });
        assertThat(world.store(A, 1)).isFalse();
        assertThat(world.load(A)).isZero();
    }

    @Test
    void aPageThatAppearsDuringTheFaultWins() {
        handle(fault -> {
            host.poke(A, HostWorld.bytes(5));
            fault.page().putLong(0, 6);
            return RESOLVE;
        });
        assertThat(world.store(A + 8, 1)).isTrue();
        assertThat(world.load(A)).isEqualTo(5);
    }

    @Test
    void anotherMappingThatAppearsDuringTheFaultIsAskedAboutAgain() {
        handle(fault -> {
            if (asked.size() == 1) {
                host.mapShared(A, 1, world.file, 3, READ_WRITE);
                fault.page().putLong(0, 1);
            } else {
                fault.page().putLong(0, 2);
            }
            return RESOLVE;
        });
        assertThat(world.store(A + 8, 1)).isTrue();
        assertThat(asked).containsExactly(MISSING, MISSING);
        assertThat(world.load(page(M, 3))).as("the content for the mapping that is there").isEqualTo(2);
    }

    @Test
    void aFaultWhoseMappingNeverHoldsStillGivesUp() {
        handle(fault -> {
            boolean even = asked.size() % 2 == 0;
            if (even) {
                host.mapAnonymous(A, 1, READ_WRITE);
            } else {
                host.mapShared(A, 1, world.file, 0, READ_WRITE);
            }
            return RESOLVE;
        });
        assertThat(world.store(A, 1)).isFalse();
        assertThat(asked).hasSize(FaultPath.MAX_ATTEMPTS);
    }

    @Test
    void aHandlerMayFaultOtherPagesAndItsFailureIsTheCallers() {
        handle(fault -> {
            if (fault.hva() == A) {
                world.store(page(A, 1), 9);
            }
            return RESOLVE;
        });
        assertThat(world.store(A, 1)).isTrue();
        assertThat(world.load(page(A, 1))).isEqualTo(9);
        handle(fault -> {
            throw new IllegalStateException("disk on fire");
        });
        assertThatThrownBy(() -> host.hvaToPage(page(A, 2))).hasMessage("disk on fire");
        assertThat(host.isPresent(page(A, 2))).isFalse();
    }

    @Test
    void aHandlerThatHasFaultedAnotherPageIsStillNotAskedForItsOwn() {
        List<Long> hvas = new ArrayList<>();
        List<Boolean> answers = new ArrayList<>();
        handle(fault -> {
            hvas.add(fault.hva());
            if (fault.hva() == A && hvas.size() < FaultPath.MAX_ATTEMPTS) {
                answers.add(world.store(page(A, 1), 9));
                answers.add(world.store(A, 9));
            }
            return RESOLVE;
        });
        assertThat(world.store(A, 1)).isTrue();
        assertThat(hvas).containsExactly(A, page(A, 1));
        assertThat(answers).containsExactly(true, false);
    }

    @Test
    void aHandlerMayFaultTheSamePageOfAFork() {
        try (HostMemory child = host.fork()) {
            child.registerFaultHandler(EVERYTHING, fault -> RESOLVE, true, false);
            handle(fault -> {
                assertThat(HostWorld.store(child, A, 9)).isTrue();
                return RESOLVE;
            });
            assertThat(world.store(A, 1)).isTrue();
            assertThat(asked).containsExactly(MISSING);
            assertThat(HostWorld.load(child, A)).isEqualTo(9);
            assertThat(world.load(A)).isEqualTo(1);
        }
    }

    /** Why each of some pages is asked for. */
    private List<PageFault.Reason> reasons(HostMemory memory, long... hvas) {
        List<PageFault.Reason> reasons = new ArrayList<>();
        PageFaultHandler handler = fault -> {
            reasons.add(fault.reason());
            return REFUSE;
        };
        memory.registerFaultHandler(EVERYTHING, handler, true, false);
        for (long hva : hvas) {
            assertThat(memory.hvaToPage(hva)).isNull();
        }
        memory.unregisterFaultHandler(handler);
        return reasons;
    }

    @Test
    void whatWasDiscardedIsToldFromWhatWasNeverThere() {
        world.store(A, 1);
        world.store(page(A, 1), 1);
        world.store(page(A, 3), 1);
        host.evict(page(A, 1), 1);
        assertThat(host.discard(A, 1)).isEqualTo(OK);
        assertThat(host.discard(page(A, 3), 2)).as("one of them was never touched").isEqualTo(OK);
        assertThat(reasons(host, A, page(A, 1), page(A, 2), page(A, 3), page(A, 4), page(A, 5)))
                .containsExactly(DISCARDED, EVICTED, MISSING, DISCARDED, DISCARDED, MISSING);
        world.store(A, 2);
        host.evict(A, 1);
        assertThat(reasons(host, A)).as("the latest loss counts").containsExactly(EVICTED);
        host.mapAnonymous(A, 1, READ_WRITE);
        assertThat(reasons(host, A)).as("another mapping").containsExactly(MISSING);
        host.unmap(page(A, 3), 1);
        host.mapAnonymous(page(A, 3), 1, READ_WRITE);
        assertThat(reasons(host, page(A, 3), page(A, 4))).containsExactly(MISSING, DISCARDED);
    }

    @Test
    void whyAPageIsNotThereMovesAndIsInherited() {
        assertThat(host.discard(page(A, 1), 2)).isEqualTo(OK);
        assertThat(host.discard(page(HostWorld.B, 0), 4)).isEqualTo(OK);
        assertThat(host.move(A, 3, HostWorld.B)).isEqualTo(OK);
        long b = HostWorld.B;
        assertThat(reasons(host, b, page(b, 1), page(b, 2), page(b, 3)))
                .containsExactly(MISSING, DISCARDED, DISCARDED, DISCARDED);
        host.mapAnonymous(A, 3, READ_WRITE);
        assertThat(reasons(host, A, page(A, 1), page(A, 2))).containsOnly(MISSING);
        try (HostMemory child = host.fork()) {
            assertThat(host.discard(b, 1)).isEqualTo(OK);
            host.mapAnonymous(page(b, 1), 1, READ_WRITE);
            assertThat(reasons(child, b, page(b, 1))).as("as they were").containsExactly(MISSING, DISCARDED);
            assertThat(reasons(host, b, page(b, 1))).containsExactly(DISCARDED, MISSING);
        }
    }

    @Test
    void aRewindKeepsTheReasonOfWhatStaysAway() {
        world.store(A, 1);
        try (HostMemory snapshot = host.snapshot()) {
            host.discard(A, 2);
            assertThat(host.rewind(snapshot, List.of(new RewindRange(A, A, 2)), hva -> {})).isEqualTo(OK);
            assertThat(world.load(A)).isEqualTo(1);
            host.evict(A, 1);
            assertThat(reasons(host, A, page(A, 1), page(A, 2))).containsExactly(EVICTED, DISCARDED, MISSING);
        }
    }

    @Test
    void holesOfAFileAreToldFromPagesThatWereNeverWritten() {
        world.store(M, 1);
        assertThat(world.file.punchHole(0, 2)).isEqualTo(OK);
        assertThat(host.remove(page(M, 5), 1)).isEqualTo(OK);
        host.discard(page(M, 7), 1); // takes the mapping away, not the page
        assertThat(reasons(host, M, page(M, 1), page(M, 2), page(M, 5), page(M, 7)))
                .containsExactly(DISCARDED, DISCARDED, MISSING, DISCARDED, MISSING);
    }

    /** What a file has lost reads as zeros when it has grown again, so it is not what a handler had for it before. */
    @Test
    void whatWasCutOffIsDiscardedAndWhatWasGainedWasNeverThere() {
        long last = page(A, 15);
        assertThat(host.mapPrivate(page(A, 8), 8, world.file, 12, READ_WRITE)).isEqualTo(OK);
        world.store(page(M, 2), 1);
        world.store(page(A, 8), 1);
        world.file.truncate(2);
        world.file.truncate(10);
        world.file.truncate(20);
        assertThat(reasons(host, page(M, 1), page(M, 2), page(M, 15), page(A, 8), page(A, 11), page(A, 12), last))
                .containsExactly(MISSING, DISCARDED, DISCARDED, DISCARDED, DISCARDED, MISSING, MISSING);
        world.store(page(M, 2), 3);
        host.evict(page(M, 2), 1);
        assertThat(reasons(host, page(M, 2))).as("the latest loss counts").containsExactly(EVICTED);
    }

    @Test
    void whereNothingWasMappedNothingWasDiscarded() {
        long reserved = host.reserve(1);
        assertThat(host.discard(page(reserved, 2), 1)).isEqualTo(ENOMEM);
        assertThat(host.reserve(1)).isEqualTo(page(reserved, 2));
        assertThat(host.protect(page(reserved, 2), 1, READ_WRITE)).isEqualTo(OK);
        assertThat(reasons(host, page(reserved, 2))).containsExactly(MISSING);
    }

    /** A handler that still reads when its page is discarded has the content of what is gone. */
    @Test
    void anAnswerToAQuestionOfBeforeADiscardIsNotTaken() {
        List<PageFault.Reason> reasons = new ArrayList<>();
        host.registerFaultHandler(EVERYTHING, fault -> {
            reasons.add(fault.reason());
            if (fault.reason() == MISSING) {
                fault.page().put(0, (byte) 9); // of an image
                host.discard(A, 1);
            }
            return RESOLVE;
        }, true, false);
        assertThat(world.store(A + 8, 1)).isTrue();
        assertThat(reasons).containsExactly(MISSING, DISCARDED);
        assertThat(world.load(A)).isZero();
    }

    private void handle(PageFaultHandler handler) {
        host.registerFaultHandler(
                EVERYTHING,
                fault -> {
                    asked.add(fault.reason());
                    return handler.onFault(fault);
                },
                true,
                true);
    }
}
