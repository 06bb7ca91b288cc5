package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import java.util.Arrays;
import java.util.List;

/**
 * The host memory that scripts talk about: A and B private anonymous, M a shared file; 16 pages each, far apart, all
 * bytes 0xAA at first. And, out of every script's reach, the page range that the guest's code would be in.
 */
final class Arenas {

    static final int PAGES = 16;
    static final byte FILL = (byte) 0xaa;

    private static final long BASE = 0x2000_0000_0000L;
    private static final long DISTANCE = 0x1000_0000L;

    /** One arena. Its file is null for private anonymous memory. */
    record Arena(char name, long base, HostFile file) {

        long address(int page) {
            return base + ((long) page << Pages.PAGE_SHIFT);
        }

        /** Maps fresh pages of the arena's kind: file page i at page i. */
        HostResult map(HostMemory host, int page, int npages, Protection protection) {
            return file == null
                    ? host.mapAnonymous(address(page), npages, protection)
                    : host.mapShared(address(page), npages, file, page, protection);
        }
    }

    private final HostMemory host;
    private final List<Arena> all;
    private final long code;

    Arenas(HostMemory host) {
        this.host = host;
        this.code = BASE;
        this.all = List.of(
                new Arena('A', BASE + DISTANCE, null),
                new Arena('B', BASE + 2 * DISTANCE, null),
                new Arena('M', BASE + 3 * DISTANCE, host.createFile(PAGES)));
        byte[] fill = new byte[PAGES * Pages.PAGE_SIZE];
        Arrays.fill(fill, FILL);
        for (Arena arena : all) { // three
            ok(arena.map(host, 0, PAGES, Protection.READ_WRITE));
            ok(host.poke(arena.base(), fill));
        }
        ok(host.mapAnonymous(code, PAGES, Protection.READ_WRITE));
    }

    private static void ok(HostResult result) {
        if (result != HostResult.OK) {
            throw new IllegalStateException("arenas: " + result);
        }
    }

    /** In the order in which they are looked at. */
    List<Arena> all() {
        return all;
    }

    Arena byName(char name) {
        return all.stream()
                .filter(arena -> arena.name() == name)
                .findFirst()
                .orElseThrow(() -> new Script.Unreadable("no arena " + name));
    }

    /** The host address that a script means: a place, or a bare number. */
    long address(String word) {
        if (Character.isDigit(word.charAt(0))) {
            return Script.parseNumber(word);
        }
        Script.Place place = Script.Place.parse(word);
        return byName(place.arena()).address(place.page()) + place.offset();
    }

    /** How a host address is written: as a place if it is one of an arena, else as a number. */
    String placeOf(long hva) {
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
    long code() {
        return code;
    }

    /** Reads a page without populating it; false if nothing is mapped there. */
    boolean read(Arena arena, int page, byte[] into) {
        return host.peek(arena.address(page), into) == HostResult.OK;
    }
}
