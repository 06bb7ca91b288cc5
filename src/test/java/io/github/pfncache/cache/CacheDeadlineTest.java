package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.RuleViolation;
import io.github.pfncache.rules.WithoutRules;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

/** An access that stays open holds nobody up for longer than was agreed, and is named. */
class CacheDeadlineTest {

    private static final long FAR = TimeUnit.SECONDS.toNanos(30);

    @Test
    void everyCallGivesUpInTimeWhileAnotherThreadHasAnAccessOpen() throws Exception {
        new Held().run();
    }

    @Test
    void everyCallGivesUpInTimeWithoutRules() {
        WithoutRules.run(Held.class);
    }

    @Test
    void twoAccessesInOppositeOrderEndInBusy() {
        WithoutRules.run(OppositeOrder.class);
    }

    @Test
    void aThreadThatCallsItselfDifferentlyEachTimeKnowsItsOwnAccess() {
        WithoutRules.run(OddThread.class);
    }

    @Test
    void anAccessInsideAnotherBreaksARuleEachTime() {
        World world = new World();
        GfnPfnCache other = world.domain.newCache(8);
        other.activate(World.GPA + Pages.PAGE_SIZE);
        GuestArea area = world.domain.newArea();
        area.activate(World.GPA, 16);
        try (GuestAccess open = world.cache.access()) {
            assertThat(open.isUsable()).isTrue();
            List<Supplier<Object>> calls = List.of(
                    () -> other.access(),
                    () -> other.access(Long.MAX_VALUE),
                    () -> other.loadLong(0, 0),
                    () -> other.storeLong(0, 1),
                    () -> world.cache.loadLong(0, 0),
                    () -> world.cache.storeByte(0, (byte) 1),
                    () -> area.access());
            for (Supplier<Object> call : calls) { // bounded by the list
                assertThatThrownBy(call::get).isInstanceOf(RuleViolation.class)
                        .hasMessageContaining("NO_SLEEP_UNDER_SHORT_LOCK");
            }
            try (GuestAccess tried = other.tryAccess()) {
                assertThat(tried.isUsable()).isTrue();
            }
        }
        assertThat(other.loadLong(0, -1)).isZero();
        world.domain.audit(true);
    }

    @Test
    @SuppressWarnings("try") // closes an access before its end
    void whoHoldsUpAnInvalidationIsNamedOnce() throws Exception {
        World world = new World();
        ConcurrentLinkedQueue<String> warnings = new ConcurrentLinkedQueue<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord record) {
                warnings.add(String.format("%s %s", record.getParameters()));
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger("io.github.pfncache");
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
        try (Holder holder = new Holder(world.cache::access)) {
            Thread mover = new Thread(() -> world.host.migrate(World.HVA), "mover");
            mover.start();
            long deadline = System.nanoTime() + FAR;
            while (warnings.isEmpty() && System.nanoTime() - deadline < 0) { // bounded by the deadline
                mover.join(10);
            }
            mover.join(100); // long enough to be told again, if it were
            assertThat(warnings).hasSize(1).first().asString()
                    .contains("gpa=0x100000").contains("\"the holder\"");
            assertThat(mover.isAlive()).isTrue();
            holder.close();
            mover.join();
        } finally {
            logger.removeHandler(handler);
            logger.setUseParentHandlers(true);
        }
        world.domain.audit(true);
    }

    @Test
    void theCallersDeadlineHoldsWhereAnAccessCrossesPages() {
        World world = new World(new RetryPolicy(4, Duration.ofNanos(2 * FAR)));
        GuestArea area = world.domain.newArea();
        for (int page = 0; page < 2; page++) {
            assertThat(area.activate(World.GPA + Pages.PAGE_SIZE - 8, 16)).isEqualTo(Outcome.OK);
            long hva = World.HVA + (long) page * Pages.PAGE_SIZE;
            Thread mover = new Thread(() -> world.host.migrate(hva), "mover");
            try (Holder holder = new Holder(area::access)) {
                mover.start();
                awaitNotUsable(area::tryAccess);
                for (long patience : new long[] {Long.MIN_VALUE / 2, 0, TimeUnit.MILLISECONDS.toNanos(20)}) {
                    long begin = System.nanoTime();
                    try (AreaAccess access = area.access(begin + patience)) {
                        assertThat(access.outcome()).as("page %d, %d ns", page, patience).isEqualTo(Outcome.BUSY);
                    }
                    assertThat(System.nanoTime() - begin).isBetween(Math.max(0, patience), FAR);
                }
                holder.close();
                join(mover);
            }
            try (AreaAccess access = area.access(Long.MAX_VALUE)) {
                assertThat(access.isUsable()).isTrue();
            }
        }
        world.domain.audit(false);
    }

    private static void awaitNotUsable(Supplier<? extends TypedAccess> trying) {
        long deadline = System.nanoTime() + FAR;
        boolean usable = true;
        while (usable) { // bounded by the deadline
            assertThat(System.nanoTime() - deadline).as("the mover waits").isNegative();
            try (TypedAccess tried = trying.get()) {
                usable = tried.isUsable();
            }
            Thread.onSpinWait();
        }
    }

    /** A slot of two pages, with a cache of the first. */
    static class World {
        static final long GPA = 0x100000;
        static final long HVA = 0x7f00_0000_0000L;

        final HostMemory host = HostMemory.builder().checked(true).build();
        final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofSeconds(5));
        final CacheDomain domain;
        final GfnPfnCache cache;

        World() {
            this(new RetryPolicy(4, Duration.ofMillis(50)));
        }

        World(RetryPolicy retry) {
            domain = new CacheDomain(memslots, host, retry);
            cache = domain.newCache(8);
            host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
            memslots.set(1, 0, GPA, 2 * Pages.PAGE_SIZE, HVA);
            assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
        }
    }

    /** Another thread that has an access open until it is told. */
    static final class Holder implements AutoCloseable {
        private final CountDownLatch enough = new CountDownLatch(1);
        private final Thread thread;

        Holder(Supplier<? extends TypedAccess> accessing) {
            CountDownLatch open = new CountDownLatch(1);
            thread = new Thread(() -> {
                try (TypedAccess access = accessing.get()) {
                    assertThat(access.isUsable()).isTrue();
                    open.countDown();
                    enough.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }, "the holder");
            thread.start();
            await(open);
        }

        @Override
        public void close() {
            enough.countDown();
            join(thread);
        }
    }

    public static final class Held extends World implements Runnable {
        @Override
        public void run() {
            Holder holder = new Holder(cache::access);
            CacheState before = cache.state();
            long begin = System.nanoTime();
            assertThat(cache.activate(GPA + Pages.PAGE_SIZE)).isEqualTo(Outcome.BUSY);
            assertThat(cache.deactivate()).isEqualTo(Outcome.BUSY);
            assertThat(cache.state()).as("nothing changed").isEqualTo(before);
            assertThat(memslots.set(2, 0, 0x900000, Pages.PAGE_SIZE, HVA)).isEqualTo(Memslots.Change.DONE);
            assertThat(cache.refresh()).isEqualTo(Outcome.BUSY);
            Thread mover = new Thread(() -> host.migrate(HVA), "mover");
            mover.start();
            awaitNotUsable(cache::tryAccess);
            for (long deadline : new long[] {Long.MIN_VALUE, 0, System.nanoTime() - 1}) {
                try (GuestAccess access = cache.access(deadline)) {
                    assertThat(access.outcome()).isEqualTo(Outcome.BUSY);
                }
            }
            try (GuestAccess access = cache.access(); GuestAccess guard = cache.readLock()) {
                assertThat(access.outcome()).isEqualTo(Outcome.BUSY);
                assertThat(guard.check()).isFalse();
            }
            assertThat(cache.check()).isFalse();
            assertThat(cache.loadLong(0, 42)).isEqualTo(42);
            assertThat(cache.storeLong(0, 42)).isEqualTo(Outcome.BUSY);
            assertThat(cache).asString().contains("gpa=0x100000");
            assertThat(System.nanoTime() - begin).as("twelve waits of 50 ms each").isLessThan(FAR);
            holder.close();
            join(mover);
            try (GuestAccess access = cache.access(Long.MAX_VALUE)) {
                assertThat(access.isUsable()).isTrue();
            }
            assertThat(cache.deactivate()).isEqualTo(Outcome.OK);
            domain.audit(true);
            host.audit();
        }
    }

    public static final class OppositeOrder extends World implements Runnable {
        @Override
        public void run() {
            GfnPfnCache other = domain.newCache(8);
            assertThat(other.activate(GPA + Pages.PAGE_SIZE)).isEqualTo(Outcome.OK);
            CyclicBarrier bothOpen = new CyclicBarrier(3);
            CountDownLatch moversWait = new CountDownLatch(1);
            AtomicReference<Outcome> one = new AtomicReference<>();
            AtomicReference<Outcome> two = new AtomicReference<>();
            Thread first = inside(cache, other, bothOpen, moversWait, one);
            Thread second = inside(other, cache, bothOpen, moversWait, two);
            await(bothOpen);
            Thread mover = new Thread(() -> host.migrate(HVA));
            Thread anotherMover = new Thread(() -> host.migrate(HVA + Pages.PAGE_SIZE));
            mover.start();
            anotherMover.start();
            awaitNotUsable(cache::tryAccess);
            awaitNotUsable(other::tryAccess);
            moversWait.countDown();
            for (Thread thread : List.of(first, second, mover, anotherMover)) {
                join(thread);
            }
            assertThat(one.get()).isIn(Outcome.BUSY, Outcome.OK); // OK: when the other one has given up first
            assertThat(two.get()).isIn(Outcome.BUSY, Outcome.OK);
            assertThat(List.of(one.get(), two.get())).contains(Outcome.BUSY);
            domain.audit(true);
        }

        private static Thread inside(GfnPfnCache outer, GfnPfnCache inner, CyclicBarrier bothOpen,
                CountDownLatch moversWait, AtomicReference<Outcome> outcome) {
            Thread thread = new Thread(() -> {
                try (GuestAccess open = outer.access()) {
                    assertThat(open.isUsable()).isTrue();
                    await(bothOpen);
                    CacheDeadlineTest.await(moversWait);
                    try (GuestAccess nested = inner.access()) {
                        outcome.set(nested.outcome());
                    }
                }
            });
            thread.start();
            return thread;
        }

        private static void await(CyclicBarrier barrier) {
            try {
                barrier.await(FAR, TimeUnit.NANOSECONDS);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }

    public static final class OddThread extends World implements Runnable {
        @Override
        public void run() {
            AtomicReference<Throwable> failure = new AtomicReference<>();
            Thread odd = new Thread(() -> {
                try (GuestAccess open = cache.access()) {
                    assertThat(open.isUsable()).isTrue();
                    assertThatThrownBy(() -> host.migrate(HVA)).isInstanceOf(IllegalStateException.class);
                    assertThatThrownBy(cache::deactivate).isInstanceOf(IllegalStateException.class);
                } catch (Throwable e) {
                    failure.set(e);
                }
            }) {
                @Override
                @SuppressWarnings("removal")
                public long getId() {
                    return ThreadLocalRandom.current().nextLong();
                }
            };
            odd.start();
            join(odd);
            assertThat(failure.get()).isNull();
            assertThat(host.discard(HVA, 1)).isEqualTo(HostResult.OK);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join(TimeUnit.NANOSECONDS.toMillis(FAR));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        assertThat(thread.isAlive()).as("%s has not ended", thread).isFalse();
    }
}
