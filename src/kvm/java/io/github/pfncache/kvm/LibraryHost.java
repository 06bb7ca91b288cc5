package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** The emulated host. Not thread-safe. */
public final class LibraryHost implements HostCalls {

    private final HostMemory host;

    /** Null in another process, whose memory is only looked at. */
    private final HostFile file;

    /** By address of a page: its protection, null if it is not mapped. What is not in here was never changed. */
    private final Map<Long, Protection> protections = new HashMap<>();

    /** By address: the pages that are of the file. */
    private final Set<Long> shared = new HashSet<>();

    private LibraryHost(HostMemory host, HostFile file) {
        this.host = host;
        this.file = file;
    }

    static LibraryHost of(HostMemory host) {
        return new LibraryHost(host, host.createFile(Arenas.PAGES));
    }

    @Override
    public String advise(Advice advice, long hva, int npages) {
        return errno(switch (advice) {
            case DISCARD -> host.discard(hva, npages);
            case FREE -> host.freeLazily(hva, npages);
            case REMOVE -> host.remove(hva, npages);
            case PAGEOUT -> host.evict(hva, npages);
            case POPULATE_WRITE -> host.populateWrite(hva, npages);
        });
    }

    /** A page that has the protection already is not touched, and nobody is told of it, as on the recording machine. */
    @Override
    public String protect(long hva, int npages, Protection protection) {
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
        return errno(result);
    }

    private Protection protectionOf(long page) {
        return protections.containsKey(page) ? protections.get(page) : Protection.READ_WRITE;
    }

    private void note(long hva, int npages, Protection protection) {
        for (int i = 0; i < npages; i++) { // the pages of the range
            protections.put(hva + (long) i * Pages.PAGE_SIZE, protection);
        }
    }

    private void mapped(long hva, int npages, Protection protection, boolean ofFile) {
        note(hva, npages, protection);
        for (int i = 0; i < npages; i++) { // the pages of the range
            long page = hva + (long) i * Pages.PAGE_SIZE;
            if (ofFile) {
                shared.add(page);
            } else {
                shared.remove(page);
            }
        }
    }

    @Override
    public String mapAnonymous(long hva, int npages, Protection protection) {
        mapped(hva, npages, protection, false);
        return errno(host.mapAnonymous(hva, npages, protection));
    }

    @Override
    public String mapFile(long hva, int npages, long filePage, Protection protection) {
        mapped(hva, npages, protection, true);
        return errno(host.mapShared(hva, npages, file, filePage, protection));
    }

    @Override
    public String unmap(long hva, int npages) {
        mapped(hva, npages, null, false);
        return errno(host.unmap(hva, npages));
    }

    @Override
    public String move(long from, int npages, long to) {
        HostResult result = host.move(from, npages, to);
        for (int i = 0; i < npages && result == HostResult.OK; i++) { // the pages that moved
            long offset = (long) i * Pages.PAGE_SIZE;
            mapped(to + offset, 1, protectionOf(from + offset), shared.contains(from + offset));
            mapped(from + offset, 1, null, false);
        }
        return errno(result);
    }

    @Override
    public String punchHole(long filePage, int npages) {
        return errno(file.punchHole(filePage, npages));
    }

    @Override
    public String truncate(long npages) {
        return errno(file.truncate(npages));
    }

    @Override
    public int readFile(long offset, byte[] into) {
        return file.read(offset, into);
    }

    @Override
    public boolean writeFile(long offset, byte[] bytes) {
        return file.write(offset, bytes) == HostResult.OK;
    }

    @Override
    public boolean peek(long hva, byte[] into) {
        return host.peek(hva, into) == HostResult.OK;
    }

    /** A debugger breaks into what is private, and not into a file that is mapped for reading only. */
    @Override
    public boolean poke(long hva, byte[] bytes) {
        for (long page = hva & -Pages.PAGE_SIZE; page < hva + bytes.length; page += Pages.PAGE_SIZE) { // the pages
            if (shared.contains(page) && protectionOf(page) != Protection.READ_WRITE) {
                return false;
            }
        }
        return host.poke(hva, bytes) == HostResult.OK;
    }

    @Override
    public boolean isPresent(long hva) {
        return host.isPresent(hva);
    }

    @Override
    public HostCalls fork() {
        return new LibraryHost(host.fork(), null);
    }

    @Override
    public void close() {
        host.close();
    }

    /** How an answer is written. */
    public static String errno(HostResult result) {
        return switch (result) {
            case OK -> "0";
            case BUSY -> "EBUSY";
            default -> result.name();
        };
    }
}
