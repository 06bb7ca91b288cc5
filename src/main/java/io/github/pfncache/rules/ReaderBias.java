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

    /** Of a lock that is never open: each reader takes the lock proper. */
    public static final ReaderBias NONE = new ReaderBias();

    /**
     * Where brief holds are announced. To store 0 at the index that {@link TrackedRwLock#enterBriefly} returned ends
     * the hold, as {@link TrackedRwLock#leaveBriefly} does, and needs no frame of the stack: for a caller that cannot
     * call it, because the stack ends there. Before that store comes a write to a volatile variable, then a read of it,
     * so that what was done under the hold is ordered before its end.
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

    /** Of a lock that is shut. */
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
     * Whether the lock was open all the time: then all is good that was read since.
     *
     * @param seen an even sequence
     * @return true iff it is the same now
     */
    protected final boolean isStill(long seen) {
        VarHandle.loadLoadFence(); // the data before the look
        return (long) SEQUENCE.getOpaque(this) == seen;
    }

    /**
     * Says whether the lock is open when its writer has gone. Called by the writer.
     *
     * @param whether it is, until this is called again
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
