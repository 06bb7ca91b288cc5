package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** How much code each jar is made of: lines without comments, blank lines and imports. What grows takes away. */
final class WeightTest {

    private static final long MOST_IN_LIBRARY = 12_300;
    private static final long MOST_IN_COMMAND_LINE = 4500;
    private static final long MOST_IN_ORACLE = 4650;
    private static final long MOST_IN_MACHINE = 900;

    @Test
    void theLibraryAndTheCommandLineAreSmall() throws IOException {
        long library = 0;
        long commandLine = 0;
        long oracle = 0;
        for (String root : Jars.roots()) {
            long lines = linesIn(Jars.sources(root));
            System.out.println("src/" + root + ": " + lines + " lines of code");
            library = root.equals("main") ? lines : library;
            commandLine = root.equals("cli") ? lines : commandLine;
            oracle = root.equals("kvm") ? lines : oracle;
        }
        assertThat(library).as("lines of code in src/main").isBetween(1L, MOST_IN_LIBRARY);
        assertThat(commandLine).as("lines of code in src/cli").isBetween(1L, MOST_IN_COMMAND_LINE);
        assertThat(oracle).as("lines of code in src/kvm").isBetween(1L, MOST_IN_ORACLE);
    }

    /** What is to be copied is read first, its test too. */
    @Test
    void theMachineToCopyIsSmall() throws IOException {
        assertThat(linesIn(BuiltClasses.inCheckout("src/it/machine"))).isBetween(1L, MOST_IN_MACHINE);
    }

    private static long linesIn(Path directory) throws IOException {
        long lines = 0;
        for (Path file : BuiltClasses.files(directory, ".java")) {
            lines += SourceText.codeLines(Files.readString(file));
        }
        return lines;
    }
}
