package io.github.pfncache.load;

import io.github.pfncache.cache.CacheStats;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.rules.RuleViolation;
import io.github.pfncache.stress.Adversary;
import io.github.pfncache.stress.Crew;
import io.github.pfncache.stress.Verdict;
import io.github.pfncache.vm.VmAudit;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;

/**
 * One load: builds the machine, runs everything at once, and judges. Used once, by one thread.
 *
 * <p>What each thread does is a function of the seed. Nothing that goes wrong in a thread is lost: it ends the load,
 * and is in the result.
 */
public final class StressRun {

    private static final long LOOK_NANOS = 20_000_000;
    /** For one turn of a thread to end. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final long CONTROL_REST_NANOS = 500_000;
    private static final long WINDOW_REST_NANOS = 200_000;

    /** So long without one access means that everybody hangs. */
    private static final long HANG_NANOS = TimeUnit.SECONDS.toNanos(60);

    /** Entries of each vCPU at the end: the guest must see its last events in a few. */
    private static final int LAST_ENTRIES = 1_000;

    /** Of all accesses, so many of a hundred are the devices'; a vCPU makes about so many at each entry. */
    private static final int DEVICE_SHARE = 50;

    private static final int ACCESSES_PER_ENTRY = 5 + RawGuest.ACCESSES;

    private final StressOptions options;
    private final Tally tally = new Tally();
    private final LoadMachine machine;
    private final Events events;
    private final SwappedWindow window;
    private final List<Block> blocks = new ArrayList<>();
    private final List<VcpuWork> vcpus = new ArrayList<>();
    private final RuleTable rules = new RuleTable();
    private final List<String> findings = new ArrayList<>();

    /** Those who make the accesses. */
    private final Crew workers;

    /** Those who get in their way. */
    private final Crew others;

    private long failures;
    private long drops;

    /** A part of the judgement. */
    private interface Part {
        void run() throws InterruptedException;
    }

    /**
     * Builds the machine.
     *
     * @param options how much load
     */
    public StressRun(StressOptions options) {
        this(options, PATIENCE);
    }

    /** With a patience of its own, for those who know that threads will hang. */
    StressRun(StressOptions options, Duration patience) {
        workers = new Crew(patience);
        others = new Crew(patience);
        this.options = options;
        machine = new LoadMachine(options.vcpus());
        events = new Events(machine, tally);
        window = new SwappedWindow(machine, tally, options.devices(), options.seed());
        int npages = LoadMachine.MAIN_PAGES - LoadMachine.DEVICE_PAGE;
        long gpa = LoadMachine.MAIN_GPA + LoadMachine.DEVICE_PAGE * 4096L;
        addBlocks(LoadMachine.MAIN + LoadMachine.DEVICE_PAGE, npages, gpa, gpa, false);
        addBlocks(LoadMachine.PLUG, LoadMachine.PLUG_PAGES, LoadMachine.PLUG_GPA, LoadMachine.OTHER_PLUG_GPA, false);
        addBlocks(LoadMachine.SCRATCH, LoadMachine.SCRATCH_PAGES, LoadMachine.SCRATCH_GPA, LoadMachine.SCRATCH_GPA,
                true);
    }

    private void addBlocks(int page, int npages, long gpa, long otherGpa, boolean lossy) {
        int writers = options.devices() + options.vcpus();
        blocks.addAll(Block.of(machine.model, writers, page, npages, gpa, otherGpa, lossy));
    }

    LoadMachine machine() {
        return machine;
    }

    Tally tally() {
        return tally;
    }

    Events events() {
        return events;
    }

    SwappedWindow window() {
        return window;
    }

    List<Block> blocks() {
        return blocks;
    }

    long seed() {
        return options.seed();
    }

    /**
     * Runs until the limits are reached, somebody wants it to stop, or something fails.
     *
     * @param stop asked all the time whether to stop with what there is
     * @param progress told the number of accesses all the time
     * @return the judgement
     */
    public StressResult run(BooleanSupplier stop, LongConsumer progress) {
        Adversary adversary = adversary();
        long start = System.nanoTime();
        try {
            startAll();
            awaitEnd(adversary, start, stop, progress);
        } finally {
            workers.stop();
            others.end().forEach(this::failed);
            workers.end().forEach(this::failed);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        attempt(adversary::close);
        vcpus.forEach(vcpu -> drops += vcpu.drops());
        if (findings.isEmpty()) { // otherwise somebody may have died with a lock in hand: the machine is not at rest
            vcpus.forEach(vcpu -> attempt(vcpu::close));
            attempt(this::seeLastEvents);
            attempt(this::readLastClocks);
            attempt(() -> RuleCoverage.run(machine));
            attempt(() -> VmAudit.atRest(machine.vm));
        }
        return result(seconds, adversary.actions());
    }

    private Adversary adversary() {
        return Adversary.of(machine.vm)
                .seed(options.seed())
                .perSecond(options.rate())
                .preferring(() -> machine.lastUsed)
                .migrating()
                .evicting()
                .writeProtecting()
                .forking()
                .discarding(LoadMachine.hva(LoadMachine.SCRATCH), LoadMachine.SCRATCH_PAGES)
                .replugging(LoadMachine.PLUG_SLOT)
                .moving(LoadMachine.PLUG_SLOT, LoadMachine.OTHER_PLUG_GPA)
                .togglingLog(LoadMachine.PLUG_SLOT)
                .togglingReadOnly(LoadMachine.PLUG_SLOT)
                .followingDirtyLog(LoadMachine.MAIN_SLOT)
                .start();
    }

    private void startAll() {
        long ofDevices = options.accesses() * DEVICE_SHARE / 100;
        long ofVcpus = (options.accesses() - ofDevices) / ACCESSES_PER_ENTRY;
        for (int id = 0; id < options.vcpus(); id++) { // bounded by the options
            VcpuWork work = new VcpuWork(this, id, options.devices() + id, share(ofVcpus, options.vcpus()));
            vcpus.add(work);
            workers.add("vcpu " + id, work);
        }
        for (int id = 0; id < options.devices(); id++) { // bounded by the options
            long share = share(ofDevices, options.devices());
            workers.add("device " + id, new DeviceWork(this, id, options.devices(), share));
        }
        others.add("control plane", new ControlWork(this), CONTROL_REST_NANOS);
        others.add("window", window, WINDOW_REST_NANOS);
    }

    /** What one of several threads does of all; 0 for no end. */
    private long share(long all, int parts) {
        return options.accesses() == 0 ? 0 : Math.max(1, all / parts);
    }

    private void awaitEnd(Adversary adversary, long start, BooleanSupplier stop, LongConsumer progress) {
        long limit = options.seconds() == 0 ? Long.MAX_VALUE : TimeUnit.SECONDS.toNanos(options.seconds());
        long lastCount = 0;
        long lastChange = start;
        long now = start;
        // Bounded by the seconds, or by the accesses; and if there are none, by the time in which everybody hangs.
        while (now - start < limit && !isOver(adversary) && !stop.getAsBoolean()) {
            LockSupport.parkNanos(Math.min(LOOK_NANOS, limit - (now - start)));
            now = System.nanoTime();
            long count = tally.accesses();
            progress.accept(count);
            if (count != lastCount) {
                lastCount = count;
                lastChange = now;
            } else if (now - lastChange > HANG_NANOS) {
                tally.violated("no access in " + TimeUnit.NANOSECONDS.toSeconds(HANG_NANOS) + " seconds");
                return;
            }
        }
    }

    /** Something failed, or everybody has made their accesses. */
    private boolean isOver(Adversary adversary) {
        return workers.isStopped() || others.isStopped() || adversary.hasFailed() || workers.hasEnded();
    }

    // ------------------------------------------------------------------ judgement

    private void attempt(Part part) {
        try {
            part.run();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            failed(interrupted);
        } catch (AssertionError | RuntimeException failure) {
            failed(failure);
        }
    }

    /** A rule that is broken counts itself; everything else counts here. */
    private void failed(Throwable failure) {
        findings.add(String.valueOf(failure.getMessage()));
        if (!(failure instanceof RuleViolation) && !(failure.getCause() instanceof RuleViolation)) {
            failures++;
        }
    }

    /** Everybody has sent what there was to send: the guest must see it within a few entries. */
    private void seeLastEvents() {
        for (int i = 0; i < LAST_ENTRIES && (i == 0 || events.isAnyMissing()); i++) { // bounded by the constant
            for (int id = 0; id < vcpus.size(); id++) { // bounded by the options
                machine.vm.vcpu(id).run(vcpus.get(id).guest()::handleEvents);
            }
        }
        for (int port = 1; port < Events.PORTS; port++) { // bounded by the ports
            if (events.isMissing(port)) {
                tally.lost("the guest never saw the last event of port " + port);
            }
        }
    }

    private void readLastClocks() {
        for (int id = 0; id < vcpus.size(); id++) { // bounded by the options
            machine.vm.vcpu(id).run(vcpus.get(id).guest()::readClocksAtRest);
        }
    }

    private StressResult result(double seconds, Map<String, Long> actions) {
        boolean whole = findings.isEmpty(); // a load that was cut short has not looked at every rule
        Verdict verdict = machine.model.verify();
        CacheStats stats = machine.vm.caches().stats();
        findings.addAll(tally.findings());
        findings.addAll(verdict.details());
        List<RuleTable.Line> lines = rules.lines();
        long broken = 0;
        for (RuleTable.Line line : lines) { // bounded by the rules
            broken += line.violations();
            if (whole && line.isVacuous()) {
                broken++;
                findings.add(line.name() + " was never checked");
            }
        }
        Map<Outcome, Long> outcomes = new EnumMap<>(Outcome.class);
        for (Outcome outcome : Outcome.values()) { // bounded by the outcomes
            outcomes.put(outcome, tally.count(outcome));
        }
        long violations = broken + failures + tally.violations.sum() + verdict.stray();
        return new StressResult(
                options.seed(), seconds, tally.accesses(), tally.raw.sum(), drops, tally.activations.sum(), outcomes,
                stats, actions,
                verdict.lost() + tally.lost.sum(), verdict.torn() + tally.torn.sum(), violations, lines, findings);
    }
}
