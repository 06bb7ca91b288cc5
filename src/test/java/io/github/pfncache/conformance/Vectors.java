package io.github.pfncache.conformance;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Where the recordings are, and how their files are read. */
final class Vectors {

    private static final String PROPERTY = "conformance.vectors";

    private Vectors() {}

    /** A file: rows of columns. A row that has not as many columns as the header says is kept as it is. */
    record Table(String file, List<String> header, List<Row> rows) {}

    /** One row; its line number counts from 1. */
    record Row(int line, List<String> columns) {

        String get(int column) {
            return columns.get(column);
        }

        @Override
        public String toString() {
            return columns.get(0) + " (line " + line + ")";
        }
    }

    /** Whether these are the project's own recordings, whose extent is known. */
    static boolean areBundled() {
        return System.getProperty(PROPERTY) == null;
    }

    static Path directory() {
        String chosen = System.getProperty(PROPERTY);
        try {
            return chosen != null
                    ? Path.of(chosen)
                    : Path.of(Vectors.class.getResource("memslot_rules.tsv").toURI()).getParent();
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Names of all files there, sorted. */
    static List<String> files() throws IOException {
        try (Stream<Path> files = Files.list(directory())) {
            return files.filter(Files::isRegularFile)
                    .map(path -> path.getFileName().toString())
                    .sorted()
                    .toList();
        }
    }

    static boolean exists(String file) {
        return Files.isRegularFile(directory().resolve(file));
    }

    static Table read(String file) throws IOException {
        return parse(file, Files.readAllLines(directory().resolve(file)));
    }

    static Table parse(String file, List<String> lines) {
        List<String> header = lines.isEmpty() ? List.of() : columns(lines.get(0));
        Stream<Row> rows = Stream.iterate(1, i -> i < lines.size(), i -> i + 1)
                .filter(i -> !lines.get(i).isBlank())
                .map(i -> new Row(i + 1, columns(lines.get(i))));
        return new Table(file, header, rows.toList());
    }

    private static List<String> columns(String line) {
        return List.of(line.split("\t", -1));
    }
}
