/** An emulator with Xen guests, and its tests; what it requires makes the library readable, too. */
module consumer {
    requires io.github.pfncache.pv;
    requires io.github.pfncache.testkit;
}
