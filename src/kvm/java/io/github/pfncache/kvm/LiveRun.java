package io.github.pfncache.kvm;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Compares scripts, one after the other, and says what came out. Not thread-safe. */
final class LiveRun {

    /** So many differences are shrunk and shown; the others are counted. */
    private static final int MOST_SHOWN = 10;

    /** Shows whether the kernel's master clock is on, which all recordings and this library have. */
    private static final Script STABLE_CLOCK =
            Script.parse("slot 1 0x100000 4 A0 -;poison A0 1 0;greg 0 0x100101");

    private static final long PROGRESS_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final Kvm kvm;
    private final PrintStream out;
    private final PrintStream err;
    private final BooleanSupplier interrupted;
    private final Set<KernelDifference> applying;
    private final Comparison comparison;

    private final Map<String, Kind> kinds = new TreeMap<>();
    private final Map<KernelDifference, Integer> named = new EnumMap<>(KernelDifference.class);
    private int sequences;
    private long operations;
    private long differing;
    private int again;

    /** How often an operation of a name was run, and what came out. */
    private static final class Kind {
        private long run;
        private long differed;
        private long named;
    }

    LiveRun(Kvm kvm, PrintStream out, PrintStream err, BooleanSupplier interrupted) throws Unusable {
        this.kvm = kvm;
        this.out = out;
        this.err = err;
        this.interrupted = interrupted;
        if (!KernelMachine.observe(kvm, STABLE_CLOCK).observed().endsWith("/f1")) {
            throw new Unusable("the host has no stable TSC: what each clock shows depends on where its vCPU runs");
        }
        this.applying = Comparison.applying(kvm);
        this.comparison = new Comparison(kvm, applying);
    }

    /** What the scripts are for this kernel. */
    Generator generator(long seed, int length, boolean xen) {
        return new Generator(seed, length, xen, kvm.hasStealTime(), kvm.hasDirtyRing(), applying);
    }

    /** Says which kernel this is, what is in scope with it, and which differences with a name are its. */
    void describe(boolean xen) {
        out.println("kernel    " + release());
        out.println("KVM       " + kvm.capabilities());
        out.println("in scope  " + (xen ? "Xen: shared_info, vcpu_info, time info, runstate, event channels, timers,"
                + " polls, hypercalls, in 64-bit and 32-bit guests; clocks, memslots, dirty bitmap"
                : "clocks (old and new registers), wall clock, memslots, dirty bitmap"
                        + (kvm.hasDirtyRing() ? " and ring" : "") + (kvm.hasStealTime() ? ", steal time" : ""))
                + ", host memory (mmap, mprotect, madvise, mremap, memfd), two vCPUs");
        out.println("not       " + (xen ? "steal time, dirty ring"
                : "Xen interfaces" + (kvm.hasXen() ? " (that is --xen)" : " (the kernel has none)")
                        + (kvm.hasDirtyRing() ? "" : ", dirty ring (the kernel has none)")
                        + (kvm.hasStealTime() ? "" : ", steal time (the kernel has none)"))
                + ", fork, swap, huge pages");
        out.println("What a kernel may do otherwise, and whether this one does:");
        for (KernelDifference each : KernelDifference.values()) { // few
            out.println((applying.contains(each) ? "  it does      " : "  it does not  ") + each);
        }
    }

    private static String release() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip();
        } catch (IOException e) {
            return "of no known release: " + e.getMessage();
        }
    }

    /** Runs scripts that are made, until all are or the program is to end. */
    void runAll(Generator generator, long count) throws Unusable {
        long begin = System.nanoTime();
        long shown = begin;
        for (long number = 0; number < count && !interrupted.getAsBoolean(); number++) { // bounded by the count
            Comparison.Verdict verdict = comparison.of(generator.script(number));
            take(verdict);
            if (verdict.differs() && differing <= MOST_SHOWN) {
                show("sequence " + number, verdict.script(), shrink(verdict));
            }
            if (System.nanoTime() - shown > PROGRESS_NANOS) {
                shown = System.nanoTime();
                err.println("kvm: " + sequences + " of " + count + " sequences, " + differing + " differ");
            }
        }
        summarize(System.nanoTime() - begin);
    }

    /** The difference of the fewest operations that is found. */
    private Comparison.Verdict shrink(Comparison.Verdict verdict) throws Unusable {
        Comparison.Verdict[] smallest = {verdict};
        new Shrinker().shrink(new Script(verdict.script().ops().subList(0, verdict.at() + 1)), script -> {
            try {
                Comparison.Verdict smaller = interrupted.getAsBoolean() ? null : comparison.of(script);
                boolean differs = smaller != null && smaller.differs();
                smallest[0] = differs ? smaller : smallest[0];
                return differs;
            } catch (Script.Unreadable e) {
                return false; // what configures the machine was taken away
            }
        });
        return smallest[0];
    }

    private void show(String name, Script found, Comparison.Verdict verdict) {
        out.println("difference: " + name + ", shrunk from " + found.ops().size() + " operations to "
                + verdict.script().ops().size() + ", in " + verdict.script().ops().get(verdict.at()));
        out.println("  script   " + verdict.script());
        out.println("  library  " + verdict.library());
        out.println("  kernel   " + verdict.kernel());
    }

    /** Runs one script that was given, and prints a row of it, and a second one where this library differs. */
    void runGiven(String name, Script script) throws Unusable {
        Comparison.Verdict verdict = comparison.of(script);
        take(verdict);
        out.println(name + "\t" + script + "\t" + verdict.kernel());
        if (!verdict.agrees()) {
            out.println(name + " (library" + (verdict.named() == null ? "" : ": " + verdict.named().name()) + ")\t"
                    + script + "\t" + verdict.library());
        }
    }

    private void take(Comparison.Verdict verdict) {
        sequences++;
        for (int i = 0; i < verdict.judged(); i++) { // the operations of a script
            kinds.computeIfAbsent(verdict.script().ops().get(i).name(), name -> new Kind()).run++;
        }
        operations += verdict.judged();
        again += verdict.agrees() && verdict.again() ? 1 : 0;
        if (verdict.differs()) {
            differing++;
            kinds.get(verdict.script().ops().get(verdict.at()).name()).differed++;
        } else if (!verdict.agrees()) {
            named.merge(verdict.named(), 1, Integer::sum);
            kinds.get(verdict.script().ops().get(verdict.at()).name()).named++;
        }
    }

    private void summarize(long nanos) {
        out.printf("%n%-10s %10s %10s %10s %10s%n", "operation", "run", "agreed", "differed", "by name");
        kinds.forEach((name, kind) -> out.printf("%-10s %10d %10d %10d %10d%n",
                name, kind.run, kind.run - kind.differed - kind.named, kind.differed, kind.named));
        named.forEach((difference, count) -> out.println("by name: " + count + " times " + difference));
        if (again > 0) {
            out.println("asked again: " + again + " sequences agreed only then, as other programs took the time");
        }
        double seconds = nanos / 1e9;
        out.printf("%.1f s, %.0f sequences and %.0f operations each second%n",
                seconds, sequences / seconds, operations / seconds);
    }

    /** The last line; whether nothing differs. */
    boolean finish() {
        if (interrupted.getAsBoolean()) {
            out.println("interrupted");
        }
        long byName = named.values().stream().mapToInt(Integer::intValue).sum();
        out.println("kvm: " + sequences + " sequences, " + operations + " operations, "
                + (operations - differing - byName) + " agree, " + differing + " differ"
                + (byName == 0 ? "" : ", " + byName + " by name"));
        return differing == 0;
    }
}
