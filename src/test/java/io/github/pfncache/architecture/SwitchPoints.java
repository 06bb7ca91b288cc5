package io.github.pfncache.architecture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** The points of the library at which an explorer may switch threads. */
final class SwitchPoints {

    /** A name, whole; those of locks are put together with the lock's class. */
    private static final Pattern REACHED = Pattern.compile("reached\\(\"([^\"]*[^ \"])\"\\)");

    private SwitchPoints() {}

    /** Their names, as they stand in the sources; without those of locks. */
    static Set<String> inTheSources() throws IOException {
        Set<String> points = new TreeSet<>();
        for (String root : List.of("main", "pv")) {
            for (Path file : BuiltClasses.files(Jars.sources(root), ".java")) {
                REACHED.matcher(Files.readString(file)).results().forEach(found -> points.add(found.group(1)));
            }
        }
        return points;
    }
}
