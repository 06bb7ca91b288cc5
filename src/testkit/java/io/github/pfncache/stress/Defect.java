package io.github.pfncache.stress;

/** What can be wrong with a byte of guest memory. */
enum Defect {
    /** An older value than the last one written. */
    LOST,
    /** A value that was never written there. */
    TORN,
    /** Something where nothing was to be written. */
    STRAY
}
