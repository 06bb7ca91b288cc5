package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.Protection;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * The host memory that scripts talk about: A and B private anonymous, M a shared file; 16 pages each, far apart, all
 * bytes 0xAA at first. And, out of every script's reach, the page range that the guest's code would be in.
 */
public final class Arenas {

    /** The pages of each. */
    public static final int PAGES = 16;
    /** What every byte is at first. */
    public static final byte FILL = (byte) 0xaa;
    /** An arena at first. Never written. */
    static final byte[] FILLED = new byte[PAGES * Pages.PAGE_SIZE];

    static {
        Arrays.fill(FILLED, FILL);
    }

    private static final long BASE = 0x2000_0000_0000L;
    private static final long DISTANCE = 0x1000_0000L;

    /** One arena: of the file, or private anonymous memory. */
    public record Arena(char name, long base, boolean isFile) {

        long address(int page) {
            return base + ((long) page << Pages.PAGE_SHIFT);
        }

        /** Maps fresh pages of the arena's kind: file page i at page i. */
        String map(HostCalls host, int page, int npages, Protection protection) {
            return isFile
                    ? host.mapFile(address(page), npages, page, protection)
                    : host.mapAnonymous(address(page), npages, protection);
        }
    }

    private final HostCalls host;
    private final List<Arena> all;
    private final long code;

    Arenas(HostCalls host) {
        this.host = host;
        this.code = BASE;
        this.all = List.of(
                new Arena('A', BASE + DISTANCE, false),
                new Arena('B', BASE + 2 * DISTANCE, false),
                new Arena('M', BASE + 3 * DISTANCE, true));
        for (Arena arena : all) { // three
            boolean mapped = arena.map(host, 0, PAGES, Protection.READ_WRITE).equals("0");
            check(mapped && host.poke(arena.base(), FILLED), arena);
        }
        check(host.mapAnonymous(code, PAGES, Protection.READ_WRITE).equals("0"), "the guest's code");
    }

    private static void check(boolean done, Object what) {
        if (!done) {
            throw new IllegalStateException("no memory for " + what);
        }
    }

    /** Where they begin, and the guest's code: what a host must have free. */
    static List<Long> claims() {
        return List.of(BASE, BASE + DISTANCE, BASE + 2 * DISTANCE, BASE + 3 * DISTANCE);
    }

    /** In the order in which they are looked at. */
    List<Arena> all() {
        return all;
    }

    /** The arena of a name; a script that names another is unreadable. */
    public Arena byName(char name) {
        return all.stream()
                .filter(arena -> arena.name() == name)
                .findFirst()
                .orElseThrow(() -> new Script.Unreadable("no arena " + name));
    }

    /** The host address that a script means: a place, or a bare number. */
    public long address(String word) {
        if (Character.isDigit(word.charAt(0))) {
            return Script.parseNumber(word);
        }
        Script.Place place = Script.Place.parse(word);
        return byName(place.arena()).address(place.page()) + place.offset();
    }

    /** How a host address is written: as a place if it is one of an arena, else as a number. */
    public String placeOf(long hva) {
        for (Arena arena : all) { // three
            long offset = hva - arena.base();
            if (offset >= 0 && offset < (long) PAGES << Pages.PAGE_SHIFT) {
                return arena.name() + Long.toString(offset >> Pages.PAGE_SHIFT) + "+"
                        + Long.toHexString(offset & (Pages.PAGE_SIZE - 1));
            }
        }
        return "0x" + Long.toHexString(hva);
    }

    /** Where the guest's code lives. */
    public long code() {
        return code;
    }

    /** Reads all pages of an arena without populating them; which are mapped. */
    BitSet read(Arena arena, byte[] into) {
        return host.peekPages(arena.base(), PAGES, into);
    }

    /** Reads a page without populating it; false if nothing is mapped there. */
    public boolean read(Arena arena, int page, byte[] into) {
        return host.peek(arena.address(page), into);
    }
}
