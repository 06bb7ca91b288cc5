package io.github.pfncache.cli;

import java.io.PrintStream;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows how far a command is: on a terminal in one line of standard error that is written over and goes away at the
 * end, in a pipe not at all. Thread-safe.
 */
final class Progress implements AutoCloseable {

    private static final int REDRAW_MILLIS = 100;

    /** Fits the narrowest terminal that is usual. Asking the terminal for more would load native code. */
    private static final int COLUMNS = 79;

    private final OneLine line;

    /** Null where nobody looks on. */
    private final ProgressBar bar;

    Progress(Console console, String task, long total) {
        line = new OneLine(console.err());
        bar = !console.terminal()
                ? null
                : new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(total)
                        .setStyle(ProgressBarStyle.ASCII)
                        .setUpdateIntervalMillis(REDRAW_MILLIS)
                        .setConsumer(line)
                        .build();
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
            bar.close();
            line.end();
        }
    }

    /** A line that is written over. */
    private static final class OneLine implements ProgressBarConsumer {

        private static final String ERASE_LINE = "\r\033[K";

        private final PrintStream to;

        /** Guarded by this object. */
        private boolean ended;

        OneLine(PrintStream to) {
            this.to = to;
        }

        @Override
        public int getMaxRenderedLength() {
            return COLUMNS;
        }

        @Override
        public synchronized void accept(String line) {
            if (!ended) {
                to.print(ERASE_LINE + line);
                to.flush();
            }
        }

        @Override
        public void clear() {
            accept("");
        }

        @Override
        public void close() {
            clear();
        }

        /** Erases the line for good: the thread that draws it may have one more in hand. */
        synchronized void end() {
            clear();
            ended = true;
        }
    }
}
