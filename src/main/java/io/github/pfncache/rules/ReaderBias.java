package io.github.pfncache.rules;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The word that opens and shuts a {@link TrackedRwLock}; the comment of that class has the argument. The word is not in
 * the lock, so that it can lie in the object that is used under the lock: a load finds it there at no cost.
 *
 * <p>The sequence is even while the lock is open and odd while it is shut. It grows with every change; 64 bits do not
 * come round. Written by the lock's writer, read by any thread.
 *
 * @since 0.1.0
 */
public class ReaderBias {

    /** The bias of a lock that is never open: each reader takes the lock proper. */
    public static final ReaderBias NONE = new ReaderBias();

    /**
     * The words in which brief holds are announced. A store of 0 at the index that {@link TrackedRwLock#enterBriefly}
     * returned ends the hold, as {@link TrackedRwLock#leaveBriefly} does. It needs no stack frame, so it works where
     * the stack has no room for that call. Before the store the caller writes a volatile variable and reads it back:
     * this orders what was done under the hold before its end.
     */
    protected static final long[] BRIEF_HOLDS = ReaderTable.TABLE;

    private static final VarHandle SEQUENCE;

    static {
        try {
            SEQUENCE = MethodHandles.lookup().findVarHandle(ReaderBias.class, "sequence", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Accessed through SEQUENCE. */
    private long sequence = 1;

    /** Whether the lock is open when no writer is there. Written by the lock's writer. */
    private boolean opens;

    /** The bias of a new lock: shut. */
    protected ReaderBias() {}

    /**
     * The sequence, to be compared by {@link #isStill}.
     *
     * @return an acquire: what is read afterwards is no older
     */
    protected final long sequenceAcquire() {
        return (long) SEQUENCE.getAcquire(this);
    }

    /**
     * The sequence, for a thread that has announced itself.
     *
     * @return a volatile read: it comes after the announcement
     */
    protected final long sequenceVolatile() {
        return (long) SEQUENCE.getVolatile(this);
    }

    /**
     * Whether the lock has stayed open since a sequence was read. Then what was read in between is good.
     *
     * @param seen an even sequence
     * @return true iff it is the same now
     */
    protected final boolean isStill(long seen) {
        VarHandle.loadLoadFence(); // the data before the look
        return (long) SEQUENCE.getOpaque(this) == seen;
    }

    /**
     * Says whether the lock opens when its writer releases it. Called by the writer.
     *
     * @param whether true if it opens; stands until the next call
     */
    protected final void opens(boolean whether) {
        opens = whether;
    }

    /**
     * A wait for the write side that has no deadline has lasted a second. Called once in such a wait, which then goes
     * on; may be called with the lock proper held. Does nothing here.
     *
     * @param holder the thread that is waited for, or one of them, for a message
     */
    protected void heldUpBy(String holder) {}

    final boolean isOpen() {
        return (sequenceVolatile() & 1) == 0;
    }

    /** Shuts the lock, which is open; volatile. */
    final void shut() {
        SEQUENCE.setVolatile(this, sequence + 1);
    }

    /** Opens the lock, which is shut, if that is wanted; a release. */
    final void open() {
        if (opens) {
            SEQUENCE.setRelease(this, sequence + 1);
        }
    }
}
