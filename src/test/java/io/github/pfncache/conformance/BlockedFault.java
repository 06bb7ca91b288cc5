package io.github.pfncache.conformance;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.host.PageFault;
import io.github.pfncache.host.PageFaultHandler;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A vCPU's page fault that waits for its handler, on a thread of its own, until it is released: what userfaultfd
 * does to a vCPU.
 */
final class BlockedFault implements PageFaultHandler, AutoCloseable {

    private static final long DEADLINE_SECONDS = 300;
    private static final byte KEEP_CONTENT = 0;

    private final ClockRig rig;
    private final byte fill;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final CountDownLatch faulted = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);
    private final AtomicInteger faults = new AtomicInteger();

    /** The first fault and its thread; set before {@link #faulted} is counted down. */
    private volatile PageFault fault;
    private volatile Thread vcpuThread;

    private Future<String> vcpu;

    /** Supplies pages filled with a byte, or as they are where it is 0. */
    BlockedFault(ClockRig rig, int fill, boolean missing, boolean writeProtect) {
        this.rig = rig;
        this.fill = (byte) fill;
        rig.host().registerFaultHandler(HvaRange.pageOf(ClockRig.HVA), this, missing, writeProtect);
    }

    @Override
    public Decision onFault(PageFault found) {
        if (faults.getAndIncrement() == 0) {
            fault = found;
            vcpuThread = Thread.currentThread();
            faulted.countDown();
        }
        awaitRelease();
        if (fill != KEEP_CONTENT) {
            byte[] bytes = new byte[found.page().capacity()];
            Arrays.fill(bytes, fill);
            found.page().put(0, bytes);
        }
        return Decision.RESOLVE;
    }

    /** As a fault in the kernel: a signal does not end it. */
    private void awaitRelease() {
        boolean interrupted = false;
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
        while (released.getCount() > 0 && System.nanoTime() < deadline) { // bounded by the deadline
            try {
                released.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                interrupted = true; // told to the thread below, when the fault is over
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Lets a vCPU do something that faults, and returns when it is blocked. */
    PageFault block(Callable<String> action) throws InterruptedException {
        vcpu = threads.submit(action);
        if (!faulted.await(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
            throw new AssertionError("no fault");
        }
        return fault;
    }

    /** 1 while the vCPU waits for its page, however often it is signalled. */
    int blockedAfterSignal() {
        vcpuThread.interrupt();
        return blocked();
    }

    int blocked() {
        return vcpu.isDone() || released.getCount() == 0 ? 0 : 1;
    }

    int faults() {
        return faults.get();
    }

    /** Begins something on another thread, and returns when that is done or waits for something. */
    <T> Future<T> start(Callable<T> action) throws InterruptedException {
        Thread[] runner = new Thread[1];
        CountDownLatch running = new CountDownLatch(1);
        Future<T> result = threads.submit(() -> {
            runner[0] = Thread.currentThread();
            running.countDown();
            return action.call();
        });
        running.await();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
        while (!result.isDone() && !isWaiting(runner[0]) && System.nanoTime() < deadline) { // bounded by the deadline
            Thread.yield();
        }
        return result;
    }

    private static boolean isWaiting(Thread thread) {
        Thread.State state = thread.getState();
        return state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING;
    }

    /** Lets the fault go on, and returns what the vCPU's action did. */
    String release() throws InterruptedException, ExecutionException, TimeoutException {
        released.countDown();
        return vcpu.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
    }

    @Override
    public void close() {
        released.countDown();
        rig.host().unregisterFaultHandler(this);
        threads.shutdown();
    }
}
