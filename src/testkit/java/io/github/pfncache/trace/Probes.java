package io.github.pfncache.trace;

import java.util.Arrays;
import java.util.List;

/**
 * The guest physical addresses that were looked at: 12 kvmclocks, one a vCPU, at places that boots re-map (low memory,
 * video, option ROMs, firmware, above 1 MiB, near the end of 32 MiB, a video card's memory, the firmware below 4 GiB).
 * Each has an offset of its own in its page, so that no two can be taken for one another.
 *
 * @since 0.1.0
 */
public final class Probes {

    private static final long[] PAGES = {
        0x7000, 0x9f000, 0xa0000, 0xc0000, 0xc9000, 0xd0000,
        0xe8000, 0xf0000, 0x100000, 0x1fff000, 0xfd000000L, 0xfffc0000L
    };
    private static final int FIRST_OFFSET = 0x100;
    private static final int OFFSET_STEP = 0x40;

    private static final List<Long> GPAS = Arrays.asList(offsetInto(PAGES));

    /** How many there are. */
    public static final int COUNT = GPAS.size();

    private Probes() {}

    private static Long[] offsetInto(long[] pages) {
        Long[] gpas = new Long[pages.length];
        for (int i = 0; i < pages.length; i++) { // bounded by the number of probes
            gpas[i] = pages[i] + FIRST_OFFSET + (long) OFFSET_STEP * i;
        }
        return gpas;
    }

    /**
     * Where a probe is.
     *
     * @param probe number of the probe, that of its vCPU, from 0 to {@link #COUNT} - 1
     * @return the guest physical address of its clock
     * @throws IndexOutOfBoundsException if there is no such probe
     */
    public static long gpa(int probe) {
        return GPAS.get(probe);
    }

    /**
     * Which probe is at an address.
     *
     * @param gpa any address
     * @return its number; -1 if none is exactly there
     */
    public static int at(long gpa) {
        return GPAS.indexOf(gpa);
    }
}
