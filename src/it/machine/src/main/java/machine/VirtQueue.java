package machine;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestMemory.Piece;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.vm.Vm;
import java.util.ArrayList;
import java.util.List;

/** The device's side of a split virtqueue: three structures that the guest has placed, each behind a cache. */
final class VirtQueue {

    private static final int SIZE = 8, INDEX = 2, ENTRIES = 4; // of the rings: flags, index, entries
    private static final int DESCRIPTOR = 16, NEXT = 1; // gpa, length, flags, next

    /** What the guest wants: the number of its first descriptor, and the memory of all. */
    record Request(int head, List<Piece> pieces) {}

    private final GfnPfnCache descriptors, available, used;
    private final long[] places = {-1, -1, -1};

    /** Requests taken, and requests done, modulo 2<sup>16</sup>. */
    private short taken, done;

    VirtQueue(Vm vm) {
        descriptors = vm.newCache(DESCRIPTOR * SIZE);
        available = vm.newCache(ENTRIES + Short.BYTES * SIZE);
        used = vm.newCache(ENTRIES + Long.BYTES * SIZE);
    }

    /** The guest says where a structure is: any address, which the cache judges. */
    void place(int structure, long gpa) {
        places[structure] = gpa;
        List.of(descriptors, available, used).get(structure).activate(gpa);
    }

    /** The next request; null if there is none, or no memory now: then it is there the next time. */
    Request next() {
        int head;
        try (GuestAccess ring = available.access()) {
            if (!ring.isUsable() || ring.getShortAcquire(INDEX) == taken) { // the index before the entry
                return null;
            }
            head = ring.getShort(ENTRIES + Short.BYTES * (taken & SIZE - 1));
        }
        List<Piece> pieces = new ArrayList<>();
        try (GuestAccess table = descriptors.access()) { // the whole chain under one check
            if (!table.isUsable()) {
                return null;
            }
            for (int i = head, flags = NEXT; flags == NEXT && pieces.size() < SIZE; ) {
                int at = DESCRIPTOR * (i & SIZE - 1);
                pieces.add(new Piece(table.getLong(at), Integer.toUnsignedLong(table.getInt(at + 8))));
                flags = table.getShort(at + 12) & NEXT;
                i = table.getShort(at + 14);
            }
        }
        taken++;
        return new Request(head, pieces);
    }

    /** Tells the guest that a request is done, and how many bytes it has now. */
    void done(Request request, int written) {
        int at = ENTRIES + Long.BYTES * (done++ & SIZE - 1);
        Outcome outcome = Outcome.BUSY;
        while (outcome == Outcome.BUSY) { // if there is no memory: the guest's own doing
            try (GuestAccess ring = used.access()) {
                outcome = ring.outcome();
                if (ring.isUsable()) {
                    ring.putInt(at, request.head());
                    ring.putInt(at + Integer.BYTES, written);
                    ring.putShortRelease(INDEX, done); // the index after the entry
                }
            }
        }
    }

    void state(State state) {
        for (int i = 0; i < places.length; i++) {
            place(i, state.of(places[i]));
        }
        taken = (short) state.of(taken);
        done = (short) state.of(done);
    }
}
