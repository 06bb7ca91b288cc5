package io.github.pfncache.bench.ratio;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * One run of the benchmarks on one JDK, with the same times and flags for all: every ratio is between two numbers of
 * one such run.
 *
 * <p>A run is several rounds, each of which runs every benchmark once in a JVM of its own. The speed of a machine that
 * others share drifts from minute to minute; within a round what is compared is measured close together, and a round
 * that was disturbed is outvoted by the others.
 */
final class Harness {

    private static final int ROUNDS = 3;

    /** Two seconds in all: what a set-up of 100,000 caches has left to compile is compiled by then. */
    private static final int WARM_UPS = 4;

    private static final TimeValue WARM_UP_TIME = TimeValue.milliseconds(500);
    private static final int ITERATIONS = 4;
    private static final TimeValue TIME = TimeValue.milliseconds(200);
    private static final TimeValue QUICK_TIME = TimeValue.milliseconds(20);

    /** The first release that warns about what the harness does by itself, unless told not to. */
    private static final int WARNS_FROM = 24;

    private final Path directory;
    private final String include;
    private final boolean quick;
    private final String processor;

    Harness(Path directory, String include, boolean quick, String processor) {
        this.processor = processor;
        this.directory = directory;
        this.include = include;
        this.quick = quick;
    }

    /**
     * Runs the benchmarks that match.
     *
     * @param jdkHome home of the JDK to run them on
     * @throws RunnerException if one failed, or none matched
     * @throws IOException if the JDK or the directory is not what it should be
     */
    void run(Path jdkHome) throws RunnerException, IOException {
        int release = release(jdkHome);
        JsonArray all = new JsonArray();
        for (int round = 0; round < (quick ? 1 : ROUNDS); round++) { // bounded by ROUNDS
            all.addAll(round(jdkHome, release));
        }
        all.forEach(result -> result.getAsJsonObject().addProperty(Results.PROCESSOR, processor));
        Files.writeString(directory.resolve("jmh-" + release + ".json"), all.toString());
    }

    /** Every benchmark once; the results as JMH writes them. */
    private JsonArray round(Path jdkHome, int release) throws RunnerException, IOException {
        // Under another name until the run is complete: one that was ended half way leaves the former figures.
        Path file = directory.resolve("round.json");
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include(include)
                .jvm(jdkHome.resolve("bin").resolve("java").toString())
                .jvmArgs(flags(release))
                .forks(1)
                .warmupIterations(quick ? 1 : WARM_UPS)
                .warmupTime(quick ? QUICK_TIME : WARM_UP_TIME)
                .measurementIterations(quick ? 1 : ITERATIONS)
                .measurementTime(quick ? QUICK_TIME : TIME)
                .addProfiler(GCProfiler.class)
                .shouldFailOnError(true)
                .resultFormat(ResultFormatType.JSON)
                .result(file.toString());
        new Runner(options.build()).run();
        try (Reader reader = Files.newBufferedReader(file)) {
            return JsonParser.parseReader(reader).getAsJsonArray();
        } finally {
            Files.delete(file);
        }
    }

    /**
     * One collector and one size of heap, whatever the machine, which is given its memory at once: the first touch of a
     * page is the operating system's work. No assertions, so the rules fold away.
     */
    private static String[] flags(int release) {
        List<String> flags = new ArrayList<>(List.of("-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch", "-XX:+UseG1GC", "-da"));
        if (release >= WARNS_FROM) {
            flags.add("--sun-misc-unsafe-memory-access=allow");
        }
        return flags.toArray(String[]::new);
    }

    /** From the file that every JDK has in its home. */
    private static int release(Path jdkHome) throws IOException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(jdkHome.resolve("release"))) {
            properties.load(reader);
        }
        String version = properties.getProperty("JAVA_VERSION").replace("\"", "");
        return Runtime.Version.parse(version).feature();
    }
}
