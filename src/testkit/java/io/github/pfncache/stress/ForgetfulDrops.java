package io.github.pfncache.stress;

import io.github.pfncache.cache.GuestMode;
import java.util.Objects;

/**
 * The control of an emulator's own tests: keeps to itself that some pages were dropped. An emulator that holds pages
 * raw uses such a page after it has gone, which its test must notice; if the test does not, it would not notice a
 * forgotten drop of the emulator's own either.
 *
 * <pre>{@code
 * GuestMode mode = vm.newGuestMode(new ForgetfulDrops(cpu::forget, 100));     // one of a hundred
 * }</pre>
 *
 * <p>Used on the vCPU's thread only, as what it stands in front of.
 *
 * @since 0.1.0
 */
public final class ForgetfulDrops implements GuestMode.Dropped {

    private final GuestMode.Dropped emulator;
    private final long every;
    private long drops;

    /**
     * In front of an emulator.
     *
     * @param emulator told of the other drops
     * @param every which of so many drops is forgotten: the last; 1 for all
     * @throws IllegalArgumentException if {@code every} is not positive
     */
    public ForgetfulDrops(GuestMode.Dropped emulator, long every) {
        if (every < 1) {
            throw new IllegalArgumentException("every=" + every);
        }
        this.emulator = Objects.requireNonNull(emulator, "emulator");
        this.every = every;
    }

    @Override
    public void dropped(long gpa) {
        drops++;
        if (drops % every != 0) {
            emulator.dropped(gpa);
        }
    }

    /**
     * How many drops the emulator has not been told of.
     *
     * @return 0 means that the control has shown nothing
     */
    public long forgotten() {
        return drops / every;
    }
}
