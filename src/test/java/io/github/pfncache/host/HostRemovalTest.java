package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.EINVAL;
import static io.github.pfncache.host.HostResult.ENOMEM;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.NPAGES;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.LockClass;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Fault handlers are told of pages that go: which, by whom, when, and what they may do then. */
class HostRemovalTest {

    private final HostWorld world = new HostWorld();
    private final HostMemory host = world.host;

    /** What was told: first page in its arena, number of pages. */
    private final List<String> told = new ArrayList<>();

    @AfterEach
    void close() {
        host.audit();
        world.close();
    }

    /** What a handler does when it is told something. */
    private interface Deed {
        void on(HvaRange range);
    }

    /** Tells all that it is told, and then does something. */
    private PageFaultHandler listener(String name, Deed deed) {
        return new PageFaultHandler() {
            @Override
            public Decision onFault(PageFault fault) {
                return Decision.RESOLVE;
            }

            @Override
            public void onDiscard(HvaRange range) {
                add("discard ", range, "");
            }

            @Override
            public void onUnmap(HvaRange range) {
                add("unmap ", range, "");
            }

            @Override
            public void onMove(HvaRange range, long to) {
                add("move ", range, " to " + place(to));
            }

            private void add(String what, HvaRange range, String where) {
                told.add(name + what + place(range.start()) + "+" + range.npages() + where);
                deed.on(range);
            }
        };
    }

    private static String place(long hva) {
        long arena = hva < B ? A : hva < M ? B : M;
        return (arena == A ? "A" : arena == B ? "B" : "M") + (hva - arena >> Pages.PAGE_SHIFT);
    }

    private PageFaultHandler listen(HvaRange range, String name, Deed deed) {
        PageFaultHandler listener = listener(name, deed);
        host.registerFaultHandler(range, listener, false, false);
        return listener;
    }

    private void listen() {
        listen(HvaRange.WHOLE, "", range -> { });
    }

    private List<String> taken() {
        List<String> all = List.copyOf(told);
        told.clear();
        return all;
    }

    // ---- what is told

    @Test
    void privatePagesAreToldAsDiscarded() {
        listen();
        assertThat(host.discard(page(A, 1), 2)).isEqualTo(OK);
        assertThat(taken()).containsExactly("discard A1+2");
        host.discard(M, 4);
        assertThat(taken()).as("what is in a shared page stays").isEmpty();
        host.unmap(page(A, 5), 2);
        taken();
        assertThat(host.discard(page(A, 4), 5)).isEqualTo(ENOMEM);
        assertThat(taken()).as("the rest is done").containsExactly("discard A4+1", "discard A7+2");
        host.mapPrivate(B, 2, world.file, 0, READ_WRITE);
        taken();
        host.discard(B, 2);
        assertThat(taken()).containsExactly("discard B0+2");
    }

    @Test
    void whatIsUnmappedOrMappedOverIsToldWhereSomethingWas() {
        listen();
        assertThat(host.unmap(page(A, 2), 3)).isEqualTo(OK);
        assertThat(taken()).containsExactly("unmap A2+3");
        assertThat(host.unmap(page(A, 2), 3)).isEqualTo(OK);
        assertThat(host.mapAnonymous(page(A, 3), 1, READ)).isEqualTo(OK);
        assertThat(taken()).as("nothing was there").isEmpty();
        assertThat(host.mapShared(page(A, 1), 4, world.file, 0, READ_WRITE)).isEqualTo(OK);
        assertThat(taken()).containsExactly("unmap A1+1", "unmap A3+1");
        host.mapBuffer(A, new byte[2 * Pages.PAGE_SIZE], READ_WRITE);
        assertThat(taken()).containsExactly("unmap A0+1", "unmap A1+1");
        host.unmap(M, NPAGES);
        assertThat(taken()).containsExactly("unmap M0+16");
    }

    /** The order in which memory is put where there is room: the place first, then the handler, then the memory. */
    @Test
    void aPlaceThatWasReservedIsNotToldAsGone() {
        long hva = host.reserve(4);
        listen();
        assertThat(host.mapAnonymous(page(hva, 1), 2, READ_WRITE)).isEqualTo(OK);
        assertThat(taken()).isEmpty();
        world.store(page(hva, 1), 1);
        host.protect(hva, 4, Protection.NONE);
        host.unmap(hva, 4);
        assertThat(told).as("but what cannot be accessed for now is").hasSize(1);
    }

    /** It may look as if nothing was there: what is in a file stays, though no page-table entry names it. */
    @Test
    void aPartOfAFileIsToldAsGoneAlsoWithoutAccess() {
        listen();
        host.protect(page(M, 2), 2, Protection.NONE);
        assertThat(host.evict(page(M, 2), 2)).isEqualTo(OK);
        assertThat(host.unmap(page(M, 2), 2)).isEqualTo(OK);
        assertThat(taken()).containsExactly("unmap M2+2");
    }

    @Test
    void whatAHandlerUnmapsIsNoHoleOfTheRemovalThatToldIt() {
        host.mapShared(page(B, 0), 2, world.file, 0, READ_WRITE);
        host.mapShared(page(B, 2), 2, world.file, 8, READ_WRITE);
        listen(HvaRange.ofPages(B, 1), "", range -> host.unmap(page(B, 0), 1));
        assertThat(host.remove(B, 4)).isEqualTo(OK);
        assertThat(taken()).containsExactly("discard B0+1", "unmap B0+1");
    }

    @Test
    void aMoveTellsWhatItCoversAndThenWhereThePagesAre() {
        listen();
        host.protect(page(A, 3), 1, READ);
        assertThat(host.move(page(A, 2), 2, page(B, 5))).isEqualTo(OK);
        assertThat(taken()).containsExactly("unmap B5+1", "unmap B6+1", "move A2+1 to B5", "move A3+1 to B6");
        assertThat(host.move(page(A, 2), 2, B)).isEqualTo(HostResult.EFAULT);
        assertThat(host.move(A, 2, page(A, 1))).isEqualTo(EINVAL);
        assertThat(taken()).as("nothing was done").isEmpty();
        host.move(page(A, 4), 2, page(A, 2));
        assertThat(taken()).as("nothing was there").containsExactly("move A4+2 to A2");
    }

    @Test
    void whatIsTakenFromAFileIsToldWhereverItIsMapped() {
        assertThat(host.mapShared(A, 4, world.file, 2, READ)).isEqualTo(OK);
        assertThat(host.mapPrivate(B, 4, world.file, 2, READ_WRITE)).isEqualTo(OK);
        try (HostMemory child = host.fork()) {
            child.registerFaultHandler(HvaRange.pageOf(page(M, 3)), listener("child ", range -> { }), true, true);
            listen();
            assertThat(host.remove(page(M, 3), 2)).isEqualTo(OK);
            assertThat(taken()).containsExactlyInAnyOrder("discard A1+2", "discard M3+2", "child discard M3+1");
            assertThat(world.file.punchHole(5, 100)).isEqualTo(OK);
            assertThat(taken()).containsExactlyInAnyOrder("discard A3+1", "discard M5+11");
            assertThat(world.file.truncate(20)).isEqualTo(OK);
            assertThat(taken()).as("nothing is lost by growing").isEmpty();
            assertThat(world.file.truncate(4)).isEqualTo(OK);
            assertThat(taken()).as("private copies, too")
                    .containsExactlyInAnyOrder("discard A2+2", "discard B2+2", "discard M4+12");
            assertThat(world.file.punchHole(4, 2)).isEqualTo(OK);
            assertThat(host.remove(B, 1)).isEqualTo(EINVAL);
            assertThat(taken()).as("there is nothing after the end, and nothing to remove in private").isEmpty();
        }
    }

    @Test
    void pagesThatKeepTheirContentAreNotTold() {
        world.store(A, 1);
        world.store(M, 1);
        try (HostMemory snapshot = host.snapshot()) {
            listen();
            world.store(A, 2);
            host.evict(A, NPAGES);
            host.migrate(M);
            host.collapse(M, NPAGES);
            host.protect(A, NPAGES, Protection.NONE);
            host.protect(A, NPAGES, READ_WRITE);
            host.writeProtect(A, NPAGES, true);
            host.freeLazily(A, NPAGES);
            assertThat(host.rewind(snapshot, List.of(new RewindRange(A, A, NPAGES)), hva -> { })).isEqualTo(OK);
            assertThat(world.load(A)).isEqualTo(1);
            host.fork().close();
            host.populateWrite(B, 1);
        }
        host.close();
        assertThat(told).as("nor the end of it all").isEmpty();
    }

    @Test
    void whatIsToldAsDiscardedIsAskedForAsThat() {
        List<PageFault.Reason> reasons = new ArrayList<>();
        world.store(A, 1);
        host.registerFaultHandler(HvaRange.WHOLE, new PageFaultHandler() {
            @Override
            public Decision onFault(PageFault fault) {
                reasons.add(fault.reason());
                return Decision.RESOLVE;
            }

            @Override
            public void onDiscard(HvaRange range) {
                assertThat(host.copyFromUser(range.start(), new byte[1], 0, 1)).isTrue();
            }
        }, true, false);
        host.discard(A, 1);
        host.remove(page(M, 4), 1);
        assertThat(reasons).containsExactly(PageFault.Reason.DISCARDED, PageFault.Reason.DISCARDED);
    }

    // ---- who is told

    @Test
    void eachRegistrationIsToldOfItsPart() {
        PageFaultHandler first = listen(HvaRange.ofPages(A, 4), "1 ", range -> { });
        host.registerFaultHandler(HvaRange.ofPages(page(A, 6), 8), first, true, false);
        listen(HvaRange.ofPages(page(A, 2), 6), "2 ", range -> { });
        listen(HvaRange.ofPages(B, 4), "3 ", range -> { });
        host.discard(page(A, 3), 4);
        assertThat(taken()).containsExactlyInAnyOrder("1 discard A3+1", "1 discard A6+1", "2 discard A3+4");
        host.move(page(A, 7), 2, page(B, 3));
        assertThat(taken()).containsExactlyInAnyOrder("3 unmap B3+1", "1 move A7+2 to B3", "2 move A7+1 to B3");
        host.unregisterFaultHandler(first);
        host.unmap(A, 4);
        assertThat(taken()).containsExactly("2 unmap A2+2");
    }

    // ---- when, and what then

    private static final Map<String, Change> CHANGES = new LinkedHashMap<>();

    static {
        CHANGES.put("map", host -> host.mapAnonymous(A, 2, READ_WRITE));
        CHANGES.put("unmap", host -> host.unmap(A, 2));
        CHANGES.put("move", host -> host.move(B, 2, A));
        CHANGES.put("discard", host -> host.discard(A, 2));
        CHANGES.put("remove", host -> host.remove(M, 2));
    }

    private interface Change {
        HostResult on(HostMemory host);
    }

    static Stream<String> changes() {
        return CHANGES.keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("changes")
    void whenItIsToldTheChangeIsDoneAndEverythingMayBeCalled(String name) {
        for (int i = 0; i < 4; i++) {
            world.store(page(A, i), 10 + i);
            world.store(page(B, i), 20 + i);
            world.store(page(M, i), 10 + i);
        }
        world.told.clear();
        int[] depth = {0};
        listen(HvaRange.WHOLE, "", range -> {
            assertThat(LockClass.values()).noneMatch(HeldLocks::holds);
            assertThat(world.told.stream().filter(each -> each.startsWith("start")).count())
                    .isEqualTo(world.told.stream().filter(each -> each.startsWith("end")).count());
            long hva = range.start();
            byte[] bytes = new byte[1];
            assertThat(host.peek(hva, bytes) != OK || bytes[0] != 10).as("what was there has gone").isTrue();
            if (depth[0]++ == 0) { // it is told of its own changes, too
                host.migrate(page(A, 3));
                host.mapAnonymous(hva, range.npages(), READ_WRITE);
                assertThat(world.store(hva, 7)).isTrue();
                host.discard(page(A, 3), 1);
                host.fork().close();
                host.audit();
            }
        });
        assertThat(CHANGES.get(name).on(host)).isEqualTo(OK);
        assertThat(depth[0]).isGreaterThan(1);
        assertThat(world.load(name.equals("remove") ? M : A)).isEqualTo(7);
    }

    @ParameterizedTest
    @MethodSource("changes")
    void ofSeveralThatThrowTheFirstComesOutAndTheChangeIsDone(String name) {
        world.store(A, 10);
        world.store(B, 11);
        world.store(M, 10);
        List<PageFaultHandler> bad = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            bad.add(listen(HvaRange.WHOLE, i + " ", range -> {
                throw new IllegalMonitorStateException("told");
            }));
        }
        assertThatThrownBy(() -> CHANGES.get(name).on(host))
                .isInstanceOf(IllegalMonitorStateException.class)
                .satisfies(thrown -> assertThat(thrown.getSuppressed()).hasSizeGreaterThanOrEqualTo(2));
        assertThat(told).extracting(each -> each.charAt(0)).contains('0', '1', '2');
        byte[] bytes = new byte[1];
        long hva = name.equals("remove") ? M : A;
        assertThat(host.peek(hva, bytes) != OK || bytes[0] != 10).as("it is done").isTrue();
        bad.forEach(host::unregisterFaultHandler);
        assertThat(host.mapAnonymous(A, 1, READ_WRITE)).as("and the memory works on").isEqualTo(OK);
    }

    /** Throws at its end, or refuses. */
    private static final class Unwilling implements MmuNotifier {
        private boolean accepts = true;

        @Override
        public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
            return accepts;
        }

        @Override
        public void invalidateRangeEnd(HvaRange range) {
            throw new IllegalStateException("at its end");
        }
    }

    @Test
    void whenANotifierThrowsAtItsEndHandlersAreToldAllTheSame() {
        Unwilling bad = new Unwilling();
        host.registerNotifier(bad);
        listen();
        assertThatThrownBy(() -> host.unmap(A, 1)).hasMessage("at its end");
        assertThat(taken()).containsExactly("unmap A0+1");
        bad.accepts = false;
        assertThat(host.unmap(page(A, 1), 1)).isEqualTo(HostResult.BUSY);
        assertThat(told).as("nothing has changed").isEmpty();
        host.unregisterNotifier(bad);
    }
}
