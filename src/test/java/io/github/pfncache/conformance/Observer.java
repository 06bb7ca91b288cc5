package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Looks at every byte of every arena after each operation, and prints what changed since it last looked: structures at
 * registered offsets, and whatever else as STRAY.
 */
final class Observer {

    private static final int MAX_WATCHED = 16;

    /** What may be found at a registered offset of any page. */
    private enum Kind {
        CLOCK("W@", 32),
        STEAL_TIME("S@", 64);

        private final String mark;
        private final int length;

        Kind(String mark, int length) {
            this.mark = mark;
            this.length = length;
        }

        private String change(int at, ByteBuffer old, ByteBuffer now) {
            int version = this == CLOCK ? at : at + 8;
            String versions = Integer.toHexString(old.getInt(version)) + ">" + Integer.toHexString(now.getInt(version));
            int last = Byte.toUnsignedInt(now.get(this == CLOCK ? at + 29 : at + 16));
            return versions + (this == CLOCK ? "/f" : "/p") + Integer.toHexString(last);
        }
    }

    private record Watched(Kind kind, int offset) {}

    private final Arenas arenas;
    private final byte[] now = new byte[Pages.PAGE_SIZE];

    /** What was last seen: one element for each page, arenas in their order. */
    private final byte[][] seen;

    /** In the order of first registration. */
    private final Set<Watched> watched = new LinkedHashSet<>();

    Observer(Arenas arenas) {
        this.arenas = arenas;
        this.seen = new byte[arenas.all().size() * Arenas.PAGES][Pages.PAGE_SIZE];
        for (byte[] page : seen) { // one for each page
            Arrays.fill(page, Arenas.FILL);
        }
    }

    /** A clock was registered: bit 0 of the value is its enable bit. */
    void watchClock(long register) {
        watch(new Watched(Kind.CLOCK, (int) register & 0xffe));
    }

    /** Steal time was registered. */
    void watchStealTime(long register) {
        watch(new Watched(Kind.STEAL_TIME, (int) register & 0xfc0));
    }

    private void watch(Watched place) {
        if (watched.size() < MAX_WATCHED && place.offset + place.kind.length <= Pages.PAGE_SIZE) {
            watched.add(place);
        }
    }

    /** What changed: empty, or a space and items joined by commas. */
    String look() {
        List<String> items = new ArrayList<>();
        for (int a = 0; a < arenas.all().size(); a++) { // arenas times pages
            for (int page = 0; page < Arenas.PAGES; page++) {
                Arenas.Arena arena = arenas.all().get(a);
                byte[] old = seen[a * Arenas.PAGES + page];
                if (arenas.read(arena, page, now) && !Arrays.equals(old, now)) {
                    report(arena.name() + Integer.toString(page) + "+", old, items);
                    System.arraycopy(now, 0, old, 0, old.length);
                }
            }
        }
        return items.isEmpty() ? "" : " " + String.join(",", items);
    }

    private void report(String where, byte[] old, List<String> items) {
        BitSet explained = new BitSet();
        for (Watched place : watched) { // at most 16
            int from = place.offset;
            int to = from + place.kind.length;
            if (!Arrays.equals(old, from, to, now, from, to)) {
                String change = place.kind.change(from, littleEndian(old), littleEndian(now));
                items.add(place.kind.mark + where + Integer.toHexString(from) + ":" + change);
            }
            explained.set(from, to);
        }
        int first = -1;
        int last = -1;
        for (int at = 0; at < now.length; at++) { // the bytes of a page
            if (now[at] != old[at] && !explained.get(at)) {
                first = first < 0 ? at : first;
                last = at;
            }
        }
        if (first >= 0) {
            items.add("STRAY@" + where + Integer.toHexString(first) + "-" + Integer.toHexString(last));
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
