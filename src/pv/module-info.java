/** Paravirtual interfaces for the VM of {@code io.github.pfncache}: KVM's clocks, and Xen guests. */
module io.github.pfncache.pv {
    requires transitive io.github.pfncache;

    exports io.github.pfncache.pvclock;
    exports io.github.pfncache.xen;
}
