package machine;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** What the parts of a machine are in the middle of: written, and read back, by the same calls in the same order. */
final class State {

    private static final int CAPACITY = 1 << 18;

    private final ByteBuffer bytes;
    private final boolean loading;

    State() {
        bytes = ByteBuffer.allocate(CAPACITY);
        loading = false;
    }

    State(byte[] saved) {
        bytes = ByteBuffer.wrap(saved);
        loading = true;
    }

    /** Keeps the value and answers it, or answers the one that was kept. */
    long of(long now) {
        return loading ? bytes.getLong() : bytes.putLong(now).getLong(bytes.position() - Long.BYTES);
    }

    void of(long[] values) { Arrays.setAll(values, i -> of(values[i])); }

    ByteBuffer of(byte[] values) { return loading ? bytes.get(values) : bytes.put(values); }

    byte[] saved() { return Arrays.copyOf(bytes.array(), bytes.position()); }
}
