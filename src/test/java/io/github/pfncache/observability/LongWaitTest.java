package io.github.pfncache.observability;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A wait of a second names the thread that is waited for, in the log and as an event, and goes on. */
final class LongWaitTest {

    private static final long GPA = 0x100000;
    private static final long SECONDS = 60;
    private static final Logger LOGGER = Logger.getLogger("io.github.pfncache");

    private final ExecutorService other = Executors.newSingleThreadExecutor(body -> new Thread(body, "the-holder"));
    private final List<String> warnings = new ArrayList<>();
    private Consumer<String> atWarning = text -> {};

    private final Thread waiter = Thread.currentThread();

    /** Is called by the thread that waits. */
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord each) {
            if (Thread.currentThread() != waiter) {
                return;
            }
            assertThat(each.getLevel()).isEqualTo(Level.WARNING);
            warnings.add(new SimpleFormatter().formatMessage(each));
            atWarning.accept(warnings.get(0));
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    @BeforeEach
    void begin() {
        LOGGER.addHandler(handler);
    }

    @AfterEach
    void end() throws InterruptedException {
        LOGGER.removeHandler(handler);
        other.shutdown();
        assertThat(other.awaitTermination(SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    private static Vm vm(Duration slotChangeTimeout) {
        Vm vm = Vm.builder().slotChangeTimeout(slotChangeTimeout).build();
        vm.ram().add(0, 0, GPA, 1);
        return vm;
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** It takes the second, because a wait without a deadline is over for no explorer. */
    @Test
    void anInvalidationThatWaitsForAnAccessNamesItsThread() throws Exception {
        Vm vm = vm(Duration.ofSeconds(SECONDS));
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA);
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        Future<?> holder = other.submit(() -> {
            try (GuestAccess access = cache.access()) {
                assertThat(access.isUsable()).isTrue();
                held.countDown();
                await(leave);
            }
        });
        await(held);
        atWarning = text -> leave.countDown();
        long hva = vm.memslots().table().byId(0).hva();
        List<HostResult> results = new ArrayList<>();
        Recorded recorded = Recorded.whileRunning(() -> results.add(vm.host().discard(hva, 1)));
        assertThat(results).as("it has waited on").containsExactly(HostResult.OK);
        holder.get(SECONDS, TimeUnit.SECONDS);
        assertThat(warnings).hasSize(1);
        assertThat(warnings.get(0)).contains("an access to", "0x100000", "the-holder");
        assertThat(recorded.of("HeldUp")).hasSize(1);
        RecordedEvent event = recorded.of("HeldUp").get(0);
        assertThat(event.getString("holder")).contains("the-holder");
        assertThat(event.getLong("gpa")).isEqualTo(GPA);
        assertThat(event.getLong("vm")).isEqualTo(vm.memslots().number());
        vm.close();
    }

    @Test
    void aSlotChangeThatWaitsForAVcpuNamesItsThread() throws Exception {
        List<Memslots.Change> changes = new ArrayList<>();
        Vm vm = vm(Duration.ofSeconds(SECONDS));
        Recorded recorded = Recorded.whileRunning(() -> changes.add(deletedUnderAVcpu(vm)));
        assertThat(changes).containsExactly(Memslots.Change.BUSY);
        assertThat(warnings).hasSize(1);
        assertThat(warnings.get(0)).contains("holds in guest mode", "not polled for a second", "the-holder");
        assertThat(recorded.of("GuestWait")).hasSize(1);
        assertThat(recorded.of("GuestWait").get(0).getThread("vcpu").getJavaName()).isEqualTo("the-holder");
        vm.close();
    }

    @Test
    void aShortWaitNamesNoThread() throws Exception {
        Vm vm = vm(Duration.ofMillis(1));
        assertThat(deletedUnderAVcpu(vm)).isEqualTo(Memslots.Change.BUSY);
        assertThat(warnings).isEmpty();
        vm.close();
    }

    /** Deletes the slot while a vCPU holds its page, by a call for which a wait that has an end is over at once. */
    private Memslots.Change deletedUnderAVcpu(Vm vm) {
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        Future<?> vcpu = other.submit(() -> {
            try (GuestMode mode = vm.newGuestMode(gpa -> {})) {
                mode.enter();
                assertThat(mode.hold(GPA, true).outcome()).isEqualTo(Outcome.OK);
                held.countDown();
                await(leave);
                mode.leave();
            }
        });
        await(held);
        try {
            return OnLooker.withoutPatience(() -> vm.memslots().delete(0));
        } finally {
            leave.countDown();
            assertThat(vcpu).succeedsWithin(Duration.ofSeconds(SECONDS));
        }
    }
}
