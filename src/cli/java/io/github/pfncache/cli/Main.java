package io.github.pfncache.cli;

import io.github.pfncache.kvm.KvmCommand;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.IVersionProvider;

/** The program. Without a command it replays the recorded boots that come with it. */
@Command(name = "pfncache",
        description = "KVM's gfn-to-pfn cache. New here? The command tour. Without a command: replay.",
        mixinStandardHelpOptions = true,
        scope = CommandLine.ScopeType.INHERIT,
        versionProvider = Main.Version.class,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:all as it should be", "1:something differs", "2:bad input"})
public final class Main implements Callable<Integer> {

    /** Switches the checks of rules on; read when the first rule is used. */
    private static final String RULES = "pfncache.rules";

    private final Console console;

    private Main(Console console) {
        this.console = console;
    }

    /** Says which version this is. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.class.getPackage().getImplementationVersion();
            return new String[] {"pfncache " + (version == null ? "(not from a jar)" : version)};
        }
    }

    /**
     * The program. Ends the JVM, which may be a build tool's, only if something is wrong.
     *
     * @param args command and options
     */
    public static void main(String[] args) {
        if (System.getProperty(RULES) == null) {
            System.setProperty(RULES, "true"); // what is audited at the end of a run, assertions or not
        }
        Interruption interruption = new Interruption();
        interruption.listen();
        int code;
        try {
            code = run(args, System.out, System.err, Console.isTerminal(), interruption);
        } finally {
            interruption.finished();
        }
        if (code != 0) {
            System.exit(code);
        }
    }

    /**
     * The program, without the JVM around it.
     *
     * @param args command and options
     * @param out receives results
     * @param err receives progress and complaints
     * @param terminal whether a person looks on
     * @param interruption tells the command to stop
     * @return the exit code
     */
    static int run(String[] args, PrintStream out, PrintStream err, boolean terminal, Interruption interruption) {
        Ansi ansi = terminal && Ansi.AUTO.enabled() ? Ansi.ON : Ansi.OFF;
        Console console = new Console(out, err, terminal, ansi, interruption);
        int code;
        try {
            code = commandLine(console).execute(args);
        } catch (OutOfMemoryError tooMuch) {
            err.println("not enough memory for that: " + tooMuch.getMessage());
            code = Console.BAD_INPUT;
        }
        err.flush();
        if (out.checkError()) { // flushes; a print stream keeps quiet about what it could not write
            err.println("standard output: cannot be written");
            return Console.BAD_INPUT;
        }
        return code;
    }

    private static CommandLine commandLine(Console console) {
        return new CommandLine(new Main(console))
                .addSubcommand(new TourCommand(console))
                .addSubcommand(new ReplayCommand(console))
                .addSubcommand(new ReportCommand(console))
                .addSubcommand(new StressCommand(console))
                .addSubcommand(new ExploreCommand(console))
                .addSubcommand(new KvmCommand(console.out(), console.err(), console::isInterrupted))
                .setOut(new PrintWriter(console.out(), true))
                .setErr(new PrintWriter(console.err(), true))
                .setExpandAtFiles(false) // a file may be called @anything
                .setColorScheme(CommandLine.Help.defaultColorScheme(console.ansi()))
                .setParameterExceptionHandler((fault, given) -> console.complain(fault))
                .setExecutionExceptionHandler((fault, command, parsed) -> console.complain(fault));
    }

    @Override
    public Integer call() throws Exception {
        return new ReplayCommand(console).call();
    }
}
