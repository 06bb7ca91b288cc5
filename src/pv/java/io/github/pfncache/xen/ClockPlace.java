package io.github.pfncache.xen;

import io.github.pfncache.cache.Outcome;
import io.github.pfncache.pvclock.PvclockField;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import io.github.pfncache.pvclock.Registration;
import java.util.function.Supplier;

/**
 * A place where one vCPU's guest sees its clock: alone, or inside its vcpu_info. Each place goes on from its own
 * version and keeps its own GUEST_STOPPED flag; nothing is shared between two.
 */
final class ClockPlace {

    private final Registration place;
    private final PvclockField field;
    private final Supplier<PvclockTimeInfo> time;

    /** An update that is to be made. Set and taken by the vCPU's thread; visible to all. */
    private volatile boolean due;

    ClockPlace(Registration place, PvclockField field, Supplier<PvclockTimeInfo> time) {
        this.place = place;
        this.field = field;
        this.time = time;
    }

    /** An update is to be made, now or, if that is cut short, at the next entry. */
    void request() {
        due = true;
    }

    /**
     * Writes the time if that is due. An update that finds no memory is lost, as that of a kvmclock is; the next one
     * lands. One that could not be made in the time allowed, or ran into a page-fault handler that throws, stays due.
     */
    void updateIfDue() {
        if (due) {
            due = place.update(time, field::write) == Outcome.BUSY;
        }
    }
}
