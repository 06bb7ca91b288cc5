package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/** The operations on host memory, each one a call of {@link HostMemory} or of a file. */
final class MemoryOps implements AutoCloseable {

    private final HostMemory host;
    private final Arenas arenas;
    private final Observer observer;
    private HostMemory child;

    /** By address of a page: its protection, null if it is not mapped. What is not in here was never changed. */
    private final Map<Long, Protection> protections = new HashMap<>();

    MemoryOps(HostMemory host, Arenas arenas, Observer observer) {
        this.host = host;
        this.arenas = arenas;
        this.observer = observer;
    }

    /** One call on a range of pages. */
    @FunctionalInterface
    private interface RangeCall {
        HostResult on(long hva, int npages);
    }

    void addTo(Map<String, Operation> operations) {
        operations.put("poison", this::poison);
        operations.put("poke", this::poke);
        operations.put("peek", op -> read(op, Integer.BYTES, MemoryOps::number));
        operations.put("peekmem", op -> read(op, op.count(2), HexFormat.of()::formatHex));
        operations.put("present", op -> host.isPresent(arenas.address(op.word(1))) ? "1" : "0");

        operations.put("ro", op -> keeping(op, (hva, n) -> protect(hva, n, Protection.READ)));
        operations.put("rw", op -> keeping(op, (hva, n) -> protect(hva, n, Protection.READ_WRITE)));
        operations.put("none", op -> keeping(op, (hva, n) -> protect(hva, n, Protection.NONE)));
        operations.put("free", op -> keeping(op, host::freeLazily));
        operations.put("willneed", op -> keeping(op, host::populateWrite));
        operations.put("unmap", op -> keeping(op, (hva, n) -> {
            note(hva, n, null);
            return host.unmap(hva, n);
        }));
        operations.put("msync", op -> "0");

        operations.put("dn", op -> changing(op, host::discard));
        operations.put("rm", op -> changing(op, host::remove));
        operations.put("pageout", op -> changing(op, host::evict));
        operations.put("map", op -> map(op, Protection.READ_WRITE));
        operations.put("mapro", op -> map(op, Protection.READ));
        operations.put("mapanon", op -> changing(op, (hva, n) -> {
            note(hva, n, Protection.READ_WRITE);
            return host.mapAnonymous(hva, n, Protection.READ_WRITE);
        }));
        operations.put("mapfile", this::mapFile);
        operations.put("mv", this::move);

        operations.put("punch", this::punch);
        operations.put("trunc", this::truncate);
        operations.put("fread", this::readFile);
        operations.put("fwrite", this::writeFile);

        operations.put("fork", this::fork);
        operations.put("childpeek", op -> print(peek(child(), op, Integer.BYTES), MemoryOps::number));
        operations.put("childexit", this::childExit);
    }

    // ---- like a debugger

    private String poison(Script.Op op) {
        byte[] fill = new byte[op.pages(2) * Pages.PAGE_SIZE];
        Arrays.fill(fill, (byte) op.countOr(3, 0xaa));
        host.poke(arenas.address(op.word(1)), fill);
        accept(op, op.pages(2));
        return "ok";
    }

    private String poke(Script.Op op) {
        HostResult result = host.poke(arenas.address(op.word(1)), littleEndian(op.number(2), op.countOr(3, 4)));
        accept(op, 1);
        return result == HostResult.OK ? "ok" : "fail";
    }

    @FunctionalInterface
    private interface Print {
        String of(byte[] bytes);
    }

    private String read(Script.Op op, int length, Print print) {
        return print(peek(host, op, length), print);
    }

    private static String print(byte[] bytes, Print print) {
        return bytes == null ? "unmapped" : print.of(bytes);
    }

    private byte[] peek(HostMemory memory, Script.Op op, int length) {
        byte[] bytes = new byte[length];
        return memory.peek(arenas.address(op.word(1)), bytes) == HostResult.OK ? bytes : null;
    }

    // ---- by address

    /** Contents are not touched. */
    private String keeping(Script.Op op, RangeCall call) {
        return errno(call.on(arenas.address(op.word(1)), op.pages(2)));
    }

    /** Contents may change: what the pages hold then counts as seen. */
    private String changing(Script.Op op, RangeCall call) {
        String result = keeping(op, call);
        accept(op, op.pages(2));
        return result;
    }

    /** A page that has the protection already is not touched, and nobody is told of it, as on the recording machine. */
    private HostResult protect(long hva, int npages, Protection protection) {
        HostResult result = HostResult.OK;
        for (int i = 0; i < npages && result == HostResult.OK; i++) { // the pages of the range
            long page = hva + (long) i * Pages.PAGE_SIZE;
            if (protectionOf(page) != protection) {
                result = host.protect(page, 1, protection);
                if (result == HostResult.OK) {
                    note(page, 1, protection);
                }
            }
        }
        return result;
    }

    private Protection protectionOf(long page) {
        return protections.containsKey(page) ? protections.get(page) : Protection.READ_WRITE;
    }

    private void note(long hva, int npages, Protection protection) {
        for (int i = 0; i < npages; i++) { // the pages of the range
            protections.put(hva + (long) i * Pages.PAGE_SIZE, protection);
        }
    }

    private String map(Script.Op op, Protection protection) {
        Script.Place place = op.place(1);
        return changing(op, (hva, n) -> {
            note(hva, n, protection);
            return arenas.byName(place.arena()).map(host, place.page(), n, protection);
        });
    }

    private String mapFile(Script.Op op) {
        Arenas.Arena arena = arenas.byName(op.place(1).arena());
        return changing(op, (hva, n) -> {
            note(hva, n, Protection.READ_WRITE);
            return host.mapShared(hva, n, fileOf(arena), op.number(3), Protection.READ_WRITE);
        });
    }

    private String move(Script.Op op) {
        HostResult result = host.move(arenas.address(op.word(1)), op.pages(2), arenas.address(op.word(3)));
        if (result == HostResult.OK) {
            observer.moved(op.place(1), op.pages(2), op.place(3));
            for (int i = 0; i < op.pages(2); i++) { // the pages that moved
                long from = arenas.address(op.word(1)) + (long) i * Pages.PAGE_SIZE;
                long to = arenas.address(op.word(3)) + (long) i * Pages.PAGE_SIZE;
                note(to, 1, protectionOf(from));
                note(from, 1, null);
            }
        }
        return errno(result);
    }

    // ---- by file page

    private String punch(Script.Op op) {
        Script.Place place = op.place(1);
        HostResult result = fileOf(arenas.byName(place.arena())).punchHole(place.page(), op.pages(2));
        accept(op, op.pages(2));
        return errno(result);
    }

    private String truncate(Script.Op op) {
        char arena = op.word(1).charAt(0);
        HostResult result = fileOf(arenas.byName(arena)).truncate(op.number(2));
        observer.accept(arena, 0, Arenas.PAGES);
        return errno(result);
    }

    private String readFile(Script.Op op) {
        Script.Place place = op.place(1);
        byte[] bytes = new byte[Integer.BYTES];
        int count = fileOf(arenas.byName(place.arena())).read(fileOffset(place), bytes);
        return count == bytes.length ? number(bytes) : "fail";
    }

    private String writeFile(Script.Op op) {
        Script.Place place = op.place(1);
        byte[] bytes = littleEndian(op.number(2), Integer.BYTES);
        HostResult result = fileOf(arenas.byName(place.arena())).write(fileOffset(place), bytes);
        accept(op, 1);
        return result == HostResult.OK ? "ok" : "fail";
    }

    private static HostFile fileOf(Arenas.Arena arena) {
        if (arena.file() == null) {
            throw new Script.Unreadable("no file behind arena " + arena.name());
        }
        return arena.file();
    }

    private static long fileOffset(Script.Place place) {
        return ((long) place.page() << Pages.PAGE_SHIFT) + place.offset();
    }

    // ---- another process

    private String fork(Script.Op op) {
        close();
        child = host.fork();
        return "ok";
    }

    private HostMemory child() {
        if (child == null) {
            throw new Script.Unreadable("there is no other process");
        }
        return child;
    }

    private String childExit(Script.Op op) {
        close();
        return "ok";
    }

    /** Ends the other process, if there is one. */
    @Override
    public void close() {
        if (child != null) {
            child.close();
            child = null;
        }
    }

    // ---- notation

    private void accept(Script.Op op, int npages) {
        observer.accept(op.place(1).arena(), op.place(1).page(), npages);
    }

    static String errno(HostResult result) {
        return switch (result) {
            case OK -> "0";
            case BUSY -> "EBUSY";
            default -> result.name();
        };
    }

    private static byte[] littleEndian(long value, int length) {
        byte[] bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
        return Arrays.copyOf(bytes, length);
    }

    private static String number(byte[] bytes) {
        return Integer.toHexString(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt());
    }
}
