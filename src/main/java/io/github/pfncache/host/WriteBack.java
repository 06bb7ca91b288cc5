package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * One {@link HostFile#sync}: brings the real file up to what memory holds.
 *
 * <p>Run by run of changed pages: under an invalidation the pages become read-only wherever they are mapped and are
 * copied; the copy is then written with no family lock held. The next write to a page faults, and makes it changed
 * again. A page that is referenced may be written without a fault, so it stays changed.
 */
final class WriteBack {

    /** Pages copied and written at a time. */
    private static final int RUN = 64;

    private final FilePages file;
    private final HostFamily family;
    private final Backing backing;

    /** The run being written; null until it has been copied. */
    private ByteBuffer content;

    WriteBack(HostFamily family, FilePages file) {
        this.file = file;
        this.family = family;
        this.backing = file.backing;
    }

    HostResult run() throws IOException {
        backing.writeBackLock.lock();
        try {
            cut();
            HostResult result = HostResult.OK;
            long end = 0;
            // Ascending, each run after the one before: bounded by the pages of the file.
            for (Run run = nextRun(0); run != null && result == HostResult.OK; run = nextRun(end)) {
                end = run.end();
                result = write(run);
            }
            backing.extendTo(family.getLocked(file::size));
            backing.force();
            return result;
        } finally {
            backing.writeBackLock.unlock();
        }
    }

    /** Pages {@code [from, end)}, all changed when it was looked for. */
    private record Run(long from, long end) {}

    private Run nextRun(long page) {
        return family.getLocked(() -> {
            long from = backing.marks.next(PageMarks.UNSAVED, page);
            while (from >= 0 && file.isUnread(from)) { // marked, and then it could not be changed; bounded by the marks
                from = backing.marks.next(PageMarks.UNSAVED, from + 1);
            }
            long end = from + 1;
            long most = from + RUN; // bounds the loop
            while (end < most && backing.marks.has(PageMarks.UNSAVED, end) && !file.isUnread(end)) {
                end++;
            }
            return from < 0 ? null : new Run(from, end);
        });
    }

    /** Cuts what a smaller size took away, before it can come back by growing or be written over. */
    private void cut() throws IOException {
        long size = family.getLocked(backing::shrunkTo);
        backing.cutTo(size);
        family.locked(() -> backing.cut(size));
    }

    private HostResult write(Run run) throws IOException {
        content = null;
        HostFamily.Scope scope = family.ofFile(file, run.from(), run.end(), false);
        HostResult result = family.change(scope, true, () -> copyLocked(run));
        if (content != null) {
            backing.write(content, run.from() << Pages.PAGE_SHIFT);
            family.locked(() -> backing.marks.change(run.from(), run.end(), PageMarks.WRITING, 0));
        }
        return result;
    }

    private HostResult copyLocked(Run run) {
        for (HostFamily.Place place : family.placesOf(file, run.from(), run.end(), false)) { // bounded by the mappings
            place.space().table.makeReadOnly(place.part().start(), place.part().end());
        }
        byte[] bytes = new byte[(int) (run.end() - run.from()) << Pages.PAGE_SHIFT];
        for (long page = run.from(); page < run.end(); page++) { // at most RUN pages
            long entry = file.entry(page);
            if (!Pte.isPresent(entry) || !file.store.frames.isPinned(Pte.index(entry))) {
                int given = backing.marks.has(PageMarks.CHANGED, page) ? PageMarks.WRITING : 0;
                backing.marks.change(page, page + 1, PageMarks.CHANGED, given);
            }
            int at = (int) (page - run.from()) << Pages.PAGE_SHIFT;
            file.store.read(entry, 0, bytes, at, Pages.PAGE_SIZE);
        }
        long inFile = file.size() - (run.from() << Pages.PAGE_SHIFT); // what is after the end stays in memory
        content = ByteBuffer.wrap(bytes, 0, (int) Math.max(0, Math.min(bytes.length, inFile)));
        return HostResult.OK;
    }
}
