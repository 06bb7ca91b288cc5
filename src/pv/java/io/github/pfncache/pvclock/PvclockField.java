package io.github.pfncache.pvclock;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.Rules;
import java.lang.invoke.VarHandle;

/**
 * A clock structure's place in a window of guest memory: alone in a window of its own, or inside something larger. A
 * place that does not hold the whole structure cannot be made.
 *
 * <pre>{@code
 * static final PvclockField TIME = PvclockField.at(32, 64);    // the second half of 64 bytes
 * try (GuestAccess access = cache.access()) {
 *     if (access.isUsable()) {
 *         TIME.write(access, kvmclock.timeFor(vcpu));
 *     }
 * }
 * }</pre>
 *
 * <p>Immutable. One writer at a time for one place: two do not exclude each other by the cache's lock, and lose
 * versions. Kernel counterpart: the {@code offset} argument of {@code kvm_setup_guest_pvclock()}.
 *
 * @since 0.1.0
 */
public final class PvclockField {

    /** The structure alone. */
    public static final PvclockField ALONE = at(0, PvclockTimeInfo.SIZE);

    private final int offset;
    private final int windowLength;

    private PvclockField(int offset, int windowLength) {
        this.offset = offset;
        this.windowLength = windowLength;
    }

    /**
     * A place in windows of some length.
     *
     * @param offset where the structure starts, bytes from the start of the window; any alignment
     * @param windowLength length of the window in bytes
     * @return the place
     * @throws IllegalArgumentException if the structure does not lie inside the window
     */
    public static PvclockField at(int offset, int windowLength) {
        if (!Pages.rangeFits(offset, PvclockTimeInfo.SIZE, windowLength)) {
            throw new IllegalArgumentException(
                    "offset=" + offset + " width=" + PvclockTimeInfo.SIZE + " exceeds length=" + windowLength);
        }
        return new PvclockField(offset, windowLength);
    }

    /**
     * Length of the windows that have this place.
     *
     * @return bytes
     */
    public int windowLength() {
        return windowLength;
    }

    /**
     * Writes a value by the version protocol: a guest that sees the same even version before and after its reading has
     * read one whole value. All 32 bytes are overwritten, but a {@link PvclockTimeInfo#FLAG_GUEST_STOPPED} in guest
     * memory stays set. The version goes on from whatever guest memory holds, since the guest owns it: an even one
     * grows by 2, an odd one by 3.
     *
     * @param access a usable access to a window of this length
     * @param time the value
     * @throws IllegalArgumentException if the access is to a window of another length; nothing is written
     * @throws IllegalStateException if the access is not usable; nothing is written
     */
    public void write(GuestAccess access, PvclockTimeInfo time) {
        if (access.length() != windowLength) {
            // Before the version is touched: a write that ends in its middle would leave it odd.
            throw new IllegalArgumentException(
                    "access has length=" + access.length() + ", the place is made for length=" + windowLength);
        }
        int before = access.getInt(offset + PvclockTimeInfo.VERSION);
        int found = access.getByte(offset + PvclockTimeInfo.FLAGS);
        int odd = before + 1 | 1;
        int flags = time.flags() | found & PvclockTimeInfo.FLAG_GUEST_STOPPED;

        access.putInt(offset + PvclockTimeInfo.VERSION, odd);
        // The guest sees the odd version before anything of the body; pairs with the first fence of PvclockReader.
        VarHandle.storeStoreFence();
        access.putInt(offset + PvclockTimeInfo.PAD_0, 0);
        access.putLong(offset + PvclockTimeInfo.TSC_TIMESTAMP, time.tscTimestamp());
        Interleaving.reached("pvclock half written");
        access.putLong(offset + PvclockTimeInfo.SYSTEM_TIME, time.systemTime());
        access.putInt(offset + PvclockTimeInfo.TSC_TO_SYSTEM_MUL, time.scale().multiplier());
        access.putByte(offset + PvclockTimeInfo.TSC_SHIFT, (byte) time.scale().shift());
        access.putByte(offset + PvclockTimeInfo.FLAGS, (byte) flags);
        access.putShort(offset + PvclockTimeInfo.PAD_1, (short) 0);
        // The guest sees the whole body before the even version; pairs with the second fence of PvclockReader.
        VarHandle.storeStoreFence();
        access.putInt(offset + PvclockTimeInfo.VERSION, odd + 1);

        if (Rules.ENABLED) {
            // What was written, not what is there: the guest may write at the same time.
            int grown = odd + 1 - before;
            PvclockRule.I12_VERSION_EVEN_AFTER_WRITE.check(
                    (odd & 1) == 1 && grown == 2 + (before & 1), "version " + before + " -> " + (odd + 1));
            PvclockRule.I12_STOPPED_IS_RETAINED.check((found & ~flags & PvclockTimeInfo.FLAG_GUEST_STOPPED) == 0, time);
        }
    }

    @Override
    public String toString() {
        return "pvclock at offset=" + offset + " of length=" + windowLength;
    }
}
