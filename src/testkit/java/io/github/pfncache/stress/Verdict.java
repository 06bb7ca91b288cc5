package io.github.pfncache.stress;

import java.util.List;

/**
 * What came of comparing guest memory with its model.
 *
 * @param lost values older than the last one written: at rest, or when they were read
 * @param torn values that were never written where they were found
 * @param stray bytes that are not zero where no writer writes, and writes that were refused and done all the same
 * @param details the first few, in words
 * @since 0.1.0
 */
public record Verdict(long lost, long torn, long stray, List<String> details) {

    /**
     * A verdict.
     *
     * @param lost values older than the last one written
     * @param torn values that were never written where they were found
     * @param stray bytes where no writer writes
     * @param details the first few, in words
     */
    public Verdict {
        details = List.copyOf(details);
    }

    /**
     * Whether nothing is wrong.
     *
     * @return true iff all three are 0
     */
    public boolean isClean() {
        return lost == 0 && torn == 0 && stray == 0;
    }
}
