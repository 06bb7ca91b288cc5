package machine;

import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.host.HostWindow;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The yardstick: plain arrays, which nothing moves, for harts that take turns on one thread. */
record PlainMemory(byte[][] arrays, Bus devices) implements Memory {

    @Override public GuestMode guestMode() { return null; }

    /** What begins at an address; null if it is no memory. */
    private ByteBuffer at(long gpa, boolean writes) {
        for (Region region : Region.ALL) {
            if (region.contains(gpa) && !(writes && region.equals(Region.ROM))) {
                ByteBuffer array = ByteBuffer.wrap(arrays[region.slot()]).position((int) (gpa - region.gpa()));
                return array.slice().order(ByteOrder.LITTLE_ENDIAN);
            }
        }
        return null;
    }

    @Override public long load(long gpa, int width) {
        ByteBuffer bytes = at(gpa, false);
        return bytes == null ? devices.load(gpa, width) : HostWindow.get(bytes, 0, width);
    }

    @Override public void store(long gpa, int width, long value) {
        ByteBuffer bytes = at(gpa, true);
        if (bytes == null) {
            devices.store(gpa, width, value);
        } else {
            HostWindow.put(bytes, 0, width, value);
        }
    }

    @Override public boolean compareAndSet(long gpa, int width, long expected, long value) {
        boolean equal = load(gpa, width) == expected;
        if (equal) {
            store(gpa, width, value);
        }
        return equal;
    }
}
