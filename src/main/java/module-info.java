/**
 * KVM's gfn-to-pfn cache as a library: from a guest physical address to a mapping that stays honest while the host
 * moves the page. The packages follow the address: {@code gpa -> memslot -> hva -> pfn -> mapping}.
 *
 * <p>The library needs {@code java.base} only. The command line, which is not exported, parses its options with
 * picocli; a consumer of the library neither needs it nor gets it.
 */
module io.github.pfncache {
    requires static info.picocli;

    exports io.github.pfncache.address;
    exports io.github.pfncache.cache;
    exports io.github.pfncache.host;
    exports io.github.pfncache.memslot;
    exports io.github.pfncache.pvclock;
    exports io.github.pfncache.rules;
    exports io.github.pfncache.stress;
    exports io.github.pfncache.trace;
    exports io.github.pfncache.vm;
    exports io.github.pfncache.xen;

    opens io.github.pfncache.cli to info.picocli; // sets the fields of options
}
