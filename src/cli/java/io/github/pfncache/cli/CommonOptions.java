package io.github.pfncache.cli;

import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** What every command takes: {@code @Mixin CommonOptions common}. Not thread-safe. */
final class CommonOptions {

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "Makes what is random the same again; the result tells the seed. Default: another each time.")
    private Long seed;

    @Option(names = "--json", description = "Write the result as one JSON object in one line, for machines.")
    private boolean json;

    /** The seed that was given, or else one that is chosen now and stays. */
    long seed() {
        if (seed == null) {
            seed = (long) ThreadLocalRandom.current().nextInt(1, 1_000_000_000);
        }
        return seed;
    }

    /** Whether a machine reads the result. */
    boolean json() {
        return json;
    }

    /** Refuses a number that makes no sense, or that no machine can serve. */
    static void requireWithin(CommandSpec spec, String option, long value, long least, long most) {
        if (value < least || value > most) {
            throw new ParameterException(
                    spec.commandLine(), option + "=" + value + " is not in " + least + ".." + most);
        }
    }
}
