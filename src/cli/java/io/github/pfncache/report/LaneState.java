package io.github.pfncache.report;

import java.util.Locale;

/** The state of a cache as a lane shows it, the less wanted the later. */
enum LaneState {
    /** It is not in use. */
    INACTIVE("not active"),

    /** An access goes straight to the page. */
    VALID("usable as it is"),

    /** The memory map or the page has changed: the next access has to look again. */
    STALE("must look again before the next access"),

    /** There is no memory that could be written at its address. */
    UNBACKED("no writable memory at its address"),

    /** The host is taking the page away at this moment. */
    BUSY("an invalidation of its page is in progress");

    private final String meaning;

    LaneState(String meaning) {
        this.meaning = meaning;
    }

    String meaning() {
        return meaning;
    }

    /** Its name in a page, and that of its class in the style sheet. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
