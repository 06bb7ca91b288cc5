package io.github.pfncache.host;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.sweep.AllocationLoader;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** One allocation in the middle of a call fails; or the heap ends there, in a JVM of its own. */
class HostOutOfMemoryTest {

    private static final long PATIENCE_SECONDS = 900;

    @Test
    void whicheverAllocationOfACallFailsTheMemoryIsAsBeforeItOrAsAfterIt(@TempDir Path directory) throws IOException {
        Path file = Files.createFile(directory.resolve("real.ram"));
        assertThat(AllocationLoader.counting(HostOutOfMemory.class).apply(new String[] {file.toString()}))
                .as("number of tries, then the faults")
                .singleElement()
                .asString()
                .matches("[1-9]\\d* tries");
    }

    @Test
    @Tag("deep")
    @Timeout(value = PATIENCE_SECONDS, unit = TimeUnit.SECONDS)
    void soItIsWhereTheHeapEnds() throws Exception {
        Path output = Files.createTempFile("pfncache", ".txt");
        Path file = Files.createTempFile("pfncache", ".ram");
        try {
            Process program = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                            "-Xmx6m", "-XX:MaxDirectMemorySize=1g",
                            "-XX:+UseSerialGC", "-XX:-UseTLAB",
                            // Little is compiled: a collection, of which there are thousands, looks through all of it.
                            "-XX:TieredStopAtLevel=1", "-XX:CompileThresholdScaling=40", "-cp",
                            place(HostMemory.class) + File.pathSeparator + place(HostOutOfMemory.class),
                            HostOutOfMemory.class.getName(), "150", file.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            try {
                assertThat(program.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).as("ended").isTrue();
            } finally {
                program.destroyForcibly();
            }
            String text = Files.readString(output);
            assertThat(text).as(text).contains("all calls seen, 0 failures");
        } finally {
            Files.deleteIfExists(output);
            Files.deleteIfExists(file);
        }
    }

    private static Path place(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    }
}
