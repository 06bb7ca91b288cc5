package io.github.pfncache.memslot;

import io.github.pfncache.address.Pages;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.MemoryAddress;
import jdk.jfr.Name;

/**
 * The events of a flight recording about memslots: their changes. The first method answers null, and makes nothing,
 * unless a recording is under way that wants the event. The nested class is loaded only then, and never on a runtime
 * image without {@code jdk.jfr}. Stateless.
 */
final class SlotEvents {

    /** The image may have been made without it, and no module is forced to have it. */
    private static final boolean POSSIBLE = ModuleLayer.boot().findModule("jdk.jfr").isPresent();

    private SlotEvents() {}

    static SlotChange changeBegins(long vm, int id) {
        return POSSIBLE && SlotChange.ASKED.isEnabled() ? SlotChange.begun(vm, id) : null;
    }

    /** The request keeps the rules, and this is what it does. */
    static void isJudged(SlotChange event, MemslotRequest.Step step) {
        if (event != null) {
            event.judged(step);
        }
    }

    /** The change has ended; with null, by an exception. */
    static void changeEnds(SlotChange event, Memslots.Change change, long generation) {
        if (event != null) {
            event.ended(change, generation);
        }
    }

    /** One request to change a slot. */
    @Name("io.github.pfncache.SlotChange")
    @Label("Slot Change")
    @Category("pfncache")
    @Description("A memslot was created, deleted, moved or re-flagged, or was not")
    static final class SlotChange extends Event {

        /** Asked whether a recording wants such events, which needs an event and makes none. */
        static final SlotChange ASKED = new SlotChange();

        @Label("VM")
        @Description("Number of its memslots in the process, as Memslots.number() answers")
        long vm;

        @Label("Slot")
        int id;

        @Label("Kind")
        @Description("create, delete, move, flags, replace; none if nothing was to change; unknown if not judged")
        String kind = "unknown";

        @Label("Guest Physical Address")
        @Description("First one of the slot; of a deleted slot its former one; -1 if there was nothing to change")
        @MemoryAddress
        long gpa = -1;

        @Label("Size")
        @DataAmount
        long bytes;

        @Label("Host User Address")
        @MemoryAddress
        long uhva = -1;

        @Label("Flags")
        @Description("As of KVM_SET_USER_MEMORY_REGION: 1 logs dirty pages, 2 is read-only")
        int flags;

        @Label("Outcome")
        @Description("DONE, UNCHANGED, BUSY, or REJECTED with an exception")
        String outcome;

        @Label("Generation")
        @Description("Of the memslots afterwards")
        long generation;

        static SlotChange begun(long vm, int id) {
            SlotChange event = new SlotChange();
            event.vm = vm;
            event.id = id;
            event.begin();
            return event;
        }

        void judged(MemslotRequest.Step step) {
            kind = kind(step);
            Memslot slot = step.successor() == null ? step.former() : step.successor();
            if (slot != null) {
                gpa = Pages.gfnToGpa(slot.baseGfn());
                bytes = slot.npages() << Pages.PAGE_SHIFT;
                uhva = slot.hva();
                flags = slot.flags();
            }
        }

        private static String kind(MemslotRequest.Step step) {
            Memslot former = step.former();
            Memslot successor = step.successor();
            if (former == null) {
                return successor == null ? "none" : "create";
            }
            if (successor == null) {
                return "delete";
            }
            if (former.hva() != successor.hva()) {
                return "replace";
            }
            return former.baseGfn() == successor.baseGfn() ? "flags" : "move";
        }

        void ended(Memslots.Change change, long after) {
            end();
            if (shouldCommit()) {
                outcome = change == null ? "REJECTED" : change.name();
                generation = after;
                commit();
            }
        }
    }
}
