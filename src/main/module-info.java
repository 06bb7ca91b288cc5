/**
 * KVM's gfn-to-pfn cache as a library: from a guest physical address to a mapping that stays honest while the host
 * moves the page. The packages follow the address: {@code gpa -> memslot -> hva -> pfn -> mapping}.
 *
 * <p>The module needs {@code java.base} only; where there is {@code jdk.jfr}, flight recordings show what it does. It
 * is the library's own jar. What adds to it are modules in jars of their own, from the same build:
 * {@code io.github.pfncache.pv} (classifier {@code pv}) and {@code io.github.pfncache.testkit} (classifier
 * {@code testkit}); requiring one of them makes the library readable, too. The command line, with the libraries it
 * uses, is a runnable jar (classifier {@code cli}) for the class path.
 */
module io.github.pfncache {
    requires static jdk.jfr; // does without, where the runtime image has none

    exports io.github.pfncache.address;
    exports io.github.pfncache.cache;
    exports io.github.pfncache.host;
    exports io.github.pfncache.memslot;
    exports io.github.pfncache.rules;
    exports io.github.pfncache.vm;
}
