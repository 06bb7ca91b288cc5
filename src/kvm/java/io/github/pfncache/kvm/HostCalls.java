package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.Protection;
import java.util.BitSet;

/**
 * What scripts ask of a host's memory: the emulated host's, or this process's own. An address is a host virtual one, a
 * range is counted in pages, and an answer is {@code 0} or the name of an errno. There is one file. Not thread-safe.
 */
public interface HostCalls extends AutoCloseable {

    /** How a call treats the pages of a range. */
    enum Advice {
        /** {@code MADV_DONTNEED}. */
        DISCARD,
        /** {@code MADV_FREE}. */
        FREE,
        /** {@code MADV_REMOVE}. */
        REMOVE,
        /** {@code MADV_PAGEOUT}. */
        PAGEOUT,
        /** {@code MADV_POPULATE_WRITE}. */
        POPULATE_WRITE
    }

    /** Advises on a range. */
    String advise(Advice advice, long hva, int npages);

    /** Changes what a range may be used for. */
    String protect(long hva, int npages, Protection protection);

    /** Maps fresh private pages, over whatever is there. */
    String mapAnonymous(long hva, int npages, Protection protection);

    /** Maps pages of the file, shared, over whatever is there. */
    String mapFile(long hva, int npages, long filePage, Protection protection);

    /** Takes mappings away. */
    String unmap(long hva, int npages);

    /** Moves mappings, over whatever is there. */
    String move(long from, int npages, long to);

    /** Frees pages of the file and keeps its size. */
    String punchHole(long filePage, int npages);

    /** Sets the file's size. */
    String truncate(long npages);

    /** Reads the file; how many bytes there were. */
    int readFile(long offset, byte[] into);

    /** Writes the file. */
    boolean writeFile(long offset, byte[] bytes);

    /** Reads like a debugger: protections do not matter, nothing is populated. False where nothing is mapped. */
    boolean peek(long hva, byte[] into);

    /** The same for pages that follow each other: which of them are mapped; of the others the bytes are undefined. */
    default BitSet peekPages(long hva, int npages, byte[] into) {
        BitSet mapped = new BitSet();
        byte[] page = new byte[Pages.PAGE_SIZE];
        for (int i = 0; i < npages; i++) { // the pages of the range
            if (peek(hva + (long) i * Pages.PAGE_SIZE, page)) {
                System.arraycopy(page, 0, into, i * Pages.PAGE_SIZE, Pages.PAGE_SIZE);
                mapped.set(i);
            }
        }
        return mapped;
    }

    /** Writes like a debugger: protections do not matter. */
    boolean poke(long hva, byte[] bytes);

    /** Whether a page has memory, in this address space. */
    boolean isPresent(long hva);

    /** Another process with a copy of the memory; it ends with this. */
    HostCalls fork();

    @Override
    void close();
}
