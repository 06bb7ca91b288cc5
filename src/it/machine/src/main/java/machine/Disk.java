package machine;

import io.github.pfncache.cache.GuestMemory;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** A disk with the requests of virtio-blk: header, data, status. It is served on the devices' thread. */
final class Disk implements Bus {

    private static final int SECTOR = 512;
    private static final int NOTIFY = 24; // registers: the queue's three places, this, and:
    private static final int ACKNOWLEDGE = 32;

    private final GuestMemory memory;
    private final VirtQueue queue;
    private final Runnable kick;
    private final Csrs hart;
    private final byte[] sectors = new byte[64 * SECTOR];

    Disk(Vm vm, Runnable kick, Csrs hart) {
        this.memory = vm.guestMemory();
        this.queue = new VirtQueue(vm);
        this.kick = kick;
        this.hart = hart;
    }

    @Override public void store(long gpa, int width, long value) {
        int register = (int) (gpa - Region.DISK);
        if (register == NOTIFY) {
            kick.run();
        } else if (register == ACKNOWLEDGE) {
            hart.raise(Csrs.EXTERNAL, false);
        } else if (register < NOTIFY) {
            queue.place(register / Long.BYTES, value);
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
        if (buffers.size() != 3) {
            return 0;
        }
        byte[] header = new byte[16]; // type, reserved, sector
        memory.read(buffers.get(0).gpa(), header);
        boolean reads = header[0] == 0;
        long from = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong(8) * SECTOR;
        VirtQueue.Buffer data = buffers.get(1);
        boolean fine = from >= 0 && data.length() >= 0 && from <= sectors.length - data.length();
        if (fine) {
            byte[] bytes = new byte[data.length()];
            System.arraycopy(sectors, (int) from, bytes, 0, bytes.length);
            fine = (reads ? memory.write(data.gpa(), bytes) : memory.read(data.gpa(), bytes)) == bytes.length;
            System.arraycopy(bytes, 0, sectors, (int) from, bytes.length);
        }
        memory.write(buffers.get(2).gpa(), new byte[] {(byte) (fine ? 0 : 1)});
        return fine && reads ? data.length() + 1 : 1;
    }

    void state(State state) {
        queue.state(state);
        state.of(sectors);
    }
}
