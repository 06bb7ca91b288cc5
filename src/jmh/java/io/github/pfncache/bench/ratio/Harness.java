package io.github.pfncache.bench.ratio;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
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
 */
final class Harness {

    private static final int WARM_UPS = 2;
    private static final TimeValue WARM_UP_TIME = TimeValue.milliseconds(700);
    private static final int ITERATIONS = 5;
    private static final TimeValue TIME = TimeValue.milliseconds(250);
    private static final TimeValue QUICK_TIME = TimeValue.milliseconds(20);

    /** The first release that warns about what the harness does by itself, unless told not to. */
    private static final int WARNS_FROM = 24;

    private final Path directory;
    private final String include;
    private final boolean quick;

    Harness(Path directory, String include, boolean quick) {
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
        // Under another name until it is complete: a run that was ended half way leaves the former figures.
        Path unfinished = directory.resolve("unfinished.json");
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include(include)
                .jvm(jdkHome.resolve("bin").resolve("java").toString())
                .jvmArgs(flags(release))
                .warmupIterations(quick ? 1 : WARM_UPS)
                .warmupTime(quick ? QUICK_TIME : WARM_UP_TIME)
                .measurementIterations(quick ? 1 : ITERATIONS)
                .measurementTime(quick ? QUICK_TIME : TIME)
                .addProfiler(GCProfiler.class)
                .shouldFailOnError(true)
                .resultFormat(ResultFormatType.JSON)
                .result(unfinished.toString());
        if (quick) {
            options.forks(1);
        }
        new Runner(options.build()).run();
        Files.move(unfinished, directory.resolve("jmh-" + release + ".json"), StandardCopyOption.REPLACE_EXISTING);
    }

    /** One collector and one size of heap, whatever the machine; no assertions, so the rules fold away. */
    private static String[] flags(int release) {
        List<String> flags = new ArrayList<>(List.of("-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-da"));
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
