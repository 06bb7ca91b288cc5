package io.github.pfncache.host;

import static io.github.pfncache.host.Protection.READ;
import static io.github.pfncache.host.Protection.READ_WRITE;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.sweep.Allocations;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * What another JVM runs, with a small heap: each call of a {@link HostMemory} with so many bytes of heap left, for
 * several numbers up to one with which it succeeds. And what a library runs that counts its allocations: each call,
 * with each of them failing. After each try: contents and mappings are those of before or after, starts and ends pair
 * up, the call succeeds when it is repeated with memory, and when all is unmapped no frame is in use.
 */
public final class HostOutOfMemory implements Function<String[], List<String>> {

    private static final long A = 0x2000_0000_0000L;
    private static final long M = 0x2000_1000_0000L;
    private static final long R = 0x2000_2000_0000L;
    private static final long U = 0x2000_3000_0000L;
    private static final long FREE = 0x2000_4000_0000L;
    /** A leaf of the page table, which the child shares. */
    private static final long L = 0x2000_5000_0000L;
    /** The file of M, where no page has been touched. */
    private static final long N = 0x2000_6000_0000L;
    /** A leaf of private copies of a file, which the child shares. */
    private static final long P = 0x2000_7000_0000L;
    private static final long PAGE = 4096;
    private static final int NPAGES = 8;
    /** So many small objects are more than any call needs. */
    private static final int MOST = 8000;
    private static final Set<String> OF_REAL_FILES = Set.of(
            "touch of an unread page", "evict what was only read", "rewind of a real file", "write a file");

    /** One call. Keeps nothing. */
    private interface Call {
        void on(World world) throws IOException;
    }

    /** A memory with something of every kind in it. */
    private static final class World implements MmuNotifier, PageFaultHandler {
        final HostMemory host = HostMemory.builder().chunkBytes(4096, 65536).build();
        final HostMemory child;
        final HostFile file = host.createFile(NPAGES);
        final HostFile real;
        final FileChannel channel;
        final HostFile large = host.createFile(512);
        final HostPage page;
        final HostMapping mapping;
        final byte[] bytes = new byte[8];
        final byte[] block = new byte[(int) (2 * PAGE)];
        int open;
        /** Number of pages that were told as gone. */
        long told;

        World(FileChannel channel) throws IOException {
            this.channel = channel;
            real = channel == null ? host.createFile(NPAGES) : host.openFile(filled(channel));
            if (channel == null) {
                real.write(5 * PAGE, new byte[] {77});
            }
            host.mapAnonymous(A, NPAGES, READ_WRITE);
            host.mapShared(M, NPAGES, file, 0, READ_WRITE);
            host.mapShared(R, NPAGES, real, 0, READ_WRITE);
            host.mapBuffer(U, new byte[(int) (2 * PAGE)], READ_WRITE);
            host.mapPrivate(U + 4 * PAGE, 2, file, 0, READ_WRITE);
            host.mapShared(N, NPAGES, file, 0, READ_WRITE);
            host.mapAnonymous(A + 8 * PAGE, 1, READ);
            for (int i = 0; i < 4; i++) {
                put(A + i * PAGE, 10 + i);
                put(M + i * PAGE, 20 + i);
                put(R + i * PAGE, 30 + i);
            }
            host.copyFromUser(R + 6 * PAGE, bytes, 0, 1);
            host.mapAnonymous(L, 512, READ_WRITE);
            put(L, 40);
            put(L + PAGE, 41);
            put(L + 511 * PAGE, 42);
            host.mapPrivate(P, 512, large, 0, READ_WRITE);
            put(P, 50);
            put(P + 511 * PAGE, 51);
            host.evict(A + 3 * PAGE, 1);
            host.discard(A + 4 * PAGE, 1);
            host.evict(M + 3 * PAGE, 1);
            child = host.fork();
            put(A, 10); // its own again
            put(A + 5 * PAGE, 15); // which the child does not have
            page = host.hvaToPage(A + 2 * PAGE);
            mapping = host.map(page);
            host.release(page);
            host.registerNotifier(this);
            host.registerFaultHandler(HvaRange.WHOLE, this, false, false); // which is told, and not asked
        }

        private static FileChannel filled(FileChannel channel) throws IOException {
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(new byte[(int) (NPAGES * PAGE)]), 0);
            channel.write(ByteBuffer.wrap(new byte[] {77}), 5 * PAGE);
            return channel;
        }

        private void put(long hva, int value) {
            bytes[0] = (byte) value;
            require(host.copyToUser(hva, bytes, 0, 1), "put");
        }

        @Override
        public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
            open++;
            return true;
        }

        @Override
        public void invalidateRangeEnd(HvaRange range) {
            open--;
        }

        @Override
        public Decision onFault(PageFault fault) {
            throw new IllegalStateException("not asked");
        }

        @Override
        public void onDiscard(HvaRange range) {
            told += range.npages();
        }

        @Override
        public void onUnmap(HvaRange range) {
            told += range.npages();
        }

        @Override
        public void onMove(HvaRange range, long to) {
            told += range.npages();
        }

        /** Mappings, and the first byte of each page as all of memory and files show it. */
        String picture() throws IOException {
            StringBuilder text = new StringBuilder();
            byte[] first = new byte[1];
            for (HostMemory memory : new HostMemory[] {host, child}) {
                for (Vma vma : memory.space().vmas.all()) {
                    text.append(Long.toHexString(vma.start())).append('+').append(vma.end() - vma.start())
                            .append(vma.protection()).append(vma.shared()).append(vma.filePage()).append(':');
                    for (long page = vma.start(); page < vma.end(); page++) {
                        if (page >= vma.start() + NPAGES && page < vma.end() - NPAGES) {
                            continue; // nothing is ever put into the middle of a leaf
                        }
                        boolean there = memory.peek(page << 12, first) == HostResult.OK;
                        text.append(there ? first[0] : -1).append(
                                memory.space().discarded.has(PageMarks.ZEROED, page) ? "! " : " ");
                    }
                    text.append('\n');
                }
            }
            require(real.sync() == HostResult.OK, "sync");
            for (HostFile each : new HostFile[] {file, real}) {
                text.append(each.npages()).append(" pages of a file");
                for (int i = 0; i < each.npages(); i++) {
                    each.read(i * PAGE, first);
                    text.append(' ').append(first[0]);
                }
                text.append('\n');
            }
            for (long at = 0; channel != null && channel.read(ByteBuffer.wrap(first), at) == 1; at += PAGE) {
                text.append(first[0]).append(" in the file ");
            }
            return text.toString();
        }
    }

    private static Map<String, Call> calls() {
        Map<String, Call> calls = new LinkedHashMap<>();
        calls.put("map", w -> ok(w.host.mapAnonymous(A + PAGE, 5, READ)));
        calls.put("map a buffer", w -> ok(w.host.mapBuffer(A + PAGE, w.block, READ_WRITE)));
        calls.put("map shared over a buffer", w -> ok(w.host.mapShared(U, 3, w.file, 2, READ_WRITE)));
        calls.put("unmap the middle", w -> ok(w.host.unmap(A + PAGE, 2)));
        calls.put("unmap a buffer", w -> ok(w.host.unmap(U, 2)));
        calls.put("unmap several", w -> ok(w.host.unmap(A, (M - A) / PAGE + 2)));
        calls.put("reserve", w -> require(w.host.reserve(3) > 0, "reserve"));
        calls.put("protect", w -> ok(w.host.protect(A + PAGE, 3, READ)));
        calls.put("protect two", w -> ok(w.host.protect(A, 9, Protection.NONE)));
        calls.put("protect what is alike", w -> ok(w.host.protect(A, 8, READ_WRITE)));
        calls.put("move", w -> ok(w.host.move(A + PAGE, 3, FREE)));
        calls.put("move several over another", w -> ok(w.host.move(A + 4 * PAGE, (M - A) / PAGE, U - PAGE)));
        calls.put("discard", w -> ok(w.host.discard(A, 8)));
        calls.put("remove", w -> ok(w.host.remove(M, 8)));
        calls.put("punch", w -> ok(w.real.punchHole(2, 4)));
        calls.put("truncate", w -> ok(w.real.truncate(2)));
        calls.put("grow", w -> ok(w.file.truncate(12)));
        calls.put("write a file", w -> ok(w.real.write(5 * PAGE, w.bytes)));
        calls.put("write far behind the end", w -> ok(w.file.write(600 * PAGE, w.bytes)));
        calls.put("write a whole page", w -> ok(w.real.write(6 * PAGE, Arrays.copyOf(w.bytes, (int) PAGE))));
        calls.put("sync", w -> ok(w.real.sync()));
        calls.put("evict", w -> ok(w.host.evict(A, 8)));
        calls.put("evict shared", w -> ok(w.host.evict(M, 8)));
        calls.put("evict of a real file", w -> ok(w.host.evict(R, 8)));
        calls.put("evict what was only read", w -> ok(w.host.evict(R + 6 * PAGE, 1)));
        calls.put("migrate", w -> w.host.migrate(A));
        calls.put("migrate shared", w -> w.host.migrate(M + PAGE));
        calls.put("collapse", w -> ok(w.host.collapse(A, 8)));
        calls.put("arm", w -> ok(w.host.writeProtect(A, 8, true)));
        calls.put("populate", w -> ok(w.host.populateWrite(A, 8)));
        calls.put("populate shared", w -> ok(w.host.populateWrite(R, 8)));
        calls.put("first touch", w -> require(w.host.copyToUser(A + 6 * PAGE, w.bytes, 0, 8), "stored"));
        calls.put("touch of what is evicted", w -> require(w.host.copyToUser(A + 3 * PAGE, w.bytes, 0, 8), "stored"));
        calls.put("touch of what is shared", w -> require(w.host.copyToUser(A + PAGE, w.bytes, 0, 8), "stored"));
        calls.put("touch of a private file page",
                w -> require(w.host.copyToUser(U + 5 * PAGE, w.bytes, 0, 8), "stored"));
        calls.put("touch at another place",
                w -> require(w.host.copyToUser(N + 5 * PAGE, w.bytes, 0, 8), "stored"));
        calls.put("touch of an unread page", w -> require(w.host.copyToUser(R + 5 * PAGE, w.bytes, 1, 7), "stored"));
        calls.put("read", w -> require(w.host.copyFromUser(M + 3 * PAGE, new byte[8], 0, 8), "read"));
        calls.put("poke", w -> ok(w.host.poke(A + 6 * PAGE, w.bytes)));
        calls.put("resolve, map, release, unmap", w -> {
            HostPage page = w.host.hvaToPage(A + 7 * PAGE);
            require(page != null, "resolved");
            HostMapping mapping = null;
            try {
                mapping = w.host.map(page);
            } finally {
                w.host.release(page);
                if (mapping != null) {
                    w.host.unmap(mapping);
                }
            }
        });
        calls.put("resolve what is there", w -> w.host.release(w.host.hvaToPage(A)));
        calls.put("register", w -> {
            w.host.registerNotifier(w);
            w.host.unregisterNotifier(w);
            w.host.registerNotifier(w);
        });
        calls.put("create a file", w -> w.host.createFile(3).close());
        calls.put("close a file", w -> w.host.createFile(3).asReadOnly().close());
        calls.put("unmap a shared leaf", w -> ok(w.host.unmap(L, 512)));
        calls.put("unmap a part of a shared leaf", w -> ok(w.host.unmap(L + PAGE, 4)));
        calls.put("discard a part of a shared leaf", w -> ok(w.host.discard(L + PAGE, 511)));
        calls.put("move a part of a shared leaf", w -> ok(w.host.move(L + PAGE, 510, FREE + PAGE)));
        calls.put("move over a part of a shared leaf", w -> ok(w.host.move(A, 2, L)));
        calls.put("move nothing over a part of a shared leaf", w -> ok(w.host.move(A + 6 * PAGE, 2, L)));
        calls.put("truncate under a part of a shared leaf", w -> ok(w.large.truncate(100)));
        calls.put("evict of a shared leaf", w -> ok(w.host.evict(L, 512)));
        calls.put("migrate of a shared leaf", w -> ok(w.host.migrate(L)));
        calls.put("arm of a shared leaf", w -> ok(w.host.writeProtect(L, 512, true)));
        calls.put("write to a shared leaf", w -> require(w.host.copyToUser(L, w.bytes, 0, 8), "stored"));
        calls.put("snapshot", w -> w.host.snapshot().close());
        calls.put("snapshot of what is evicted",
                w -> w.host.snapshot(List.of(HvaRange.ofPages(M + 3 * PAGE, 1))).close());
        calls.put("fork", w -> w.host.fork().close());
        calls.put("rewind", w -> ok(w.host.rewind(w.child, List.of(new RewindRange(A, A, 8), new RewindRange(L, M, 3),
                new RewindRange(A, U + 4 * PAGE, 2), new RewindRange(A, L + 2 * PAGE, 4)), hva -> w.told++)));
        calls.put("rewind of a real file", w -> ok(w.host.rewind(w.child,
                List.of(new RewindRange(A, A, 8), new RewindRange(A, R, 8)), hva -> w.told++)));
        calls.put("close", w -> w.child.close());
        return calls;
    }

    private static void ok(HostResult result) {
        require(result == HostResult.OK, "result");
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }

    // ---- the end of the heap

    // Fields: what a local variable names is garbage after its last use.
    private static Object[] hoard;
    private static Object[] spare;

    /** Leaves {@code count} objects of 24 bytes, and runs. The error, or null. */
    private static Throwable runWithLittle(Call call, World world, int count) {
        try {
            fill(count);
            call.on(world);
            return null;
        } catch (Throwable e) {
            return e;
        } finally {
            hoard = null;
        }
    }

    private static void fill(int count) {
        for (int i = 0; i < count; i++) {
            spare = new Object[] {spare};
        }
        for (int size = 1 << 20; size >= 16; size >>= 8) {
            try {
                for (;;) { // ends with the heap
                    hoard = new Object[] {hoard, new byte[size]};
                }
            } catch (OutOfMemoryError e) {
                spare = size > 16 ? spare : null; // the next size; or the end, but for what was spared
            }
        }
    }

    public static void main(String[] args) throws IOException {
        int points = Integer.parseInt(args[0]);
        int failures = 0;
        try (FileChannel channel = FileChannel.open(Path.of(args[1]), StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            for (Map.Entry<String, Call> each : calls().entrySet()) {
                failures += sweep(each.getKey(), each.getValue(), channel, points);
            }
        }
        System.out.println("all calls seen, " + failures + " failures");
    }

    /** Tries more and more of what is left until the call succeeds, and some numbers between. */
    private static int sweep(String name, Call call, FileChannel channel, int points) throws IOException {
        World untouched = new World(channel);
        String before = untouched.picture();
        World done = new World(channel);
        call.on(done);
        String after = done.picture();
        int enough = 1;
        int errors = 0;
        int tries = 0;
        for (int i = 0; i <= points; i++) {
            int count = i == 0 ? enough : (int) ((long) enough * (i - 1) / points);
            World world = new World(channel);
            Throwable error = runWithLittle(call, world, count);
            String wrong = judge(world, call, error, before, after, done.told);
            tries++;
            if (wrong == null && i == 0 && error != null) {
                wrong = enough > MOST ? "no end" : null;
                enough *= 2;
                i--;
            }
            if (wrong != null) {
                System.out.println(name + " with " + count + " small objects left, ended by " + error + ": " + wrong);
                return 1;
            }
            errors += error == null ? 0 : 1;
        }
        System.out.println(name + ": out of memory in " + errors + " of " + tries + " tries, needs " + enough);
        return 0;
    }

    /** Repeats a call, with memory. It may be refused frames until the pause after a failed allocation is over. */
    private static void again(World world, Call call) throws IOException {
        long pauseEnds = System.nanoTime() + 2 * FrameSupply.LONGEST_PAUSE_NANOS;
        for (;;) { // bounded by the pause
            try {
                call.on(world);
                return;
            } catch (IllegalStateException refused) {
                if (System.nanoTime() - pauseEnds > 0) {
                    throw refused;
                }
                Thread.onSpinWait();
            }
        }
    }

    // ---- one allocation

    /**
     * Lets each allocation of each call fail, in a library that counts them; what is a real file elsewhere is one in
     * memory, but where that matters most. Takes the path of a file; gives the number of tries, then the faults.
     */
    @Override
    public List<String> apply(String[] path) {
        List<String> faults = new ArrayList<>();
        int tries = 0;
        try (FileChannel real = FileChannel.open(Path.of(path[0]), StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            for (Map.Entry<String, Call> each : calls().entrySet()) {
                FileChannel channel = OF_REAL_FILES.contains(each.getKey()) ? real : null;
                String before = new World(channel).picture();
                World done = new World(channel);
                int[] count = {0};
                Throwable refused = runWithout(Integer.MAX_VALUE, each.getValue(), done, count);
                if (refused != null) {
                    throw new IllegalStateException(each.getKey() + " with all memory", refused);
                }
                String after = done.picture();
                for (int n = 0; n < count[0]; n++) { // bounded by the allocations of the call
                    tries++;
                    World world = new World(channel);
                    Throwable error = runWithout(n, each.getValue(), world, new int[1]);
                    String wrong = judge(world, each.getValue(), error, before, after, done.told);
                    if (wrong != null) {
                        faults.add(each.getKey() + ", allocation " + n + " of " + count[0] + ", ended by " + error
                                + ", " + Allocations.place() + ": " + wrong);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        faults.add(0, tries + " tries");
        return faults;
    }

    private static Throwable runWithout(int number, Call call, World world, int[] count) {
        return Allocations.failing(number, () -> {
            try {
                call.on(world);
                return null;
            } catch (Throwable e) {
                return e;
            }
        }, all -> count[0] = all);
    }

    /** What is wrong; null if nothing is. */
    private static String judge(World world, Call call, Throwable error, String before, String after, long told)
            throws IOException {
        if (error != null && !(error instanceof OutOfMemoryError)) {
            error.printStackTrace();
            return "another error";
        }
        world.host.audit();
        String now = world.picture();
        if (!now.equals(after) && (error == null || !now.equals(before))) {
            return "it is\n" + now + "before\n" + before + "after\n" + after;
        }
        if (!before.equals(after) && world.told != (now.equals(after) ? told : 0)) {
            return world.told + " pages were told as gone, not " + told;
        }
        if (world.open != 0 || world.host.pageReferences() != 0 || world.host.liveMappings() != 1) {
            return "starts without end=" + world.open + " references=" + world.host.pageReferences() + " mappings="
                    + world.host.liveMappings();
        }
        if (now.equals(before)) {
            again(world, call);
            if (!world.picture().equals(after)) {
                return "repeated it is\n" + world.picture() + "after\n" + after;
            }
        }
        world.host.unmap(world.mapping);
        world.child.close();
        world.host.close();
        world.file.truncate(0);
        world.real.truncate(0);
        world.large.truncate(0);
        HostFamily family = world.host.space().family;
        int contents = family.store.swap.size();
        boolean nothing = world.host.framesInUse() == 0 && contents == 0 && family.files.stream()
                .allMatch(file -> !file.userMemory && file.mappedPages == 0 && file.handles == handlesOf(file, world));
        return nothing ? null : world.host.framesInUse() + " frames, " + contents + " contents and "
                + family.files.size() + " files are left";
    }

    private static long handlesOf(FilePages file, World world) {
        return world.host.openFiles().stream().filter(handle -> handle.pages == file).count();
    }
}
