/** An emulator with Xen guests, and its tests. */
module consumer {
    requires io.github.pfncache;
    requires io.github.pfncache.xen;
    requires io.github.pfncache.testkit;
}
