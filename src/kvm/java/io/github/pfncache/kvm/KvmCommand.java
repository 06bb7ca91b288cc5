package io.github.pfncache.kvm;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Compares this library with the kernel of this machine. */
@Command(name = "kvm",
        description = {
            "Runs generated sequences of operations on this machine's KVM and on this library, compares what each wrote"
                    + " into guest memory, and shrinks a difference to a few operations.",
            "With --script: runs the scripts of a file, one to a line, and prints what the kernel showed."
        },
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:all as it should be", "1:something differs", "2:bad input", "3:no KVM that can be used"})
public final class KvmCommand implements Callable<Integer> {

    /** There is no kernel to compare with. */
    static final int NO_KVM = 3;

    private static final int FOUND = 1;
    private static final int MAX_SEQUENCES = 100_000_000;
    private static final int MAX_UPDATES = 100_000_000;
    private static final int MAX_OPERATIONS = 1_000;

    private final PrintStream out;
    private final PrintStream err;
    private final BooleanSupplier interrupted;

    @Option(names = "--sequences", paramLabel = "N",
            description = "How many sequences (default: ${DEFAULT-VALUE}).")
    private long sequences = 1_000;

    @Option(names = "--ops", paramLabel = "K",
            description = "Operations in each sequence (default: ${DEFAULT-VALUE}).")
    private int operations = 20;

    @Option(names = "--seed", paramLabel = "N",
            description = "Makes the same sequences again; the result tells the seed. Default: another each time.")
    private Long seed;

    @Option(names = "--script", paramLabel = "FILE",
            description = "Run the scripts of this file: a script, or name, tab and script, in each line.")
    private Path file;

    @Option(names = "--churn", paramLabel = "N", arity = "0..1", fallbackValue = "20000",
            description = "Instead: update a clock so often while its page is taken away and given back, in many ways;"
                    + " look that the kernel keeps its invariants (default: 20000).")
    private Integer churn;

    @Option(names = "--xen",
            description = "Guests have Xen interfaces: shared_info, vcpu_info, runstate, event channels, timers.")
    private boolean xen;

    @Option(names = "--device", paramLabel = "FILE", description = "The device (default: ${DEFAULT-VALUE}).")
    private String device = Kvm.DEVICE;

    @Spec
    private CommandSpec spec;

    /**
     * The command.
     *
     * @param out receives results
     * @param err receives progress, and why there is no KVM
     * @param interrupted whether the command is to stop with what it has
     */
    public KvmCommand(PrintStream out, PrintStream err, BooleanSupplier interrupted) {
        this.out = out;
        this.err = err;
        this.interrupted = interrupted;
    }

    @Override
    public Integer call() throws IOException {
        requireWithin("--sequences", sequences, MAX_SEQUENCES);
        requireWithin("--ops", operations, MAX_OPERATIONS);
        if (churn != null) {
            requireWithin("--churn", churn, MAX_UPDATES);
        }
        List<String> lines = file == null ? List.of() : Files.readAllLines(file);
        for (int i = 0; i < lines.size(); i++) { // the lines of the file
            parse(lines.get(i), i + 1); // before anything is run
        }
        try (Kvm kvm = Kvm.open(device)) {
            return run(kvm, lines);
        } catch (Unusable e) {
            err.println("kvm: " + e.getMessage());
            return NO_KVM;
        }
    }

    private void requireWithin(String option, long value, long most) {
        if (value < 1 || value > most) {
            throw wrong(option + "=" + value + " is not in 1.." + most);
        }
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    private int run(Kvm kvm, List<String> lines) throws Unusable {
        if (xen && !kvm.hasXen()) {
            throw new Unusable("--xen: the kernel has no Xen interfaces (KVM_CAP_XEN_HVM is 0)");
        }
        if (churn != null) {
            return new KernelChurn(kvm, out, churn, interrupted).run() ? 0 : FOUND;
        }
        LiveRun run = new LiveRun(kvm, out, err, interrupted);
        if (file != null) {
            out.println("case\tscript\tobserved");
            for (int i = 0; i < lines.size() && !interrupted.getAsBoolean(); i++) { // the lines of the file
                runLine(run, lines.get(i), i + 1);
            }
        } else {
            long chosen = seed == null ? ThreadLocalRandom.current().nextInt(1, 1_000_000_000) : seed;
            run.describe(xen);
            out.println("seed      " + chosen);
            run.runAll(run.generator(chosen, operations, xen), sequences);
        }
        return run.finish() ? 0 : FOUND;
    }

    /** One script of a file. */
    private record Given(String name, Script script) {}

    /** Null for a line that says nothing. */
    private Given parse(String line, int number) {
        if (line.isBlank() || line.startsWith("#") || line.startsWith("case\tscript")) {
            return null;
        }
        String[] columns = line.split("\t", -1);
        try {
            return new Given(columns.length == 1 ? "line-" + number : columns[0],
                    Script.parse(columns[columns.length == 1 ? 0 : 1]));
        } catch (Script.Unreadable e) {
            throw wrong(file + ": line " + number + ": " + e.getMessage());
        }
    }

    private void runLine(LiveRun run, String line, int number) throws Unusable {
        Given given = parse(line, number);
        if (given != null) {
            try {
                run.runGiven(given.name, given.script);
            } catch (Script.Unreadable e) {
                throw wrong(file + ": line " + number + ": " + e.getMessage());
            }
        }
    }
}
