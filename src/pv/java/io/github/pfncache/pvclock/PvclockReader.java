package io.github.pfncache.pvclock;

import java.lang.invoke.VarHandle;

/**
 * The guest's side of the clock structure: reads it by the version protocol, and tells the time from it. It knows the
 * guest's memory only as words, and nothing of the host.
 *
 * <p>Thread-safe if the source is. Kernel counterpart: {@code pvclock_clocksource_read()} in the guest.
 *
 * @since 0.1.0
 */
public final class PvclockReader {

    /** How often {@link #read} tries by default: a writer holds the version odd for a few stores only. */
    public static final int DEFAULT_ATTEMPTS = 1_000_000;

    private final Words words;
    private final int attempts;

    /** Guest memory, as the guest sees it. */
    @FunctionalInterface
    public interface Words {

        /**
         * Reads four bytes of the structure, little endian, in one piece: never half an old value and half a new one.
         *
         * @param offset bytes from the start of the structure; 0, 4, 8 to 28
         * @return the value
         */
        int get(int offset);
    }

    /** How a reading came out. */
    public enum Status {
        /** The value is whole. */
        OK,
        /** At every attempt, a write was under way or came between: nothing is known. */
        UNSTABLE
    }

    /**
     * What was read.
     *
     * @param status whether it may be used
     * @param version the version before and after the value; the last one seen if unstable
     * @param time the value; null if unstable
     */
    public record Reading(Status status, int version, PvclockTimeInfo time) {}

    /**
     * A reader that tries {@link #DEFAULT_ATTEMPTS} times.
     *
     * @param words the 32 bytes of the structure
     */
    public PvclockReader(Words words) {
        this(words, DEFAULT_ATTEMPTS);
    }

    /**
     * A reader.
     *
     * @param words the 32 bytes of the structure
     * @param attempts how often one call tries, at least 1
     * @throws IllegalArgumentException if {@code attempts < 1}
     */
    public PvclockReader(Words words, int attempts) {
        if (attempts < 1) {
            throw new IllegalArgumentException("attempts=" + attempts + " is not positive");
        }
        this.words = words;
        this.attempts = attempts;
    }

    /**
     * Reads the structure.
     *
     * @return a whole value, or UNSTABLE
     */
    public Reading read() {
        int version = 0;
        for (int attempt = 0; attempt < attempts; attempt++) { // bounded by the reader's attempts
            version = words.get(PvclockTimeInfo.VERSION);
            if ((version & 1) == 0) {
                VarHandle.loadLoadFence(); // the body is no older than this version; pairs with PvclockField's first
                PvclockTimeInfo time = body();
                VarHandle.loadLoadFence(); // and no newer than the next; pairs with PvclockField's second
                if (words.get(PvclockTimeInfo.VERSION) == version) {
                    return new Reading(Status.OK, version, time);
                }
            }
            Thread.onSpinWait();
        }
        return new Reading(Status.UNSTABLE, version, null);
    }

    private PvclockTimeInfo body() {
        int last = words.get(PvclockTimeInfo.TSC_SHIFT); // shift, flags and padding share this word
        int flags = last >>> Byte.SIZE * (PvclockTimeInfo.FLAGS - PvclockTimeInfo.TSC_SHIFT) & 0xff;
        PvclockScale scale = new PvclockScale(words.get(PvclockTimeInfo.TSC_TO_SYSTEM_MUL), (byte) last);
        return new PvclockTimeInfo(
                pair(PvclockTimeInfo.TSC_TIMESTAMP), pair(PvclockTimeInfo.SYSTEM_TIME), scale, flags);
    }

    private long pair(int offset) {
        return Integer.toUnsignedLong(words.get(offset)) | (long) words.get(offset + Integer.BYTES) << Integer.SIZE;
    }
}
