package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The reference of {@link CacheModelTest}: which guest page is which host page, and what every host page holds. No
 * caches, no frames, no generations: every question is answered afresh from three small maps.
 *
 * <p>Host pages are numbers: private ones, and windows on the pages of one shared file.
 */
final class ReferenceMap {

    /** A slot, with what was written to it since the last harvest, or null without logging. */
    record Slot(int baseGfn, int npages, int hostPage, boolean readOnly, TreeSet<Integer> dirty) {

        boolean contains(int gfn) {
            return gfn >= baseGfn && gfn < baseGfn + npages;
        }

        boolean overlaps(int base, int pages) {
            return base < baseGfn + npages && baseGfn < base + pages;
        }
    }

    /** A virtual page of the host: its own bytes, or those of a page of the file. */
    static final class HostPage {
        final int filePage;
        private byte[] own;
        boolean writable = true;

        HostPage(int filePage) {
            this.filePage = filePage;
        }

        boolean isShared() {
            return filePage >= 0;
        }
    }

    final Map<Integer, Slot> slots = new TreeMap<>();
    final Map<Integer, HostPage> hostPages = new TreeMap<>();
    private final byte[][] file;

    ReferenceMap(int filePages) {
        file = new byte[filePages][];
    }

    /** The host page of a guest page, or -1 without a writable slot. */
    int toHostPage(int gfn) {
        for (Slot slot : slots.values()) {
            if (slot.contains(gfn)) {
                return slot.readOnly ? -1 : slot.hostPage + gfn - slot.baseGfn;
            }
        }
        return -1;
    }

    boolean isWritable(int hostPage) {
        HostPage page = hostPages.get(hostPage);
        return page != null && page.writable;
    }

    void markDirty(int gfn) {
        for (Slot slot : slots.values()) {
            if (slot.contains(gfn) && slot.dirty != null) {
                slot.dirty.add(gfn - slot.baseGfn);
            }
        }
    }

    byte[] content(HostPage page) {
        byte[] bytes = page.isShared() ? file[page.filePage] : page.own;
        return bytes == null ? new byte[Pages.PAGE_SIZE] : bytes;
    }

    void write(int hostPage, int offset, byte[] value) {
        HostPage page = hostPages.get(hostPage);
        byte[] bytes = content(page);
        System.arraycopy(value, 0, bytes, offset, value.length);
        if (page.isShared()) {
            file[page.filePage] = bytes;
        } else {
            page.own = bytes;
        }
    }

    void punch(int from, int n) {
        Arrays.fill(file, from, Math.min(from + n, file.length), null);
    }

    void discard(int hostPage) {
        HostPage page = hostPages.get(hostPage);
        if (page != null && !page.isShared()) {
            page.own = null;
        }
    }
}
