package io.github.pfncache.cli;

import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows how far a command is: on a terminal in one line of standard error that is written over and goes away at the
 * end, in a pipe not at all. Thread-safe.
 */
final class Progress implements AutoCloseable {

    /** The total of a command that does not know it. */
    static final long UNKNOWN = -1;

    private static final int REDRAW_MILLIS = 100;

    /** Fits the narrowest terminal that is usual. Asking the terminal for more would load native code. */
    private static final int COLUMNS = 79;

    private static final String ERASE_LINE = "\r\033[K";

    private final Console console;

    /** Null where nobody looks on. */
    private final ProgressBar bar;

    Progress(Console console, String task, long total) {
        this.console = console;
        bar = !console.terminal()
                ? null
                : new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(total)
                        .setStyle(ProgressBarStyle.ASCII)
                        .setUpdateIntervalMillis(REDRAW_MILLIS)
                        .setConsumer(new DelegatingProgressBarConsumer(this::show, COLUMNS))
                        .build();
    }

    private void show(String line) {
        console.err().print(ERASE_LINE + line);
        console.err().flush();
    }

    /** One more of the total is done, a piece of this part. */
    void advance(String part) {
        if (bar != null) {
            bar.step();
            bar.setExtraMessage(part);
        }
    }

    /** So many of the total are done. */
    void reached(long done, String part) {
        if (bar != null) {
            bar.stepTo(done);
            bar.setExtraMessage(part);
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close(); // waits for the thread that draws
            show("");
        }
    }
}
