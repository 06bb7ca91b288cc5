package machine;

import io.github.pfncache.cache.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** A disk with the requests of virtio-blk: header, data, status. It is served on the devices' thread. */
record Disk(GuestMemory memory, VirtQueue queue, Runnable kick, Csrs hart, byte[] sectors) implements Bus {

    private static final int SECTOR = 512;

    @Override public void store(long gpa, int width, long value) {
        int register = (int) (gpa - Region.DISK);
        switch (register) {
            case 0, 8, 16 -> queue.place(register / Long.BYTES, value);
            case 24 -> kick.run();
            case 32 -> hart.raise(Csrs.EXTERNAL, false);
            default -> { }
        }
    }

    void serve() {
        for (VirtQueue.Request next = queue.next(); next != null; next = queue.next()) {
            queue.done(next, carryOut(next.buffers()));
            hart.raise(Csrs.EXTERNAL, true);
        }
    }

    /** Answers how many bytes the guest has been given. */
    private int carryOut(List<VirtQueue.Buffer> buffers) {
        byte[] header = new byte[16]; // type, reserved, sector
        if (buffers.size() != 3 || memory.read(buffers.get(0).gpa(), header) < header.length) {
            return 0;
        }
        boolean reads = header[0] == 0;
        long from = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong(8) * SECTOR;
        VirtQueue.Buffer data = buffers.get(1);
        boolean inside = from >= 0 && data.length() >= 0 && from <= sectors.length - data.length();
        boolean fine = inside && data.length() == (reads
                ? memory.write(data.gpa(), sectors, (int) from, data.length())
                : memory.read(data.gpa(), sectors, (int) from, data.length()));
        memory.write(buffers.get(2).gpa(), new byte[] {(byte) (fine ? 0 : 1)});
        return fine && reads ? data.length() + 1 : 1;
    }

    void state(State state) {
        queue.state(state);
        state.of(sectors);
    }
}
