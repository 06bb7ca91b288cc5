package io.github.pfncache.conformance;

import java.util.Set;

/**
 * Where this library differs from the kernel on purpose, as far as recordings of the Xen interfaces show it. Each says
 * what the {@link EventModel} does instead of what the kernel does. The guide's table is made of these.
 */
enum Difference {
    DIRTY(
            "X1",
            "dirty marking of shared_info, and of vcpu_info on direct delivery",
            "never",
            "each page written is marked"),
    STALE_VCPU_INFO(
            "X3",
            "event for a vCPU whose vcpu_info was invalidated, or after any memslot change",
            "parked until the next entry",
            "delivered at once if its own page can be had without waiting"),
    PARKED_AGAIN(
            "X4",
            "parked events after a try that failed",
            "tried again only when the entry loop turns",
            "tried again at each entry, and when a vcpu_info is registered"),
    RUNNABLE(
            "X6",
            "runstate <code>runnable</code> set by the host's call while the area is stale",
            "not written",
            "written; in atomic context by the next entry"),
    FRAME(
            "X10",
            "shared_info at a frame number of 2^52 or more",
            "taken modulo 2^52",
            "refused"),
    POLL_OF_STALE_PAGE(
            "X14",
            "poll after shared_info was invalidated, or after any memslot change",
            "ends at once",
            "the page is looked at again, then the poll waits"),
    POLL_OF_PENDING_WORD(
            "X15",
            "poll of an unmasked port whose selector word is pending already",
            "sleeps for ever",
            "woken, as by Xen"),
    POLL_WITH_OWN_VECTOR(
            "X17",
            "poll with interrupts off and a vector of the vCPU's own",
            "not woken by an unmasked event",
            "woken"),
    LOST_PAGE(
            "X24",
            "timer expiry, or a device's event, while shared_info is off or has no memory",
            "dropped",
            "kept until it can be delivered"),
    STALE_PAGE(
            "X24",
            "timer expiry after a change of a memslot that is not shared_info's",
            "kept until the vCPU's next entry or a look at the timer",
            "delivered at once"),
    MODE_SWITCH(
            "X25",
            "parked events when the guest changes between 32 and 64 bits",
            "taken for other ports",
            "re-scaled at the switch");

    private final String surprise;
    private final String subject;
    private final String kernel;
    private final String here;

    Difference(String surprise, String subject, String kernel, String here) {
        this.surprise = surprise;
        this.subject = subject;
        this.kernel = kernel;
        this.here = here;
    }

    static Set<Difference> all() {
        return Set.of(values());
    }

    /** A line of the guide's table. */
    String toMarkdown() {
        return "| " + subject.replaceAll("</?code>", "`") + " | " + kernel + " | " + here + " |";
    }

    String surprise() {
        return surprise;
    }
}
