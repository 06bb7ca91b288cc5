package io.github.pfncache.memslot;

/**
 * A user of the dirty logs of slots. It is told of slot changes under SLOTS; to be told of one that is done or undone
 * takes no memory.
 */
abstract class LogUser implements AutoCloseable {

    final Memslots memslots;

    /** Whether slots that are made shall log for it. */
    final boolean readsAll;

    volatile boolean closed;

    LogUser(Memslots memslots, boolean readsAll) {
        this.memslots = memslots;
        this.readsAll = readsAll;
    }

    /** A slot with a log is there, or is about to be. */
    void begins(Memslot slot) {}

    /** A slot is there no more as it was; with {@code logToo} its log is of no slot any more. */
    abstract void ends(Memslot slot, boolean logToo);

    /** A ring had a mark: it may be of a slot that has gone, whose log is not the current one. */
    void markGone(int slotId, long page, DirtyBitmap current) {}

    /** Lets go of all logs. */
    abstract void forgetAll();

    /**
     * Ends the use of the logs. Those that were on for readers and watches alone, and have none left, are off, if the
     * memory map can be changed now. What an exception cuts short, such as an OutOfMemoryError, is done when this or
     * another reader or watch is closed.
     */
    @Override
    public void close() {
        closed = true;
        memslots.endUsers();
    }

    /** Whether it has been closed. Then nothing is kept for it. */
    final boolean hasEnded() {
        if (closed) {
            forgetAll();
        }
        return closed;
    }
}
