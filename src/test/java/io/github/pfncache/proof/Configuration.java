package io.github.pfncache.proof;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A configuration of a model: a file of {@code src/proof} whose first line says what it is, as a comment. Named for its
 * model: {@code CacheMigration.cfg} is run on the module {@code CacheRuns}.
 *
 * @param file the file
 * @param says its first line
 */
record Configuration(Path file, String says) {

    static final Path DIRECTORY = Path.of("src/proof").toAbsolutePath();

    private static final Pattern BREAKS = Pattern.compile("(\\w+) breaks (\\w+)(?:: (.*))?");
    private static final Pattern RUN =
            Pattern.compile("(?m)(?:^    \\\\\\* (.*)\n)?^    Run\\(\"(\\w+)\", \"(\\w+)\",");

    /**
     * A fault of a model.
     *
     * @param id of the museum, or of a fence
     * @param breaks the invariant that does not hold with it
     * @param says what is wrong, if the museum does not say it; else null
     */
    record Fault(String id, String breaks, String says) {}

    /** Those of a directory, by name. */
    static List<Configuration> all(Path directory) {
        return files(directory, ".cfg").stream()
                .map(file -> new Configuration(file, text(file).lines().findFirst().orElse("").replace("\\* ", "")))
                .toList();
    }

    static List<Path> files(Path directory, String ending) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.toString().endsWith(ending))
                    .sorted(Comparator.comparing(Path::getFileName))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    String name() {
        return file.getFileName().toString().replace(".cfg", "");
    }

    /** The module that defines what it runs. */
    Path module() {
        return files(DIRECTORY, "Runs.tla").stream()
                .filter(module -> name().startsWith(module.getFileName().toString().replace("Runs.tla", "")))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no module for " + file));
    }

    /** Whether it searches for the faults of its module, all in one run. */
    boolean isOfFaults() {
        return name().endsWith("Faults");
    }

    /** The one fault that it has, found at the end of the run; null if it has none. */
    Fault fault() {
        Matcher matcher = BREAKS.matcher(says);
        return matcher.find() ? new Fault(matcher.group(1), matcher.group(2), matcher.group(3)) : null;
    }

    /** The faults of its module. */
    List<Fault> faults() {
        return RUN.matcher(text(module())).results()
                .map(match -> new Fault(match.group(2), match.group(3), match.group(1)))
                .toList();
    }
}
