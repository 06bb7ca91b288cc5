package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The reference for {@link HostModelTest}: a map from page number to what is there, with a plain byte array per page.
 * No frames, no page tables, no sharing: a fork copies everything. Pages are numbers in one small address space.
 */
final class NaiveMemory {

    /** Content that several addresses show. */
    static final class File {
        final Map<Integer, byte[]> pages = new HashMap<>();
        int npages;

        byte[] page(int index) {
            return pages.computeIfAbsent(index, i -> new byte[Pages.PAGE_SIZE]);
        }
    }

    /** One virtual page. */
    static final class Mapped {
        final File file;
        final int filePage;
        final boolean shared;
        byte[] own;
        Protection protection = Protection.READ_WRITE;

        Mapped(File file, int filePage, boolean shared) {
            this.file = file;
            this.filePage = filePage;
            this.shared = shared;
        }

        boolean isBehindEnd() {
            return file != null && filePage >= file.npages;
        }
    }

    final TreeMap<Integer, Mapped> pages = new TreeMap<>();

    NaiveMemory fork() {
        NaiveMemory child = new NaiveMemory();
        pages.forEach((page, m) -> {
            Mapped copy = new Mapped(m.file, m.filePage, m.shared);
            copy.own = m.own == null ? null : m.own.clone();
            copy.protection = m.protection;
            child.pages.put(page, copy);
        });
        return child;
    }

    /** A copy whose pages are all its own. */
    NaiveMemory snapshot() {
        NaiveMemory child = new NaiveMemory();
        pages.forEach((page, m) -> {
            Mapped copy = new Mapped(null, 0, false);
            copy.own = m.isBehindEnd() ? null : content(page).clone();
            copy.protection = m.protection;
            child.pages.put(page, copy);
        });
        return child;
    }

    boolean hasFiles() {
        return pages.values().stream().anyMatch(m -> m.file != null);
    }

    void map(int page, int n, File file, int filePage, boolean shared) {
        for (int i = 0; i < n; i++) {
            pages.put(page + i, new Mapped(file, file == null ? 0 : filePage + i, shared));
        }
    }

    HostResult unmap(int page, int n) {
        pages.subMap(page, page + n).clear();
        return HostResult.OK;
    }

    HostResult protect(int page, int n, Protection protection) {
        for (int i = page; i < page + n; i++) {
            if (!pages.containsKey(i)) {
                return HostResult.ENOMEM;
            }
            pages.get(i).protection = protection;
        }
        return HostResult.OK;
    }

    HostResult discard(int page, int n) {
        pages.subMap(page, page + n).values().forEach(m -> m.own = null);
        return coverage(page, n);
    }

    HostResult coverage(int page, int n) {
        return pages.subMap(page, page + n).size() == n ? HostResult.OK : HostResult.ENOMEM;
    }

    HostResult remove(int page, int n) {
        HostResult result = HostResult.OK;
        for (int i = page; i < page + n; i++) {
            Mapped m = pages.get(i);
            if (m == null) {
                result = HostResult.ENOMEM;
            } else if (!m.shared) {
                return HostResult.EINVAL;
            } else {
                m.file.pages.remove(m.filePage);
            }
        }
        return result;
    }

    HostResult move(int page, int n, int to) {
        if (page < to + n && to < page + n) {
            return HostResult.EINVAL;
        }
        if (!pages.containsKey(page)) {
            return HostResult.EFAULT;
        }
        for (int i = 0; i < n; i++) {
            Mapped m = pages.remove(page + i);
            if (m != null) {
                pages.put(to + i, m);
            }
        }
        return HostResult.OK;
    }

    static void punch(File file, int page, int n) {
        for (int i = page; i < page + n; i++) {
            file.pages.remove(i);
        }
    }

    static void truncate(File file, int npages, List<NaiveMemory> everyone) {
        file.npages = npages;
        file.pages.keySet().removeIf(p -> p >= npages);
        for (NaiveMemory memory : everyone) {
            memory.pages.values().stream()
                    .filter(m -> m.file == file && m.isBehindEnd())
                    .forEach(m -> m.own = null);
        }
    }

    /** The bytes that a write reaches, or null. */
    byte[] forWriting(int page, boolean force) {
        Mapped m = pages.get(page);
        if (m == null || !force && m.protection != Protection.READ_WRITE || m.isBehindEnd()) {
            return null;
        }
        if (m.shared) {
            return m.file.page(m.filePage);
        }
        if (m.own == null) {
            m.own = content(page).clone();
        }
        return m.own;
    }

    /** What a debugger reads, or null. */
    byte[] content(int page) {
        Mapped m = pages.get(page);
        if (m == null) {
            return null;
        }
        if (m.own != null) {
            return m.own;
        }
        byte[] inFile = m.file == null ? null : m.file.pages.get(m.filePage);
        return inFile == null ? new byte[Pages.PAGE_SIZE] : inFile;
    }
}
