package io.github.pfncache.kvm;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Ends a vCPU that does not leave its guest. Thread-safe. */
final class Watchdog implements AutoCloseable {

    /** A guest of scripts leaves after some microseconds; more than a second is another program's share of the time. */
    static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private static final long TICK_MILLIS = 20;

    private final List<KernelVcpu> vcpus = new CopyOnWriteArrayList<>();
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread = new Thread(this::watch, "vcpu-watchdog");

    Watchdog() {
        thread.setDaemon(true);
        thread.start();
    }

    void watch(KernelVcpu vcpu) {
        vcpus.add(vcpu);
    }

    void forget(KernelVcpu vcpu) {
        vcpus.remove(vcpu);
    }

    private void watch() {
        try {
            while (!closed.await(TICK_MILLIS, TimeUnit.MILLISECONDS)) { // until it is closed
                vcpus.forEach(vcpu -> vcpu.endIfOverdue(System.nanoTime()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the thread is this object's own: it ends
        }
    }

    @Override
    public void close() {
        closed.countDown();
    }
}
