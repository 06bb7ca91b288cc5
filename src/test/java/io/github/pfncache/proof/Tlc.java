package io.github.pfncache.proof;

import static java.util.stream.Collectors.toSet;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * What the model checker says of one configuration of {@code src/proof}. Each run is a process of its own: TLC keeps
 * what it knows in static fields, and leaves threads behind.
 *
 * @param name of the configuration
 * @param output all that it printed
 */
record Tlc(String name, String output) {

    private static final Pattern COUNT = Pattern.compile("(?m)^\\d+ states generated, (\\d+) distinct states found");
    private static final Pattern DEPTH = Pattern.compile("(?m)^The depth of the complete .* is (\\d+)\\.$");
    private static final Pattern ACCEPTED = Pattern.compile("(?m)^<<\"accepted\", (\\d+)>>$");
    private static final long MINUTES = 50;

    /** A fault that the search of a configuration came upon: its number, what it broke, and after how many states. */
    record Found(String fault, String broken, int length) {

        private static final Pattern LINE = Pattern.compile("(?m)^<<\"found\", \"(\\w+)\", \"(\\w+)\", (\\d+)>>$");

        private static Found of(MatchResult line) {
            return new Found(line.group(1), line.group(2), Integer.parseInt(line.group(3)));
        }
    }

    /** Runs it. One worker: what is found, and where, is the same each time. */
    static Tlc check(Configuration configuration) {
        Path own = directory().resolve(configuration.name());
        String output = run(own, "tlc2.TLC", "-nowarning", "-workers", "1", "-fp", "0", "-lncheck", "final",
                "-metadir", own.resolve("states").toString(),
                "-config", configuration.file().toString(),
                configuration.module().toString());
        return new Tlc(configuration.name(), output);
    }

    /** Holds runs of the real classes, written as a module that a configuration wants, against its model. */
    static Tlc accepts(Path configuration, Path module, String recorded) {
        Path own = directory().resolve("bound");
        try {
            Files.writeString(Files.createDirectories(own).resolve("Recorded.tla"), recorded);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Tlc("bound", run(own, "tlc2.TLC", "-nowarning", "-workers", "1",
                "-metadir", own.resolve("states").toString(), "-config", configuration.toString(), module.toString()));
    }

    /** The numbers of the runs that the model has accepted. */
    Set<Integer> accepted() {
        return ACCEPTED.matcher(output).results().map(line -> Integer.parseInt(line.group(1))).collect(toSet());
    }

    /** The PlusCal of a module with its translation, made anew. */
    static String translated(Path module) {
        try {
            Path own = Files.createDirectories(directory().resolve("translated"));
            Path copy = own.resolve(module.getFileName());
            Files.writeString(copy, Files.readString(module).replaceAll(
                    "(\\\\\\* BEGIN TRANSLATION.*\n)[\\s\\S]*(\\\\\\* END TRANSLATION)", "$1$2"));
            String output = run(own, "pcal.trans", "-nocfg", copy.toString());
            if (!output.contains("Translation completed.")) {
                throw new IllegalStateException(output);
            }
            return Files.readString(copy);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path directory() {
        return Path.of(System.getProperty("proof.directory", "target/proof")).toAbsolutePath();
    }

    private static String run(Path directory, String main, String... arguments) {
        Path output = directory.resolve(main + ".out");
        try {
            Files.createDirectories(directory);
            Path jar = Path.of(tlc2.TLC.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            List<String> command = new ArrayList<>(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx" + System.getProperty("proof.heap", "512m"),
                    "-DTLA-Library=" + directory, "-cp", jar.toString(), main));
            command.addAll(List.of(arguments));
            Process process = new ProcessBuilder(command)
                    .directory(directory.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            try {
                if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
                    throw new IllegalStateException(main + " has not ended, see " + output);
                }
            } finally {
                process.destroy();
            }
            return Files.readString(output);
        } catch (Exception e) {
            throw new IllegalStateException(main + " " + List.of(arguments), e);
        }
    }

    /** Whether every state was looked at, and none was wrong. */
    boolean isComplete() {
        return output.contains("Model checking completed. No error has been found.");
    }

    /** Whether the run ended at a behaviour that breaks an invariant or a property. */
    boolean breaks(String name) {
        return output.contains("Invariant " + name + " is violated")
                || output.contains("Temporal properties were violated.");
    }

    List<Found> found() {
        return Found.LINE.matcher(output).results().map(Found::of).toList();
    }

    /** States, the same ones counted once. */
    int states() {
        return last(COUNT);
    }

    /** States on the longest of the shortest ways to a state. */
    int depth() {
        return last(DEPTH);
    }

    private int last(Pattern pattern) {
        return pattern.matcher(output).results()
                .map(match -> Integer.parseInt(match.group(1)))
                .reduce((first, second) -> second)
                .orElseThrow(() -> new IllegalStateException(name + ": " + output));
    }
}
