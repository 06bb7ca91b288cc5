/** An emulator with Xen guests, and its tests. */
module consumer {
    requires io.github.pfncache;
    requires io.github.pfncache.pv;
    requires io.github.pfncache.testkit;
}
