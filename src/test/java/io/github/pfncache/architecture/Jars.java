package io.github.pfncache.architecture;

import java.util.Set;

/** Which package is in which jar; each jar may use those before it. */
final class Jars {

    /** The library, whose module exports them all. */
    static final Set<String> LIBRARY = Set.of("address", "rules", "memslot", "host", "cache", "vm");

    /** Classifier {@code pv}: paravirtual interfaces, users of the library. */
    static final Set<String> PV = Set.of("pvclock", "xen");

    /** Classifier {@code testkit}. */
    static final Set<String> TESTKIT = Set.of("trace", "stress");

    /** Nobody's API. Together with all others, and with the libraries they use, the jar with classifier {@code cli}. */
    static final Set<String> INTERNAL = Set.of("load", "scenario", "report", "cli");

    private Jars() {}
}
