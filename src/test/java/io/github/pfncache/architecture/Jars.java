package io.github.pfncache.architecture;

import static java.util.stream.Collectors.toCollection;
import static java.util.stream.Collectors.toList;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Which package is in which jar: each jar has a source root, and each may use those before it. */
final class Jars {

    /** The library, whose module exports them all. */
    static final Set<String> LIBRARY = packagesIn("main");

    /** Classifier {@code pv}: paravirtual interfaces, users of the library. */
    static final Set<String> PV = packagesIn("pv");

    /** Classifier {@code testkit}. */
    static final Set<String> TESTKIT = packagesIn("testkit");

    /** Nobody's API. Together with all others, and with the libraries they use, the jar with classifier {@code cli}. */
    static final Set<String> INTERNAL = union("kvm", "cli");

    private Jars() {}

    /** The source roots of the product, below {@code src}. */
    static List<String> roots() {
        return List.of("main", "pv", "testkit", "kvm", "cli");
    }

    /** Where the sources of {@code root} begin. */
    static Path sources(String root) {
        return BuiltClasses.inCheckout("src/" + root + "/java");
    }

    /** What makes the jar of {@code root} a module. */
    static Path module(String root) {
        return BuiltClasses.inCheckout("src/" + root + "/module-info.java");
    }

    /** Every source of the product. */
    static List<Path> sources() {
        return roots().stream()
                .flatMap(root -> BuiltClasses.files(sources(root), ".java").stream())
                .collect(toList());
    }

    private static Set<String> union(String... roots) {
        return Stream.of(roots).flatMap(root -> packagesIn(root).stream()).collect(toCollection(TreeSet::new));
    }

    private static Set<String> packagesIn(String root) {
        Path top = sources(root).resolve(BuiltClasses.ROOT.replace('.', '/'));
        return BuiltClasses.files(top, ".java").stream()
                .map(file -> top.relativize(file.getParent()).toString().replace('\\', '/').replace('/', '.'))
                .collect(toCollection(TreeSet::new));
    }
}
