package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.host.HostMapping;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.MemoryAddress;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/**
 * The events of a flight recording about caches: refreshes, invalidations, and calls that gave up. Only slow paths
 * report; an access that finds its cache usable does not come here.
 *
 * <p>Each pair of methods encloses what is reported. The first one makes nothing, unless a recording is under way that
 * wants the event. The nested classes are loaded only then, and never on a runtime image without
 * {@code jdk.jfr}. Stateless.
 */
final class CacheEvents {

    /** The image may have been made without it, and no module is forced to have it. */
    private static final boolean POSSIBLE = ModuleLayer.boot().findModule("jdk.jfr").isPresent();

    private CacheEvents() {}

    // ------------------------------------------------------------------ refresh

    /** The subject of an event: the mapping of one cache. */
    interface Subject {

        /** Number of the VM. */
        long vm();

        /** Where the cache points. */
        Translation where();

        /** The mapping it owns; null if none. */
        HostMapping khva();

        /** Whether that is usable as far as the host is concerned. */
        boolean isValid();
    }

    /** The refresh lock is held. */
    static Refresh refreshBegins(Subject mapping, CacheTarget target, long generation) {
        return POSSIBLE && Refresh.ASKED.isEnabled() ? Refresh.begun(mapping, target, generation) : null;
    }

    /** The refresh lock is still held; the outcome is null after an exception. */
    static void refreshEnds(Refresh event, Outcome outcome, Subject mapping) {
        if (event != null) {
            event.ended(outcome, mapping);
        }
    }

    // ------------------------------------------------------------------ invalidation

    /** The event of an invalidation, as the walk sees it: a lambda that took the event itself would load its class. */
    interface Walk {

        /** No recording wants the event. */
        Walk UNSEEN = new Walk() {};

        /** The refreshes that are let go first have gone. */
        default void goesOn() {}

        /** A cache was reached; answers what it answered. */
        default boolean reached(boolean done) {
            return done;
        }

        /** All caches were told, or one could not be. */
        default void ended(boolean accepted) {}
    }

    static Walk invalidationBegins(long vm, HvaRange range, boolean mayBlock) {
        return POSSIBLE && Invalidate.ASKED.isEnabled() ? Invalidate.begun(vm, range, mayBlock) : Walk.UNSEEN;
    }

    // ------------------------------------------------------------------ giving up

    /** A call on a cache answers BUSY. Where the cache points may be read while it is changed: then either may show. */
    static void busy(String awaited, Subject mapping) {
        if (POSSIBLE && Busy.ASKED.isEnabled()) {
            Busy.happened(awaited, mapping);
        }
    }

    /** A thread has waited for a second for a page of a vCPU in guest mode. */
    static void waitsForGuest(Thread vcpu) {
        System.getLogger("io.github.pfncache").log(
                System.Logger.Level.WARNING,
                Thread.currentThread() + " waits for a page that " + vcpu + " holds in guest mode: it has not polled"
                        + " for a second");
        if (POSSIBLE && GuestWait.ASKED.isEnabled()) {
            GuestWait.happened(vcpu);
        }
    }

    /** A wait for an access to end has lasted a second, and has no deadline. */
    static void heldUp(String holder, Subject mapping) {
        System.getLogger("io.github.pfncache").log(System.Logger.Level.WARNING,
                "An invalidation or a slot change has waited a second for the end of an access to {0}, and waits on."
                        + " Held by {1}", mapping.where().target(), holder);
        if (POSSIBLE && HeldUp.ASKED.isEnabled()) {
            HeldUp.happened(holder, mapping);
        }
    }

    /** An event of one cache, with the place where it points. */
    abstract static class OfCache extends Event {

        @Label("VM")
        @Description("Number of its memslots in the process, as Memslots.number() answers")
        long vm;

        @Label("Guest Physical Address")
        @Description("-1 for a cache of host memory")
        @MemoryAddress
        long gpa;

        @Label("Host User Address")
        @Description("-1 if no writable slot is there")
        @MemoryAddress
        long uhva;

        /** Says which cache it is, and ends the event. */
        void commit(Subject mapping) {
            Translation where = mapping.where();
            vm = mapping.vm();
            gpa = where.target() instanceof CacheTarget.ByGpa byGpa ? byGpa.gpa() : Translation.NO_HVA;
            uhva = where.uhva();
            commit();
        }
    }

    /** One walk from the target to the page. */
    @Name("io.github.pfncache.Refresh")
    @Label("Refresh")
    @Category("pfncache")
    @Description("A cache was translated again, by the memslots and, unless its page is the same, by the host")
    @StackTrace(false)
    static final class Refresh extends OfCache {

        /** Asked whether a recording wants such events, which needs an event and makes none. */
        static final Refresh ASKED = new Refresh();

        @Label("Reason")
        @Description("activation: it points elsewhere; unmapped: the last refresh failed; slots: the memslots have"
                + " changed; invalidated: the host took the page away; requested: nothing had changed")
        String reason;

        @Label("Outcome")
        @Description("OK, FAULT or BUSY; FAILED with an exception")
        String outcome;

        @Label("Frame")
        @Description("-1 if the cache has no mapping")
        long pfn;

        @Label("Generation")
        @Description("Of the memslots that translated it")
        long generation;

        static Refresh begun(Subject mapping, CacheTarget target, long generation) {
            Refresh event = new Refresh();
            event.reason = reason(mapping, target, generation);
            event.begin();
            return event;
        }

        private static String reason(Subject mapping, CacheTarget target, long generation) {
            if (!target.equals(mapping.where().target()) || mapping.where().isPending()) {
                return "activation";
            }
            if (mapping.khva() == null) {
                return "unmapped";
            }
            if (!mapping.where().isOf(generation)) {
                return "slots";
            }
            return mapping.isValid() ? "requested" : "invalidated";
        }

        void ended(Outcome result, Subject mapping) {
            end();
            if (shouldCommit()) {
                HostMapping khva = mapping.khva();
                outcome = result == null ? "FAILED" : result.name();
                pfn = khva == null ? -1 : khva.pfn();
                generation = mapping.where().generation();
                commit(mapping);
            }
        }
    }

    /** One start of an invalidation: when it has ended, no access uses the range. */
    @Name("io.github.pfncache.Invalidate")
    @Label("Invalidate")
    @Category("pfncache")
    @Description("The host takes pages away; the duration is the wait for accesses, and for refreshes let go first")
    @StackTrace(false)
    static final class Invalidate extends Event implements Walk {

        /** As in {@link Refresh}. */
        static final Invalidate ASKED = new Invalidate();

        @Label("VM")
        @Description("Number of its memslots in the process, as Memslots.number() answers")
        long vm;

        @Label("Start")
        @Description("First host user address")
        @MemoryAddress
        long rangeStart;

        @Label("Size")
        @DataAmount
        long bytes;

        @Label("Hits")
        @Description("Caches whose mapping was taken")
        int hits;

        @Label("Waited For Refreshes")
        @Description("Time given to refreshes that had waited for an earlier invalidation of these pages")
        @Timespan(Timespan.NANOSECONDS)
        long waitedForRefreshes;

        @Label("May Block")
        boolean mayBlock;

        @Label("Accepted")
        @Description("False if it may not block and would have had to")
        boolean accepted;

        static Invalidate begun(long vm, HvaRange range, boolean mayBlock) {
            Invalidate event = new Invalidate();
            event.vm = vm;
            event.rangeStart = range.start();
            event.bytes = range.end() - range.start();
            event.mayBlock = mayBlock;
            event.waitedForRefreshes = -System.nanoTime();
            event.begin();
            return event;
        }

        @Override
        public void goesOn() {
            waitedForRefreshes += System.nanoTime();
        }

        @Override
        public boolean reached(boolean done) {
            hits += done ? 1 : 0;
            return done;
        }

        @Override
        public void ended(boolean wasAccepted) {
            end();
            if (shouldCommit()) {
                accepted = wasAccepted;
                commit();
            }
        }
    }

    /** A wait for a vCPU that takes a second. */
    @Name("io.github.pfncache.GuestWait")
    @Label("Wait for Guest Mode")
    @Category("pfncache")
    @Description("A vCPU in guest mode has not polled for a second; the stack trace says who waits for its pages")
    static final class GuestWait extends Event {

        /** As in {@link Refresh}. */
        static final GuestWait ASKED = new GuestWait();

        @Label("vCPU")
        Thread vcpu;

        static void happened(Thread vcpu) {
            GuestWait event = new GuestWait();
            event.vcpu = vcpu;
            event.commit();
        }
    }

    /** A wait that is long, and goes on. */
    @Name("io.github.pfncache.HeldUp")
    @Label("Held Up")
    @Category("pfncache")
    @Description("An invalidation has waited a second for an access to end, and waits on; the stack trace says which")
    static final class HeldUp extends OfCache {

        /** As in {@link Refresh}. */
        static final HeldUp ASKED = new HeldUp();

        @Label("Holder")
        @Description("The thread that has the access open, or one of them")
        String holder;

        static void happened(String holder, Subject mapping) {
            HeldUp event = new HeldUp();
            if (event.shouldCommit()) {
                event.holder = holder;
                event.commit(mapping);
            }
        }
    }

    /** A call that answers BUSY. */
    @Name("io.github.pfncache.Busy")
    @Label("Busy")
    @Category("pfncache")
    @Description("A call on a cache gave up; the stack trace says which")
    static final class Busy extends OfCache {

        /** As in {@link Refresh}. */
        static final Busy ASKED = new Busy();

        @Label("Awaited")
        @Description("What it waited for: another call on the cache; the end of an invalidation; the end of an access;"
                + " a quiet moment")
        String awaited;

        static void happened(String awaited, Subject mapping) {
            Busy event = new Busy();
            if (event.shouldCommit()) {
                event.awaited = awaited;
                event.commit(mapping);
            }
        }
    }
}
