package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.BUSY;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.PageFaultHandler.Decision.REFUSE;
import static io.github.pfncache.host.PageFaultHandler.Decision.RESOLVE;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.pfncache.address.HvaRange;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A notifier or a fault handler throws, refuses or comes back: starts and ends pair up, and the memory works on. */
class HostCallbackTest {

    private static final Map<String, Call> CALLS = new LinkedHashMap<>();

    static {
        CALLS.put("map", host -> host.mapAnonymous(A, 4, READ_WRITE));
        CALLS.put("unmap", host -> host.unmap(page(A, 1), 1));
        CALLS.put("move", host -> host.move(A, 2, B));
        CALLS.put("protect", host -> host.protect(A, 2, READ));
        CALLS.put("discard", host -> host.discard(A, 2));
        CALLS.put("remove", host -> host.remove(M, 2));
        CALLS.put("evict", host -> host.evict(A, 2));
        CALLS.put("evict shared", host -> host.evict(M, 2));
        CALLS.put("migrate", host -> host.migrate(A));
        CALLS.put("migrate shared", host -> host.migrate(M));
        CALLS.put("arm", host -> host.writeProtect(A, 2, true));
        CALLS.put("fork", host -> {
            host.fork().close();
            return OK;
        });
        CALLS.put("snapshot", host -> {
            host.snapshot().close();
            return OK;
        });
    }

    private interface Call {
        HostResult on(HostMemory host);
    }

    /** What a notifier does at its start and its end. */
    private enum Misdeed {
        THROWS_AT_START,
        FAILS_AT_START,
        SNEAKS_AT_START,
        REFUSES,
        THROWS_AT_END,
        SNEAKS_AT_END,
        COMES_BACK
    }

    /** A checked exception, as another language throws it. */
    private static final class Sneaked extends Exception {
        private static final long serialVersionUID = 1L;
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak() throws T {
        throw (T) new Sneaked();
    }

    /** Counts, and misbehaves once. */
    private static final class Notifier implements MmuNotifier {
        private final HostMemory host;
        private Misdeed misdeed;
        private int open;
        private int starts;

        Notifier(HostMemory host, Misdeed misdeed) {
            this.host = host;
            this.misdeed = misdeed;
        }

        @Override
        public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
            Misdeed now = misdeed;
            if (now == Misdeed.THROWS_AT_START || now == Misdeed.FAILS_AT_START || now == Misdeed.SNEAKS_AT_START
                    || now == Misdeed.REFUSES) {
                misdeed = null;
                fail(now);
                return false;
            }
            open++;
            starts++;
            if (now == Misdeed.COMES_BACK) {
                misdeed = null;
                comeBack();
            }
            return true;
        }

        private void comeBack() {
            assertThat(host.copyToUser(page(B, 8), new byte[] {1}, 0, 1)).isTrue();
            assertThat(host.evict(page(B, 8), 1)).isEqualTo(OK);
            assertThat(host.mapAnonymous(page(B, 9), 1, READ_WRITE)).isEqualTo(OK);
            assertThat(host.peek(page(A, 5), new byte[8])).isEqualTo(OK);
        }

        @Override
        public void invalidateRangeEnd(HvaRange range) {
            open--;
            Misdeed now = misdeed;
            if (now == Misdeed.THROWS_AT_END || now == Misdeed.SNEAKS_AT_END) {
                misdeed = null;
                fail(now);
            }
        }

        private static void fail(Misdeed now) {
            switch (now) {
                case THROWS_AT_START, THROWS_AT_END -> throw new IllegalMonitorStateException("thrown");
                case FAILS_AT_START -> throw new OutOfMemoryError("thrown");
                case SNEAKS_AT_START, SNEAKS_AT_END -> HostCallbackTest.<RuntimeException>sneak();
                default -> { }
            }
        }
    }

    static Stream<Arguments> callsAndMisdeeds() {
        return CALLS.keySet().stream()
                .flatMap(call -> Stream.of(Misdeed.values()).map(misdeed -> Arguments.of(call, misdeed)));
    }

    @ParameterizedTest
    @MethodSource("callsAndMisdeeds")
    void whateverANotifierDoesStartsAndEndsPairUp(String name, Misdeed misdeed) {
        HostWorld world = new HostWorld();
        HostMemory host = world.host;
        for (int i = 0; i < 4; i++) {
            world.store(page(A, i), 10 + i);
            world.store(page(M, i), 20 + i);
        }
        Notifier before = new Notifier(host, null);
        Notifier bad = new Notifier(host, misdeed);
        Notifier after = new Notifier(host, null);
        host.registerNotifier(before);
        host.registerNotifier(bad);
        host.registerNotifier(after);
        Throwable thrown = catchThrowable(() -> CALLS.get(name).on(host));
        if (misdeed == Misdeed.COMES_BACK) {
            assertThat(thrown).isNull();
        } else if (misdeed != Misdeed.REFUSES) {
            assertThat(thrown)
                    .isInstanceOfAny(IllegalMonitorStateException.class, OutOfMemoryError.class, Sneaked.class);
        }
        assertThat(new int[] {before.open, bad.open, after.open}).containsExactly(0, 0, 0);
        assertThat(before.starts).isPositive();
        host.audit();
        host.unregisterNotifier(bad);
        assertThat(host.mapAnonymous(A, 4, READ_WRITE)).isEqualTo(OK);
        assertThat(world.store(A, 5)).isTrue();
        assertThat(host.migrate(A)).isEqualTo(OK);
        assertThat(world.load(A)).isEqualTo(5);
        world.close();
    }

    @Test
    void ofSeveralThatThrowTheFirstComesOutWithTheOthersBehindIt() {
        HostWorld world = new HostWorld();
        world.store(A, 1);
        for (int i = 0; i < 3; i++) {
            world.host.registerNotifier(new Notifier(world.host, Misdeed.THROWS_AT_END));
        }
        Throwable thrown = catchThrowable(() -> world.host.migrate(A));
        assertThat(thrown).isInstanceOf(IllegalMonitorStateException.class);
        assertThat(thrown.getSuppressed()).hasSize(2);
        assertThat(world.load(A)).isEqualTo(1);
        world.close();
    }

    @Test
    void aNotifierThatRefusesIsAskedAgainNextTime() {
        HostWorld world = new HostWorld();
        world.store(A, 1);
        world.host.registerNotifier(new Notifier(world.host, Misdeed.REFUSES));
        assertThat(world.host.migrate(A)).isEqualTo(BUSY);
        assertThat(world.host.migrate(A)).isEqualTo(OK);
        world.close();
    }

    /** What a handler does, once. */
    private interface Deed {
        PageFaultHandler.Decision of(HostMemory host, PageFault fault);
    }

    static Stream<Arguments> handlers() {
        return Stream.of(
                Arguments.of("throws", (Deed) (host, fault) -> {
                    throw new IllegalMonitorStateException("thrown");
                }),
                Arguments.of("fails", (Deed) (host, fault) -> {
                    throw new OutOfMemoryError("thrown");
                }),
                Arguments.of("sneaks", (Deed) (host, fault) -> {
                    HostCallbackTest.<RuntimeException>sneak();
                    return RESOLVE;
                }),
                Arguments.of("says nothing", (Deed) (host, fault) -> null),
                Arguments.of("refuses", (Deed) (host, fault) -> REFUSE),
                Arguments.of("touches the page", (Deed) (host, fault) ->
                        host.copyToUser(fault.hva(), new byte[1], 0, 1) ? RESOLVE : REFUSE),
                Arguments.of("unmaps the page", (Deed) (host, fault) -> {
                    assertThat(host.unmap(fault.hva(), 1)).isEqualTo(OK);
                    return RESOLVE;
                }),
                Arguments.of("maps anew", (Deed) (host, fault) -> {
                    assertThat(host.mapAnonymous(fault.hva(), 1, READ)).isEqualTo(OK);
                    return RESOLVE;
                }));
    }

    @ParameterizedTest
    @MethodSource("handlers")
    void whateverAHandlerDoesNothingIsHeldAndOtherPagesWork(String name, Deed deed) {
        HostWorld world = new HostWorld();
        HostMemory host = world.host;
        boolean[] done = {false};
        HvaRange mine = HvaRange.ofPages(A, 1);
        PageFaultHandler handler = fault -> {
            if (done[0]) {
                fault.page().putLong(0, 42);
                return RESOLVE;
            }
            done[0] = true;
            assertThat(host.copyToUser(page(A, 1), new byte[] {1}, 0, 1)).as("another page").isTrue();
            return deed.of(host, fault);
        };
        host.registerFaultHandler(mine, handler, true, true);
        Throwable thrown = catchThrowable(() -> assertThat(host.hvaToPage(A)).isNull());
        assertThat(thrown == null || !(thrown instanceof AssertionError)).isTrue();
        assertThat(host.pageReferences()).isZero();
        host.audit();
        assertThat(host.mapAnonymous(A, 1, READ_WRITE)).isEqualTo(OK);
        assertThat(world.store(A + 8, 5)).isTrue();
        assertThat(world.load(A)).as("the next time the handler is as it should be").isEqualTo(42);
        world.close();
    }
}
