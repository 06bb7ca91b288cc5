package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;

/** Two vCPUs that update their clocks at the same time: two structures in one page, or one and the same. */
final class TwoVcpus {

    private static final int OTHER_CLOCK = 0x200;
    private static final long DEADLINE_SECONDS = 300;

    private final ClockRig rig;
    private final int iterations;
    private final boolean churnOtherPage;

    private TwoVcpus(ClockRig rig, Fields input) {
        this.rig = rig;
        this.iterations = (int) Math.min(input.number("iters_each"), 100_000);
        this.churnOtherPage = input.number("churn_other_page") != 0;
    }

    /** Every update of either is done exactly. */
    static Fields different(Fields input) throws InterruptedException, ExecutionException, TimeoutException {
        try (ClockRig rig = rig(OTHER_CLOCK)) {
            long first = rig.version(ClockRig.HVA, ClockRig.CLOCK);
            long second = rig.version(ClockRig.HVA, OTHER_CLOCK);
            long errors = new TwoVcpus(rig, input).run();
            return new Fields()
                    .put("err", errors)
                    .put("v0_updates", (rig.version(ClockRig.HVA, ClockRig.CLOCK) - first) / 2)
                    .put("v1_updates", (rig.version(ClockRig.HVA, OTHER_CLOCK) - second) / 2);
        }
    }

    /** Two caches do not exclude each other: increments may be lost, but none is made up, and the end is even. */
    static Fields same(Fields input) throws InterruptedException, ExecutionException, TimeoutException {
        try (ClockRig rig = rig(ClockRig.CLOCK)) {
            long before = rig.version(ClockRig.HVA, ClockRig.CLOCK);
            TwoVcpus vcpus = new TwoVcpus(rig, input);
            long errors = vcpus.run();
            long after = rig.version(ClockRig.HVA, ClockRig.CLOCK);
            long lost = 2L * vcpus.iterations - (after - before) / 2;
            return new Fields()
                    .put("err", errors)
                    .put("final_odd", after & 1)
                    .put("increments_made_up", Math.max(0, -lost));
        }
    }

    private static ClockRig rig(int secondClock) {
        ClockRig rig = new ClockRig(2, false, false);
        rig.register(0, ClockRig.CLOCK);
        rig.register(1, secondClock);
        rig.settle();
        return rig;
    }

    private long run() throws InterruptedException, ExecutionException, TimeoutException {
        ExecutorService threads = Executors.newFixedThreadPool(3);
        AtomicBoolean stop = new AtomicBoolean();
        try {
            List<Future<Long>> vcpus = new ArrayList<>();
            vcpus.add(threads.submit(() -> updates(0)));
            vcpus.add(threads.submit(() -> updates(1)));
            Future<?> churn = threads.submit(() -> churn(stop));
            long errors = 0;
            for (Future<Long> vcpu : vcpus) { // two
                errors += vcpu.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
            }
            stop.set(true);
            churn.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
            return errors;
        } finally {
            stop.set(true);
            threads.shutdown();
        }
    }

    private long updates(int vcpu) {
        long errors = 0;
        for (int i = 0; i < iterations; i++) { // bounded by the input
            errors += rig.update(vcpu).equals("IOf8") ? 0 : 1;
        }
        return errors;
    }

    private void churn(AtomicBoolean stop) {
        while (churnOtherPage && !stop.get()) { // until the updates are done, which are bounded
            ClockRig.done(rig.host().discard(ClockRig.HVA + Pages.PAGE_SIZE, 1));
        }
    }
}
