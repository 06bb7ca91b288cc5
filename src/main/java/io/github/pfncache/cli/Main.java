package io.github.pfncache.cli;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.IVersionProvider;

/** The program. Without a command it replays the recorded boots that come with it. */
@Command(
        name = "pfncache",
        description = "KVM's gfn-to-pfn cache. Without a command: replay.",
        subcommands = {ReplayCommand.class},
        mixinStandardHelpOptions = true,
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
            System.setProperty(RULES, "true"); // the audit at the end of a replay is to look, assertions or not
        }
        int code = run(args, System.out, System.err, Console.isTerminal());
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
     * @return the exit code
     */
    static int run(String[] args, PrintStream out, PrintStream err) {
        return run(args, out, err, false);
    }

    static int run(String[] args, PrintStream out, PrintStream err, boolean terminal) {
        Ansi ansi = terminal && Ansi.AUTO.enabled() ? Ansi.ON : Ansi.OFF;
        Console console = new Console(out, err, terminal, ansi);
        CommandLine.IFactory factory = new CommandLine.IFactory() {
            @Override
            public <K> K create(Class<K> type) throws Exception {
                return type == ReplayCommand.class
                        ? type.cast(new ReplayCommand(console))
                        : CommandLine.defaultFactory().create(type);
            }
        };
        CommandLine line = new CommandLine(new Main(console), factory)
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .setColorScheme(CommandLine.Help.defaultColorScheme(ansi))
                .setParameterExceptionHandler((fault, given) -> console.complain(fault))
                .setExecutionExceptionHandler((fault, command, parsed) -> console.complain(fault));
        int code = line.execute(args);
        out.flush();
        err.flush();
        return code;
    }

    @Override
    public Integer call() throws Exception {
        return new ReplayCommand(console).call();
    }
}
