package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.NONE;
import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A notifier makes a call about the very pages whose invalidation it is told of: what is there in the end is as if that
 * call had come first, and the one that was announced after it.
 */
class HostActingBackTest {

    private static final int PAGES = 2;

    /** Pages that memories which share them share as a whole. */
    private static final int LEAF = 512;

    /** Memory, what was made of it, and the questions that its pages led to. */
    private static final class World {
        final HostWorld world = new HostWorld();
        final HostMemory host = world.host;
        final List<HostMemory> children = new ArrayList<>();
        int asked;

        World() {
            host.mapAnonymous(A, LEAF, READ_WRITE);
            for (int i = 0; i < PAGES; i++) {
                world.store(page(A, i), 10 + i);
                world.store(page(M, i), 20 + i);
            }
            keep(host.fork()); // the first write of each page is one that copies
            host.registerFaultHandler(HvaRange.ofPages(A, PAGES), fault -> {
                asked++;
                return PageFaultHandler.Decision.RESOLVE;
            }, false, true);
        }

        HostResult keep(HostMemory child) {
            children.add(child);
            return OK;
        }

        HostResult store(long hva) {
            return world.store(hva, 77) ? OK : HostResult.EFAULT;
        }

        /** All that can be seen of it, then once more after writes; ends it. */
        List<String> seen(HostResult answer) {
            List<String> all = new ArrayList<>();
            all.add("answer " + answer + " asked " + asked);
            for (int turn = 0; turn < 2; turn++) {
                children.add(0, host);
                for (HostMemory memory : children) {
                    for (long arena : new long[] {A, B, M}) {
                        for (int i = 0; i < PAGES; i++) {
                            byte[] bytes = new byte[1];
                            HostResult peeked = memory.peek(page(arena, i), bytes);
                            all.add(Pages.hex(page(arena, i)) + " " + peeked + " " + bytes[0]);
                        }
                    }
                }
                children.remove(0);
                all.add("stored " + world.store(A, 88 + turn) + " asked " + asked);
            }
            children.forEach(HostMemory::close);
            world.close();
            return all;
        }
    }

    private interface Call {
        HostResult on(World world);
    }

    private static final Map<String, Call> CALLS = new LinkedHashMap<>();

    static {
        CALLS.put("store", world -> world.store(A));
        CALLS.put("map", world -> world.host.mapAnonymous(A, PAGES, READ_WRITE));
        CALLS.put("map the file", world -> world.host.mapShared(A, PAGES, world.world.file, 1, READ_WRITE));
        CALLS.put("map the file and use it", world -> {
            world.host.mapShared(A, PAGES, world.world.file, 1, READ_WRITE);
            return world.store(A);
        });
        CALLS.put("map a copy of the file", world -> world.host.mapPrivate(A, PAGES, world.world.file, 1, READ_WRITE));
        CALLS.put("unmap", world -> world.host.unmap(A, PAGES));
        CALLS.put("move", world -> world.host.move(A, PAGES, B));
        CALLS.put("read only", world -> world.host.protect(A, PAGES, READ));
        CALLS.put("forbid", world -> world.host.protect(A, PAGES, NONE));
        CALLS.put("discard", world -> world.host.discard(A, PAGES));
        CALLS.put("evict", world -> world.host.evict(A, PAGES));
        CALLS.put("migrate", world -> world.host.migrate(A));
        CALLS.put("arm", world -> world.host.writeProtect(A, PAGES, true));
        CALLS.put("fork", world -> world.keep(world.host.fork()));
        CALLS.put("snapshot", world -> world.keep(world.host.snapshot()));
        CALLS.put("snapshot in place of the fork", world -> {
            world.keep(world.host.snapshot());
            world.children.remove(0).close();
            return OK;
        });
    }

    /** These find out what is there, and announce the invalidation of that: their answer is of that moment. */
    private static final Set<String> LOOK_FIRST = Set.of("evict", "migrate");

    static Stream<String> calls() {
        return CALLS.keySet().stream();
    }

    private static HostResult answered(String announced, World world) {
        HostResult answer = CALLS.get(announced).on(world);
        return LOOK_FIRST.contains(announced) ? OK : answer;
    }

    @ParameterizedTest
    @MethodSource("calls")
    void aNotifiersOwnCallComesFirst(String announced) {
        CALLS.forEach((name, own) -> {
            World inOrder = new World();
            own.on(inOrder);
            List<String> expected = inOrder.seen(answered(announced, inOrder));

            World nested = new World();
            boolean[] done = {false};
            nested.host.registerNotifier(new MmuNotifier() {
                @Override
                public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                    if (!done[0]) {
                        done[0] = true;
                        own.on(nested);
                    }
                    return true;
                }

                @Override
                public void invalidateRangeEnd(HvaRange range) {}
            });
            List<String> seen = nested.seen(answered(announced, nested));
            assertThat(seen).as("%s in the middle of %s", name, announced).isEqualTo(expected);
        });
    }
}
