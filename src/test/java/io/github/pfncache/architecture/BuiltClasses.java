package io.github.pfncache.architecture;

import io.github.pfncache.rules.Rule;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The product as the compiler left it, and the sources it came from. */
final class BuiltClasses {

    static final String ROOT = "io.github.pfncache";

    private BuiltClasses() {}

    /** Directory of the compiled product. */
    static Path directory() {
        return directoryOf(Rule.class);
    }

    /** Directory or jar that {@code type} was loaded from. */
    static Path directoryOf(Class<?> type) {
        try {
            return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException("class location of " + type, e);
        }
    }

    /** Every class of the product, loaded and not initialised, in the order of their names. */
    static List<Class<?>> all() {
        Path root = directory();
        return files(root, ".class").stream()
                .map(file -> root.relativize(file).toString().replace('/', '.').replace('\\', '.'))
                .filter(name -> !name.endsWith("package-info.class"))
                .map(name -> name.substring(0, name.length() - ".class".length()))
                .sorted()
                .map(BuiltClasses::load)
                .collect(Collectors.toList());
    }

    /** The packages that hold classes, without the root: {@code memslot}. */
    static Set<String> packages() {
        return all().stream()
                .map(BuiltClasses::nameOfPackage)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** The package of {@code type}, without the root: {@code memslot}. */
    static String nameOfPackage(Class<?> type) {
        return type.getPackageName().substring(ROOT.length() + 1);
    }

    /** What jdeps says of some compiled classes, line by line: {@code "class"} or {@code "package"} edges. */
    static List<String> jdeps(String edges, Path classes) {
        ToolProvider tool = ToolProvider.findFirst("jdeps").orElseThrow();
        StringWriter out = new StringWriter();
        int status = tool.run(new PrintWriter(out), new PrintWriter(out),
                "-verbose:" + edges, "-filter:none", classes.toString());
        if (status != 0) {
            throw new IllegalStateException("jdeps: " + out);
        }
        return List.of(out.toString().split("\\R"));
    }

    /** A path inside the checkout. */
    static Path inCheckout(String relative) {
        return Path.of(System.getProperty("basedir", "")).resolve(relative);
    }

    /** The files below {@code root} whose name ends in {@code suffix}, sorted; none if there is no such directory. */
    static List<Path> files(Path root, String suffix) {
        if (!Files.isDirectory(root)) {
            return List.of();
        }
        try (Stream<Path> walk = Files.walk(root)) {
            return walk.filter(file -> file.toString().endsWith(suffix)).sorted().collect(Collectors.toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Class<?> load(String name) {
        try {
            return Class.forName(name, false, BuiltClasses.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(name, e);
        }
    }
}
