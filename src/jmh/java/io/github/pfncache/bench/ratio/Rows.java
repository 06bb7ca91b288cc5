package io.github.pfncache.bench.ratio;

import static io.github.pfncache.bench.ratio.Figure.mostBytes;
import static io.github.pfncache.bench.ratio.Figure.nanos;
import static io.github.pfncache.bench.ratio.Figure.tailNanos;
import static io.github.pfncache.bench.ratio.Goal.atLeast;
import static io.github.pfncache.bench.ratio.Goal.atMost;
import static io.github.pfncache.bench.ratio.Goal.zero;

import java.util.List;

/** The table of ratios: what is compared with what, and the goal. A row without a goal is there for comparison. */
final class Rows {

    private static final String LOAD = "LoadBenchmark.";
    private static final String STORE = "StoreBenchmark.";
    private static final String PINNED = "PinnedAccessBenchmark.";
    private static final String AREA = "AreaBenchmark.";
    private static final String MOVED = "InvalidatedLoadBenchmark.";
    private static final String TLB = "TlbBenchmark.";
    private static final String REACH = "ReachBenchmark.";
    private static final String INTERPRETER = "InterpreterBenchmark.run";
    private static final String MISS = "InvalidationMissBenchmark.";
    private static final String HIT = "InvalidationHitBenchmark.";
    private static final String LOOK_UP = "SlotLookupBenchmark.";
    private static final String UPDATE = "SlotUpdateBenchmark.";
    private static final String READERS = "SlotReadersBenchmark.";
    private static final String REFRESH = "RefreshBenchmark.";
    private static final String OTHERS = "AlternativesBenchmark.";

    private static final int MANY = 100_000;
    private static final int ALL_SLOTS = 32_764;

    private static final String POLL = "a device polls guest memory millions of times a second";
    private static final String COMPLETE = "every completion and every clock update is a store";
    private static final String STRUCTURE = "guest structures are read and written as a whole";
    private static final String GARBAGE = "garbage of the hot path is a pause of the guest";
    private static final String BALANCE = "hosts move pages all day";
    private static final String INSTRUCTION = "paid for every load and store of the guest";
    private static final String NOT_OURS = "most pages that a host moves are in no cache";
    private static final String HOT_PLUG = "hot-plugged memory must not slow the guest down";
    private static final String REMAP = "guests remap windows thousands of times in a boot";
    private static final String AFTER = "each cache pays it after each invalidation and slot change";
    private static final String INSTEAD = "what an author would write instead";

    /** In the order of printing. */
    static final List<Row> ALL = List.of(
            // ---- load
            Row.of("validated 8-byte load", POLL, nanos(LOAD + "validated"))
                    .against("opaque load of the same buffer", nanos(LOAD + "opaque"))
                    .goal(atMost(1.2)),
            Row.of("validated 8-byte load", POLL, nanos(LOAD + "validated"))
                    .against("plain load of the same buffer", nanos(LOAD + "plain"))
                    .goal(atMost(2.5)),
            Row.of("ReentrantReadWriteLock, check, load", POLL, nanos(LOAD + "readWriteLock"))
                    .against("validated load", nanos(LOAD + "validated"))
                    .goal(atLeast(10)),
            Row.of("the same, two threads on one cache", POLL, nanos(LOAD + "readWriteLockTwoThreads"))
                    .against("validated load, two threads", nanos(LOAD + "validatedTwoThreads"))
                    .goal(atLeast(80)),
            Row.of("validated load, two threads on one cache", POLL, nanos(LOAD + "validatedTwoThreads"))
                    .against("one thread", nanos(LOAD + "validated"))
                    .goal(atMost(1.3)),
            Row.of("ReentrantReadWriteLock, check, load", POLL, nanos(LOAD + "readWriteLock"))
                    .against("opaque load: what no validated load can exceed", nanos(LOAD + "opaque")),
            Row.of("access object for one load", POLL, nanos(LOAD + "access"))
                    .against("validated load", nanos(LOAD + "validated"))
                    .asDetail(),
            Row.of("load with readerBias(false)", POLL, nanos(LOAD + "withoutReaderBias"))
                    .against("validated load", nanos(LOAD + "validated"))
                    .asDetail(),

            // ---- store
            Row.of("validated 8-byte store", COMPLETE, nanos(STORE + "validated"))
                    .against("volatile store to the same buffer", nanos(STORE + "volatileStore")),
            Row.of("compare-and-set, store, release: what excluding an invalidation takes at least", COMPLETE,
                            nanos(STORE + "bareAnnouncement"))
                    .against("volatile store to the same buffer", nanos(STORE + "volatileStore")),
            Row.of("validated store, dirty logging on, bit set", COMPLETE, nanos(STORE + "validatedLogging"))
                    .against("logging off", nanos(STORE + "validated"))
                    .goal(atMost(1.3)),
            Row.of("ReentrantReadWriteLock, check, store", COMPLETE, nanos(STORE + "readWriteLock"))
                    .against("validated store", nanos(STORE + "validated"))
                    .asDetail(),
            Row.of("access object for one store", COMPLETE, nanos(STORE + "access"))
                    .against("validated store", nanos(STORE + "validated"))
                    .asDetail(),
            Row.of("store with readerBias(false)", COMPLETE, nanos(STORE + "withoutReaderBias"))
                    .against("validated store", nanos(STORE + "validated"))
                    .asDetail(),

            // ---- eight fields
            Row.of("eight loads in one access object, per field", STRUCTURE, nanos(PINNED + "loads"))
                    .against("opaque load", nanos(PINNED + "oneOpaqueLoad"))
                    .goal(atMost(1.2)),
            Row.of("eight stores in one access object, per field", STRUCTURE, nanos(PINNED + "stores"))
                    .against("opaque store", nanos(PINNED + "oneOpaqueStore"))
                    .goal(atMost(1.2)),
            Row.of("eight loads in one access object, per field", STRUCTURE, nanos(PINNED + "loads"))
                    .against("eight opaque loads in a row, per load", nanos(PINNED + "eightOpaqueLoads"))
                    .asDetail(),
            Row.of("eight stores in one access object, per field", STRUCTURE, nanos(PINNED + "stores"))
                    .against("eight opaque stores in a row, per store", nanos(PINNED + "eightOpaqueStores"))
                    .asDetail(),

            Row.of("update of an area across two pages", STRUCTURE, nanos(AREA + "twoPages"))
                    .against("of one within a page", nanos(AREA + "onePage"))
                    .asDetail(),

            // ---- the page moves
            Row.of("median load, page moved 10,000 times a second", BALANCE, nanos(MOVED + "moving:load"))
                    .against("page at rest", nanos(MOVED + "undisturbed"))
                    .goal(atMost(1.5)),
            Row.of("median time from one move to the next meanwhile", BALANCE, nanos(MOVED + "moving:move"))
                    .goal(atMost(111_000))
                    .asDetail(),

            // ---- any address
            Row.of("GuestTlb load, random page of 64", INSTRUCTION, nanos(TLB + "load"))
                    .against("opaque load of the same addresses", nanos(TLB + "opaqueLoad"))
                    .goal(atMost(1.4)),
            Row.of("GuestTlb store, random page of 64", INSTRUCTION, nanos(TLB + "store"))
                    .against("opaque store to the same addresses", nanos(TLB + "opaqueStore"))
                    .goal(atMost(1.4)),
            Row.of("the floor: a TLB over one buffer, that nobody takes pages from, load", INSTRUCTION,
                            nanos(TLB + "floorLoad"))
                    .against("opaque load of the same addresses", nanos(TLB + "opaqueLoad")),
            Row.of("the floor, store", INSTRUCTION, nanos(TLB + "floorStore"))
                    .against("opaque store to the same addresses", nanos(TLB + "opaqueStore")),
            Row.of("load from a page that is held", INSTRUCTION, nanos(TLB + "heldLoad"))
                    .against("plain load of the same bytes", nanos(TLB + "plainLoad"))
                    .goal(atMost(1.05)),
            Row.of("store to a page that is held", INSTRUCTION, nanos(TLB + "heldStore"))
                    .against("plain store to the same bytes", nanos(TLB + "plainStore"))
                    .goal(atMost(1.05)),
            Row.of("GuestTlb load from ROM", INSTRUCTION, nanos(TLB + "loadRom"))
                    .against("from RAM", nanos(TLB + "load"))
                    .goal(atMost(1.1)),
            Row.of("GuestTlb miss on a resident page", INSTRUCTION, nanos(TLB + "miss"))
                    .against("refresh of a resident page", nanos(REFRESH + "refresh"))
                    .goal(atMost(3)),
            Row.of("random load over 128 MiB, as many entries as pages", INSTRUCTION, nanos(REACH + "load"))
                    .against("opaque load of the same addresses", nanos(REACH + "opaqueLoad"))
                    .goal(atMost(1.8)),
            Row.of("the floor, random load over 128 MiB", INSTRUCTION, nanos(REACH + "floorLoad"))
                    .against("opaque load of the same addresses", nanos(REACH + "opaqueLoad")),
            Row.of("1,000 loads and a poll", INSTRUCTION, nanos(TLB + "blockAndPoll"))
                    .against("without the poll", nanos(TLB + "block"))
                    .goal(atMost(1.05)),
            Row.of("GuestTlb load that enters and leaves by itself", INSTRUCTION, nanos(TLB + "loadOutside"))
                    .against("in guest mode", nanos(TLB + "load"))
                    .asDetail(),
            Row.of("GuestTlb store that enters and leaves by itself", INSTRUCTION, nanos(TLB + "storeOutside"))
                    .against("in guest mode", nanos(TLB + "store"))
                    .asDetail(),
            floor("COMPUTE", "fetches only"),
            floor("SUM", "sum of a mebibyte"),
            floor("COPY", "copy of half a mebibyte"),
            floor("STACK", "spill and return"),
            floor("RANDOM", "random word of a mebibyte"),
            program("COMPUTE", "fetches only", "tlb", 1.25),
            program("SUM", "sum of a mebibyte", "tlb", 1.25),
            program("COPY", "copy of half a mebibyte", "tlb", 1.25),
            program("STACK", "spill and return", "tlb", 1.25),
            program("RANDOM", "random word of a mebibyte", "tlb", 1.25),
            program("COMPUTE", "fetches only, page moved 1,000 times a second", "moved", 1.35),
            program("SUM", "sum, page moved 1,000 times a second", "moved", 1.35),
            program("COPY", "copy, page moved 1,000 times a second", "moved", 1.35),
            program("STACK", "spill and return, page moved 1,000 times a second", "moved", 1.35),
            program("RANDOM", "random word, page moved 1,000 times a second", "moved", 1.35),

            Row.of("allocated by the worst of all access forms", GARBAGE, mostBytes(
                            LOAD + "validated", LOAD + "access", STORE + "validated", STORE + "validatedLogging",
                            STORE + "access", PINNED + "loads", PINNED + "stores",
                            AREA + "onePage", AREA + "twoPages", TLB + "load", TLB + "store"))
                    .goal(zero()),

            // ---- invalidation
            miss("PAGE_4K", "4 KiB"),
            miss("BLOCK_2M", "2 MiB"),
            miss("AREA_1G", "1 GiB"),
            Row.of("walk of all locks, 1,000 caches", NOT_OURS,
                            nanos(MISS + "walkOfAllLocks").with("caches", 1000))
                    .against("invalidation of 4 KiB that hits nothing", indexed("PAGE_4K", 1000))
                    .goal(atLeast(100)),
            Row.of("invalidation of a page with 256 caches, per cache", BALANCE, hit(256, MANY))
                    .against("with 16 caches, per cache", hit(16, MANY))
                    .goal(atMost(1.5)),
            Row.of("invalidation of a page with 16 caches among 100,000", BALANCE, hit(16, MANY))
                    .against("among 1,000", hit(16, 1000))
                    .goal(atMost(2)),
            Row.of("pages with 16 caches by a range of 1 GiB", BALANCE,
                            nanos(HIT + "area").with("hit", 16).with("others", MANY))
                    .against("page by page", hit(16, MANY))
                    .asDetail(),

            // ---- slots
            Row.of("slot look-up, random, 32,764 slots", HOT_PLUG, slots("table", ALL_SLOTS))
                    .against("8 slots", slots("table", 8))
                    .goal(atMost(2)),
            Row.of("TreeMap.floorEntry, 32,764 slots", INSTEAD, slots("treeMap", ALL_SLOTS))
                    .against("slot look-up", slots("table", ALL_SLOTS)),
            Row.of("one slot change at 32,764 slots", REMAP, change("move", ALL_SLOTS))
                    .against("at 512 slots", change("move", 512))
                    .goal(atMost(3)),
            Row.of("flat copy of 32,764 slots", REMAP, change("flatCopy", ALL_SLOTS))
                    .against("one slot change", change("move", ALL_SLOTS))
                    .asDetail(),
            Row.of("median look-up while slots change without a pause", REMAP, nanos(READERS + "changing:read"))
                    .against("slots at rest", nanos(READERS + "undisturbed"))
                    .goal(atMost(2)),
            Row.of("one look-up in a thousand, slots changing", REMAP, tailNanos(READERS + "changing:read"))
                    .against("slots at rest", tailNanos(READERS + "undisturbed"))
                    .asDetail(),

            // ---- refresh
            refresh("refreshTranslated", "slots changed, page resident"),
            refresh("refresh", "slots as before, page resident"),
            refresh("refreshMoved", "slots as before, page moved"),
            Row.of("two threads refreshing distinct caches, throughput", AFTER, nanos(REFRESH + "refresh").times(2))
                    .against("one thread", nanos(REFRESH + "refreshTwoThreads"))
                    .goal(atLeast(1.7)),
            Row.of("the same, each invalidating while the other refreshes", AFTER, nanos(REFRESH + "refresh").times(2))
                    .against("one thread", nanos(REFRESH + "refreshBesideInvalidations")),
            Row.of("two threads that share nothing, throughput", AFTER, nanos(REFRESH + "lockPair").times(2))
                    .against("one thread", nanos(REFRESH + "lockPairTwoThreads"))
                    .asDetail(),

            Row.of("refresh, JFR there and not recording", AFTER, nanos(REFRESH + "refresh"))
                    .against("image without JFR", nanos(REFRESH + "refreshWithoutJfr"))
                    .goal(atMost(1.1)),

            // ---- what an author would write instead
            other("treeMapReadWriteLock", "TreeMap under ReentrantReadWriteLock, load", "load"),
            other("treeMapReadWriteLockTwoThreads", "the same, two threads", "loadTwoThreads"),
            other("treeMapSynchronized", "synchronized TreeMap, load", "load"),
            other("treeMapSynchronizedTwoThreads", "the same, two threads", "loadTwoThreads"),
            other("plainBuffer", "plain ByteBuffer, never validated (wrong)", "load"));

    private Rows() {}

    private static Figure indexed(String range, int caches) {
        return nanos(MISS + "indexed").with("range", range).with("caches", caches);
    }

    /** An interpreter's instruction, on guest memory and on an array. */
    private static Row program(String program, String what, String on, double most) {
        return interpreted(program, "instruction of an interpreter: " + what, on).goal(atMost(most));
    }

    private static Row floor(String program, String what) {
        return interpreted(program, "the floor, instruction of an interpreter: " + what, "floor");
    }

    private static Row interpreted(String program, String what, String on) {
        return Row.of(what, INSTRUCTION, nanos(INTERPRETER).with("program", program).with("on", on))
                .against("the same on one byte[]", nanos(INTERPRETER).with("program", program).with("on", "bytes"));
    }

    private static Row miss(String range, String name) {
        return Row.of("invalidation of " + name + " that hits nothing, 100,000 caches", NOT_OURS, indexed(range, MANY))
                .against("10 caches", indexed(range, 10))
                .goal(atMost(2));
    }

    private static Figure hit(int hit, int others) {
        return nanos(HIT + "page").with("hit", hit).with("others", others);
    }

    private static Figure slots(String method, int slots) {
        return nanos(LOOK_UP + method).with("slots", slots);
    }

    private static Figure change(String method, int slots) {
        return nanos(UPDATE + method).with("slots", slots);
    }

    private static Row refresh(String method, String name) {
        return Row.of("refresh, " + name, AFTER, nanos(REFRESH + method))
                .against("uncontended ReentrantLock pair", nanos(REFRESH + "lockPair"))
                .goal(atMost(20));
    }

    private static Row other(String method, String name, String ours) {
        return Row.of(name, INSTEAD, nanos(OTHERS + method).with("regions", 64))
                .against("GuestTlb load, 64 regions", nanos(OTHERS + ours).with("regions", 64));
    }
}
