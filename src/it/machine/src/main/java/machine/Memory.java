package machine;

import io.github.pfncache.cache.GuestMode;

/** Guest memory as a hart sees it: aligned, little-endian; where there is none, the devices are asked. */
interface Memory extends Bus {

    default int fetch(long pc) { return (int) load(pc, Integer.BYTES); }

    /** Of 4 or 8 bytes, in one, against all harts. */
    boolean compareAndSet(long gpa, int width, long expected, long value);

    /** What the hart's thread enters: inside, pages stay where they are until it polls or leaves. */
    GuestMode guestMode();
}
