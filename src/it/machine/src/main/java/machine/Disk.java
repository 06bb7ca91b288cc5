package machine;

import io.github.pfncache.cache.GuestMemory;
import io.github.pfncache.cache.GuestMemory.Piece;
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
            queue.done(next, carryOut(next.pieces()));
            hart.raise(Csrs.EXTERNAL, true);
        }
    }

    /** Answers how many bytes the guest has been given. */
    private int carryOut(List<Piece> pieces) {
        byte[] header = new byte[16]; // type, reserved, sector
        int last = pieces.size() - 1;
        if (last < 1 || memory.gather(pieces.subList(0, 1), header, 0, header.length) < header.length) {
            return 0;
        }
        boolean reads = header[0] == 0;
        long from = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong(8) * SECTOR;
        List<Piece> data = pieces.subList(1, last); // as many as the guest likes
        long length = data.stream().mapToLong(Piece::length).sum();
        boolean fine = from >= 0 && from <= sectors.length - length && length == (reads
                ? memory.scatter(data, sectors, (int) from, (int) length)
                : memory.gather(data, sectors, (int) from, (int) length));
        memory.write(pieces.get(last).gpa(), new byte[] {(byte) (fine ? 0 : 1)});
        return fine && reads ? (int) length + 1 : 1;
    }

    void state(State state) {
        queue.state(state);
        state.of(sectors);
    }
}
