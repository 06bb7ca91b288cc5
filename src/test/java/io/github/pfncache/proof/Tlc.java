package io.github.pfncache.proof;

import static java.util.stream.Collectors.toSet;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

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

    /** In which a process that computes takes more than a hundredth of a processor, also where many others do. */
    private static final Duration WINDOW = Duration.ofSeconds(10);

    /** The search of a temporal property may wait for a worker that waits for it, once it has lasted three seconds. */
    private static final int ATTEMPTS = 5;

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
        Path unpacked = directory.resolve("modules"); // TLC's own modules: two runs that share them read half a file
        try {
            Files.createDirectories(unpacked);
            Path jar = Path.of(tlc2.TLC.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            List<String> command = new ArrayList<>(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx" + System.getProperty("proof.heap", "512m"),
                    "-Djava.io.tmpdir=" + unpacked, "-DTLA-Library=" + directory, "-cp", jar.toString(), main));
            command.addAll(List.of(arguments));
            boolean ended = false;
            for (int attempt = 0; attempt < ATTEMPTS && !ended; attempt++) { // bounded by the attempts
                clear(directory.resolve("states"));
                Process process = new ProcessBuilder(command)
                        .directory(directory.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
                try {
                    ended = ends(process);
                } finally {
                    process.destroyForcibly().waitFor();
                }
            }
            if (!ended) {
                throw new IllegalStateException(main + " has not ended, see " + output);
            }
            return Files.readString(output);
        } catch (Exception e) {
            throw new IllegalStateException(main + " " + List.of(arguments), e);
        }
    }

    /** Whether a process ends; false once it has stopped to compute, or it has lasted too long. */
    private static boolean ends(Process process) throws InterruptedException {
        long last = -1;
        for (long left = MINUTES * 60; left > 0; left -= WINDOW.toSeconds()) { // bounded by the minutes
            if (process.waitFor(WINDOW.toSeconds(), TimeUnit.SECONDS)) {
                return true;
            }
            long now = process.info().totalCpuDuration().map(Duration::toMillis).orElse(Long.MAX_VALUE);
            if (last >= 0 && now < Long.MAX_VALUE && now - last < WINDOW.toMillis() / 100) {
                return false;
            }
            last = now;
        }
        return false;
    }

    /** What a run that was ended has left. */
    private static void clear(Path states) throws IOException {
        if (Files.exists(states)) {
            try (Stream<Path> all = Files.walk(states)) {
                for (Path each : all.sorted(Comparator.reverseOrder()).toList()) { // bounded by the files
                    Files.delete(each);
                }
            }
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
