package io.github.pfncache.memslot;

/** Which dirty ring takes the marks of the current thread, for one holder of memslots. Safe from any thread. */
final class DirtyRings {

    /** The ring of the vCPU that a thread runs, while it runs it. */
    private final ThreadLocal<DirtyRing> running = new ThreadLocal<>();

    void bind(DirtyRing ring) {
        DirtyRing other = running.get();
        if (other != null) {
            throw new IllegalStateException("this thread marks into " + other + " and cannot bind " + ring);
        }
        ring.acquireBy(Thread.currentThread());
        running.set(ring);
    }

    void unbind(DirtyRing ring) {
        if (running.get() != ring) {
            throw new IllegalStateException(ring + " is not bound to this thread");
        }
        running.remove();
        ring.releaseFrom(Thread.currentThread());
    }

    /**
     * Logs a page in the current thread's ring.
     *
     * @return false if there is no such ring, or no room in it
     */
    boolean push(int slotId, long page) {
        DirtyRing ring = running.get();
        return ring != null && ring.push(slotId, page);
    }
}
