package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Looks at every byte of every arena after each operation, and prints what changed since it last looked: structures at
 * registered offsets, and whatever else as STRAY.
 */
public final class Observer {

    private static final int MAX_WATCHED = 16;

    /** Most places that are watched in a guest with Xen interfaces. */
    private static final int MAX_XEN_WATCHED = 40;

    private static final int MAX_XEN_RUNSTATES = 15;
    private static final int RUNSTATE = 48;

    /** More bytes than that are printed as a range. */
    private static final int MAX_BYTES = 16;

    /** The wall clock is that of about now if it is so many seconds off at most. */
    private static final int SECONDS_OFF = 60;

    /** What may be found at a registered offset of any page. */
    private enum Kind {
        CLOCK("W@"),
        STEAL_TIME("S@"),
        WALL_CLOCK("C@"),
        WALL_CLOCK_HIGH("H@"),
        RUNSTATE("R@"),
        RUNSTATE_REST("R@");

        private final String mark;

        Kind(String mark) {
            this.mark = mark;
        }
    }

    private record Watched(Kind kind, int offset, int length) {

        String change(byte[] old, byte[] now, long realtime) {
            ByteBuffer before = littleEndian(old);
            ByteBuffer after = littleEndian(now);
            return switch (kind) {
                case CLOCK -> ":" + versions(before, after, 0) + "/f" + hex(after.get(offset + 29));
                case STEAL_TIME -> ":" + versions(before, after, 8) + "/p" + hex(after.get(offset + 16));
                case WALL_CLOCK -> ":" + versions(before, after, 0) + "/" + seconds(after.getInt(offset + 4), realtime)
                        + (length == 16 ? "/hi" + Integer.toHexString(after.getInt(offset + 12)) : "");
                case WALL_CLOCK_HIGH -> ":" + Integer.toHexString(after.getInt(offset));
                case RUNSTATE, RUNSTATE_REST -> runstate(old, now);
            };
        }

        private String versions(ByteBuffer old, ByteBuffer now, int at) {
            return Integer.toHexString(old.getInt(offset + at)) + ">" + Integer.toHexString(now.getInt(offset + at));
        }

        private static String hex(byte value) {
            return Integer.toHexString(Byte.toUnsignedInt(value));
        }

        private static String seconds(int seconds, long realtime) {
            int off = seconds - (int) realtime;
            return off > -SECONDS_OFF && off < SECONDS_OFF ? "epoch" : seconds == 0 ? "zero" : "other";
        }

        /** Over a uniform fill, which bytes of the structure have changed; else only that they have. */
        private String runstate(byte[] old, byte[] now) {
            boolean uniform = old[offset] != 0;
            int first = -1;
            int last = -1;
            for (int k = 0; k < length; k++) { // the bytes of a runstate
                uniform &= old[offset + k] == old[offset];
                if (old[offset + k] != now[offset + k]) {
                    first = first < 0 ? k : first;
                    last = k;
                }
            }
            if (!uniform) {
                return ":~";
            }
            int base = kind == Kind.RUNSTATE_REST ? Observer.RUNSTATE - length : 0;
            StringBuilder text = new StringBuilder(":" + (base + first) + "-" + (base + last));
            for (int k = first; k <= last; ) { // the same bytes
                int end = k;
                while (end <= last && old[offset + end] == now[offset + end]) { // up to the last
                    end++;
                }
                if (end - k >= 3) {
                    text.append("!").append(base + k).append("-").append(base + end - 1);
                }
                k = Math.max(end, k + 1);
            }
            return text.toString();
        }
    }

    private final Arenas arenas;
    private final byte[] now = new byte[Pages.PAGE_SIZE];
    private final byte[] all = new byte[Arenas.PAGES * Pages.PAGE_SIZE];

    /** What was last seen: one element for each page, arenas in their order. */
    private final byte[][] seen;

    /** In the order of first registration. */
    private final List<Watched> watched = new ArrayList<>();

    /** Where in a page a number begins that a wall clock shows; negative if it begins in the page before. */
    private final Set<Integer> numbers = new TreeSet<>();

    /** Seconds since 1970 that a wall clock shows, about. */
    private final long realtime;

    private boolean xen;

    Observer(Arenas arenas, long realtime) {
        this.arenas = arenas;
        this.realtime = realtime;
        this.seen = new byte[arenas.all().size() * Arenas.PAGES][];
        Arrays.setAll(seen, page -> Arrays.copyOf(Arenas.FILLED, Pages.PAGE_SIZE));
    }

    /** The guest has Xen interfaces: more is watched, and single bytes are printed. */
    public void expectXen() {
        xen = true;
    }

    /** A clock was registered: bit 0 of the value is its enable bit. */
    public void watchClock(long register) {
        watch(new Watched(Kind.CLOCK, (int) register & 0xffe, 32));
    }

    /** Steal time was registered. */
    public void watchStealTime(long register) {
        watch(new Watched(Kind.STEAL_TIME, (int) register & 0xfc0, 64));
    }

    /** A vcpu_info was registered: its clock. */
    public void watchVcpuInfo(long address) {
        watch(new Watched(Kind.CLOCK, ((int) address & 0xfff) + 32, 32));
    }

    /** A time info was registered. */
    public void watchTimeInfo(long address) {
        watch(new Watched(Kind.CLOCK, (int) address & 0xfff, 32));
    }

    /** A shared page was registered: of either mode's layout. */
    public void watchWallClock() {
        watch(new Watched(Kind.WALL_CLOCK, 0xc00, 16));
        watch(new Watched(Kind.WALL_CLOCK, 0x900, 12));
        watch(new Watched(Kind.WALL_CLOCK_HIGH, 0x924, 4));
    }

    /** A runstate was registered. */
    public void watchRunstate(long gpa) {
        int offset = (int) gpa & 0xfff;
        int here = Math.min(RUNSTATE, Pages.PAGE_SIZE - offset);
        boolean known = watched.stream().anyMatch(each -> each.kind == Kind.RUNSTATE && each.offset == offset);
        if (!known && watched.size() < MAX_XEN_RUNSTATES) {
            watched.add(new Watched(Kind.RUNSTATE, offset, here));
            if (here < RUNSTATE) {
                watched.add(new Watched(Kind.RUNSTATE_REST, 0, RUNSTATE - here));
            }
        }
    }

    /**
     * A wall clock will be written, where nothing is watched: its seconds and its nanoseconds. A byte of them may hold
     * already what is written, at some time of day.
     */
    public void expectWallClock(long gpa) {
        for (int number = 4; number <= 8; number += 4) { // two
            int offset = (int) (gpa + number) & 0xfff;
            numbers.add(offset);
            numbers.add(offset - Pages.PAGE_SIZE);
        }
    }

    private void watch(Watched place) {
        boolean known = watched.stream().anyMatch(each -> each.kind == place.kind && each.offset == place.offset);
        int most = xen ? MAX_XEN_WATCHED : MAX_WATCHED;
        if (!known && watched.size() < most && place.offset + place.length <= Pages.PAGE_SIZE) {
            watched.add(place);
        }
    }

    /** What changed: empty, or a space and items joined by commas. */
    String look() {
        List<String> items = new ArrayList<>();
        for (int a = 0; a < arenas.all().size(); a++) { // arenas times pages
            Arenas.Arena arena = arenas.all().get(a);
            BitSet mapped = arenas.read(arena, all);
            for (int page = 0; page < Arenas.PAGES; page++) {
                byte[] old = seen[a * Arenas.PAGES + page];
                int from = page * Pages.PAGE_SIZE;
                if (mapped.get(page) && !Arrays.equals(old, 0, old.length, all, from, from + old.length)) {
                    System.arraycopy(all, from, now, 0, now.length);
                    report(arena.name() + Integer.toString(page) + "+", old, items);
                    System.arraycopy(now, 0, old, 0, old.length);
                }
            }
        }
        return items.isEmpty() ? "" : " " + String.join(",", items);
    }

    private void report(String where, byte[] old, List<String> items) {
        BitSet explained = new BitSet();
        for (Watched place : watched) { // at most 40
            boolean changed = false;
            for (int at = place.offset; at < place.offset + place.length; at++) { // the bytes of a structure
                changed |= old[at] != now[at] && !(xen && explained.get(at));
            }
            if (changed) {
                items.add(place.kind.mark + where + Integer.toHexString(place.offset)
                        + place.change(old, now, realtime));
            }
            explained.set(place.offset, place.offset + place.length);
        }
        BitSet rest = new BitSet();
        for (int at = 0; at < now.length; at++) { // the bytes of a page
            rest.set(at, now[at] != old[at]);
        }
        if (!xen) {
            completeNumbers(rest);
        }
        rest.andNot(explained);
        if (xen && rest.cardinality() <= MAX_BYTES) {
            rest.stream().forEach(at -> items.add("b@%s%x:%02x>%02x".formatted(where, at, old[at], now[at])));
        } else if (!rest.isEmpty()) {
            items.add("STRAY@" + where + Integer.toHexString(rest.nextSetBit(0)) + "-"
                    + Integer.toHexString(rest.length() - 1));
        }
    }

    /** Of a number of which a byte has changed, all bytes in this page were written. */
    private void completeNumbers(BitSet changed) {
        for (int number : numbers) { // four for each wall clock of a script
            int from = Math.max(number, 0);
            int to = Math.min(number + Integer.BYTES, Pages.PAGE_SIZE);
            if (from < to && changed.get(from, to).cardinality() > 0) {
                changed.set(from, to);
            }
        }
    }

    private static ByteBuffer littleEndian(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Takes what some pages hold now as seen: the operation itself has changed them. */
    void accept(char name, int page, int npages) {
        for (int p = page; p < Math.min(page + npages, Arenas.PAGES); p++) { // the pages of an arena
            byte[] content = new byte[Pages.PAGE_SIZE];
            if (arenas.read(arenas.byName(name), p, content)) {
                seen[index(name, p)] = content;
            }
        }
    }

    /** Pages were moved: what was seen of them moves along. */
    void moved(Script.Place from, int npages, Script.Place to) {
        for (int p = 0; p < npages; p++) { // the pages of an arena
            byte[] content = seen[index(from.arena(), from.page() + p)];
            seen[index(to.arena(), to.page() + p)] = content.clone();
        }
    }

    private int index(char name, int page) {
        if (page < 0 || page >= Arenas.PAGES) {
            throw new Script.Unreadable("no page " + page + " in arena " + name);
        }
        return arenas.all().indexOf(arenas.byName(name)) * Arenas.PAGES + page;
    }
}
