package io.github.pfncache.rules;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.interleaving.OpenLock;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class TrackedLockTest {

    private static long in(long millis) {
        return System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    }

    @Test
    void aWaitThatIsAgainstTheRulesLeavesTheLockHeldAndThenFree() {
        TrackedLock lock = new TrackedLock(LockClass.INVALIDATIONS);
        HeldLocks.atomically(() -> {
            lock.lock();
            try {
                assertThatThrownBy(() -> lock.await(() -> false, in(1_000))).isInstanceOf(RuleViolation.class);
                assertThat(lock.isHeldByCurrentThread()).isTrue();
            } finally {
                lock.unlock();
            }
        });
        assertThat(lock.isHeldByCurrentThread()).isFalse();
    }

    @Test
    void aReleaseByTheHolderCountsAsACheckAndOneByAnybodyElseAsAViolation() {
        TrackedLock lock = new TrackedLock(LockClass.DIRTY);
        long checks = RuleStats.of(LockRule.RELEASED_BY_HOLDER).checks();
        lock.lock();
        lock.unlock();
        assertThat(RuleStats.of(LockRule.RELEASED_BY_HOLDER).checks()).isGreaterThan(checks);
        assertThatThrownBy(lock::unlock)
                .isInstanceOfSatisfying(
                        RuleViolation.class, e -> assertThat(e.rule()).isEqualTo(LockRule.RELEASED_BY_HOLDER));
    }

    @Test
    void writingWaitsForReadersUpToTheDeadline() throws InterruptedException {
        TrackedRwLock lock = new TrackedRwLock(LockClass.CACHE, ReaderBias.NONE);
        CountDownLatch reading = new CountDownLatch(1);
        CountDownLatch enough = new CountDownLatch(1);
        Thread reader = new Thread(() -> {
            int hold = lock.readLock();
            reading.countDown();
            try {
                enough.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } finally {
                lock.readUnlock(hold);
            }
        });
        reader.start();
        reading.await();
        assertThat(lock.tryWriteLock(in(10))).isFalse();
        Thread.currentThread().interrupt();
        assertThat(lock.tryWriteLock(in(60_000))).isFalse();
        assertThat(Thread.interrupted()).isTrue();
        enough.countDown();
        assertThat(lock.tryWriteLock(in(60_000))).isTrue();
        assertThat(lock.isHeldByCurrentThread()).isTrue();
        lock.writeUnlock();
        reader.join();
    }

    @Test
    void anAnnouncedReaderKnowsThatItReadsWhateverAWriterDoes() throws InterruptedException {
        OpenLock open = new OpenLock();
        TrackedRwLock lock = open.lock;
        int hold = lock.readLock();
        assertThat(lock.isHeldByCurrentThread()).isTrue();
        Thread writer = new Thread(() -> {
            lock.writeLock();
            lock.writeUnlock();
        });
        writer.start();
        long deadline = in(60_000);
        while (!open.isShut() && System.nanoTime() - deadline < 0) { // bounded by the deadline
            Thread.onSpinWait();
        }
        assertThat(open.isShut()).isTrue();
        assertThat(lock.isHeldByCurrentThread()).isTrue();
        lock.readUnlock(hold);
        assertThat(lock.isHeldByCurrentThread()).isFalse();
        writer.join();
        assertThat(lock.isHeldByCurrentThread()).isFalse();
    }

    @Test
    void aReaderDoesNotWaitForItself() {
        TrackedRwLock lock = new TrackedRwLock(LockClass.CACHE, ReaderBias.NONE);
        int hold = lock.readLock();
        assertThat(lock.tryWriteLock(in(60_000))).isFalse();
        lock.readUnlock(hold);
        assertThat(lock.tryWriteLock(System.nanoTime())).isTrue();
        lock.writeUnlock();
    }
}
