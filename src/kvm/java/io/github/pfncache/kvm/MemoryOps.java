package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.Protection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/** The operations on host memory. */
final class MemoryOps implements AutoCloseable {

    private final HostCalls host;
    private final Arenas arenas;
    private final Observer observer;
    private HostCalls child;

    MemoryOps(HostCalls host, Arenas arenas, Observer observer) {
        this.host = host;
        this.arenas = arenas;
        this.observer = observer;
    }

    /** One call on a range of pages. */
    @FunctionalInterface
    private interface RangeCall {
        String on(long hva, int npages);
    }

    void addTo(Map<String, Operation> operations) {
        operations.put("poison", this::poison);
        operations.put("poke", this::poke);
        operations.put("peek", op -> read(op, Integer.BYTES, MemoryOps::number));
        operations.put("peekmem", op -> read(op, op.count(2), HexFormat.of()::formatHex));
        operations.put("present", op -> host.isPresent(arenas.address(op.word(1))) ? "1" : "0");

        operations.put("ro", op -> keeping(op, (hva, n) -> host.protect(hva, n, Protection.READ)));
        operations.put("rw", op -> keeping(op, (hva, n) -> host.protect(hva, n, Protection.READ_WRITE)));
        operations.put("none", op -> keeping(op, (hva, n) -> host.protect(hva, n, Protection.NONE)));
        operations.put("free", op -> keeping(op, advised(HostCalls.Advice.FREE)));
        operations.put("willneed", op -> keeping(op, advised(HostCalls.Advice.POPULATE_WRITE)));
        operations.put("unmap", op -> keeping(op, host::unmap));
        operations.put("msync", op -> "0");

        operations.put("dn", op -> changing(op, advised(HostCalls.Advice.DISCARD)));
        operations.put("rm", op -> changing(op, advised(HostCalls.Advice.REMOVE)));
        operations.put("pageout", op -> changing(op, advised(HostCalls.Advice.PAGEOUT)));
        operations.put("map", op -> map(op, Protection.READ_WRITE));
        operations.put("mapro", op -> map(op, Protection.READ));
        operations.put("mapanon",
                op -> changing(op, (hva, n) -> host.mapAnonymous(hva, n, Protection.READ_WRITE)));
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
        boolean done = host.poke(arenas.address(op.word(1)), littleEndian(op.number(2), op.countOr(3, 4)));
        accept(op, 1);
        return done ? "ok" : "fail";
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

    private byte[] peek(HostCalls memory, Script.Op op, int length) {
        byte[] bytes = new byte[length];
        return memory.peek(arenas.address(op.word(1)), bytes) ? bytes : null;
    }

    // ---- by address

    /** Contents are not touched. */
    private String keeping(Script.Op op, RangeCall call) {
        return call.on(arenas.address(op.word(1)), op.pages(2));
    }

    /** Contents may change: what the pages hold then counts as seen. */
    private String changing(Script.Op op, RangeCall call) {
        String result = keeping(op, call);
        accept(op, op.pages(2));
        return result;
    }

    private RangeCall advised(HostCalls.Advice advice) {
        return (hva, n) -> host.advise(advice, hva, n);
    }

    private String map(Script.Op op, Protection protection) {
        Script.Place place = op.place(1);
        return changing(op, (hva, n) -> arenas.byName(place.arena()).map(host, place.page(), n, protection));
    }

    private String mapFile(Script.Op op) {
        checkFile(op.place(1).arena());
        return changing(op, (hva, n) -> host.mapFile(hva, n, op.number(3), Protection.READ_WRITE));
    }

    private String move(Script.Op op) {
        String result = host.move(arenas.address(op.word(1)), op.pages(2), arenas.address(op.word(3)));
        if (result.equals("0")) {
            observer.moved(op.place(1), op.pages(2), op.place(3));
        }
        return result;
    }

    // ---- by file page

    private String punch(Script.Op op) {
        checkFile(op.place(1).arena());
        String result = host.punchHole(op.place(1).page(), op.pages(2));
        accept(op, op.pages(2));
        return result;
    }

    private String truncate(Script.Op op) {
        char arena = op.word(1).charAt(0);
        checkFile(arena);
        String result = host.truncate(op.number(2));
        observer.accept(arena, 0, Arenas.PAGES);
        return result;
    }

    private String readFile(Script.Op op) {
        checkFile(op.place(1).arena());
        byte[] bytes = new byte[Integer.BYTES];
        return host.readFile(fileOffset(op.place(1)), bytes) == bytes.length ? number(bytes) : "fail";
    }

    private String writeFile(Script.Op op) {
        checkFile(op.place(1).arena());
        boolean done = host.writeFile(fileOffset(op.place(1)), littleEndian(op.number(2), Integer.BYTES));
        accept(op, 1);
        return done ? "ok" : "fail";
    }

    private void checkFile(char arena) {
        if (!arenas.byName(arena).isFile()) {
            throw new Script.Unreadable("no file behind arena " + arena);
        }
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

    private HostCalls child() {
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

    private static byte[] littleEndian(long value, int length) {
        byte[] bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
        return Arrays.copyOf(bytes, length);
    }

    private static String number(byte[] bytes) {
        return Integer.toHexString(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt());
    }
}
