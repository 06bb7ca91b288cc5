/**
 * KVM's gfn-to-pfn cache as a library: from a guest physical address to a mapping that stays honest while the host
 * moves the page. The packages follow the address: {@code gpa -> memslot -> hva -> pfn -> mapping}.
 *
 * <p>The library needs {@code java.base} only. The command line, which is not exported, uses more: picocli, a progress
 * bar and HdrHistogram. A consumer of the library neither needs nor gets them.
 */
module io.github.pfncache {
    requires static info.picocli;
    requires static me.tongfei.progressbar;

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
