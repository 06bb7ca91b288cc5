package io.github.pfncache.museum;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * One change of a production source. It must apply, exactly once: a museum whose faults no longer fit the source would
 * prove nothing.
 *
 * @param file path below the root package, in whichever source root has it
 * @param search text as it stands in the file
 * @param replacement what the fault makes of it
 */
record Edit(String file, String search, String replacement) {

    private static final List<String> ROOTS = List.of("main", "pv", "testkit", "kvm", "cli");

    /** The file as it is. */
    String original() {
        try {
            return Files.readString(source());
        } catch (IOException e) {
            throw new IllegalStateException("cannot read " + file, e);
        }
    }

    private Path source() {
        return ROOTS.stream()
                .map(root -> checkout().resolve("src/" + root + "/java/io/github/pfncache").resolve(file))
                .filter(Files::exists)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no source root has " + file));
    }

    /** The text with the fault in it. */
    String applyTo(String source) {
        int first = source.indexOf(search);
        if (first < 0 || source.indexOf(search, first + 1) >= 0) {
            throw new IllegalStateException(
                    "in " + file + (first < 0 ? " nothing is like:\n" : " more than one place is like:\n") + search);
        }
        return source.substring(0, first) + replacement + source.substring(first + search.length());
    }

    /** The directory with the pom, from where the tests were started. */
    static Path checkout() {
        Path directory = Path.of("").toAbsolutePath();
        while (!Files.exists(directory.resolve("pom.xml"))) { // bounded by the depth of the directory
            directory = directory.getParent();
            if (directory == null) {
                throw new IllegalStateException("the museum needs the sources: start it inside the checkout");
            }
        }
        return directory;
    }
}
