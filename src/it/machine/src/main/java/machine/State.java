package machine;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** What the parts of a machine are in the middle of: written, and read back, by the same calls in the same order. */
record State(ByteBuffer bytes, boolean loading) {

    State() { this(ByteBuffer.allocate(1 << 18), false); }

    State(byte[] saved) { this(ByteBuffer.wrap(saved), true); }

    /** Keeps the value and answers it, or answers the one that was kept. */
    long of(long now) {
        return loading ? bytes.getLong() : bytes.putLong(now).getLong(bytes.position() - Long.BYTES);
    }

    void of(long[] values) { Arrays.setAll(values, i -> of(values[i])); }

    ByteBuffer of(byte[] values) { return loading ? bytes.get(values) : bytes.put(values); }

    byte[] saved() { return Arrays.copyOf(bytes.array(), bytes.position()); }
}
