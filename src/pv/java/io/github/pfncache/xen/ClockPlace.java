package io.github.pfncache.xen;

import io.github.pfncache.cache.Outcome;
import io.github.pfncache.pvclock.PvclockField;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import java.util.function.Supplier;

/**
 * A place where one vCPU's guest sees its clock: alone, or inside its vcpu_info. Each place goes on from its own
 * version and keeps its own GUEST_STOPPED flag; nothing is shared between two.
 */
final class ClockPlace {

    private final GuestWindow window;
    private final PvclockField field;
    private final Supplier<PvclockTimeInfo> time;

    /** An update that could not be made in the time allowed. Set and taken by the vCPU's thread; visible to all. */
    private volatile boolean retry;

    ClockPlace(GuestWindow window, PvclockField field, Supplier<PvclockTimeInfo> time) {
        this.window = window;
        this.field = field;
        this.time = time;
    }

    /** Writes the time. An update that finds no memory is lost, as that of a kvmclock is; the next one lands. */
    void update() {
        // The time is taken after the access was had, which may have taken long.
        retry = window.update(access -> field.write(access, time.get())) == Outcome.BUSY;
    }

    void retryIfPutOff() {
        if (retry) {
            update();
        }
    }
}
