package io.github.pfncache.cli;

import java.util.Locale;

/**
 * Shows how far a command is, on standard error: on a terminal in one line that is written over and goes away at the
 * end; in a pipe with one line for each part that is done. Not thread-safe.
 */
final class Progress implements AutoCloseable {

    private static final int BAR = 24;
    private static final long REDRAW_NANOS = 50_000_000;
    private static final String ERASE_LINE = "\r\033[K";

    private final Console console;
    private final int total;
    private int done;
    private boolean drawn;
    private long lastDrawn;

    Progress(Console console, int total) {
        this.console = console;
        this.total = total;
    }

    /** A piece of a part is done. */
    void advance(String part) {
        done++;
        long now = System.nanoTime();
        if (console.terminal() && (!drawn || now - lastDrawn >= REDRAW_NANOS)) {
            int filled = (int) ((long) BAR * done / Math.max(1, total));
            console.err().printf(Locale.ROOT, "%s[%s%s] %d/%d %s", ERASE_LINE,
                    "#".repeat(filled), ".".repeat(BAR - filled), done, total, part);
            console.err().flush();
            drawn = true;
            lastDrawn = now;
        }
    }

    /** A part is done. */
    void finished(String part) {
        if (!console.terminal()) {
            console.err().println("replayed " + part);
        }
    }

    @Override
    public void close() {
        if (drawn) {
            console.err().print(ERASE_LINE);
            console.err().flush();
        }
    }
}
