/** An emulator that is a module. */
module consumer {
    requires io.github.pfncache;
}
