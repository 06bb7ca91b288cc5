package io.github.pfncache.rules;

/**
 * Room on the stack of the current thread. A slow path that takes locks, pages and mappings asks for it first: then the
 * stack ends before the path has begun, and not in the middle of giving something back. Thread-safe.
 *
 * <p>Source: a method of HotSpot that has no room for its frame throws at its entry, interpreted or compiled.
 *
 * @since 0.1.0
 */
public final class StackRoom {

    /**
     * How many frames to ask for. A frame is about 80 bytes compiled, 200 interpreted. While rules are checked each
     * lock takes more calls. Otherwise the frames are no more than a processor predicts the returns of, because each
     * refresh asks.
     */
    private static final int FRAMES = Rules.ENABLED ? 64 : 14;

    /** Keeps the frames' values from being left out: they never go here, which the compiler cannot know. */
    private static long used;

    private StackRoom() {}

    /**
     * Makes sure that there is room below the caller for the calls of a slow path: so many frames of nine numbers each.
     *
     * @throws StackOverflowError if there is not
     */
    public static void require() {
        long needed = deeper(FRAMES, 1, 2, 3, 4, 5, 6, 7, 8);
        if (needed == 0) {
            used = needed; // read by all threads and written by none: their slow paths share no cache line
        }
    }

    /** Recurses so many times. The values are needed afterwards: a frame has to keep them. */
    private static long deeper(int frames, long a, long b, long c, long d, long e, long f, long g, long h) {
        return frames == 0 ? a : (((deeper(frames - 1, b, c, d, e, f, g, h, a) + a ^ b) + c ^ d) + e ^ f) + g ^ h;
    }
}
