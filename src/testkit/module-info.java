/** For the tests of emulators: an explorer of schedules, a load with a model of memory, and recorded memory maps. */
module io.github.pfncache.testkit {
    requires transitive io.github.pfncache;
    requires static io.github.pfncache.pv; // replays of recordings have clocks; the rest does without

    requires static jdk.jfr; // to read a flight recording; does without, where the runtime image has none

    exports io.github.pfncache.explore;
    exports io.github.pfncache.stress;
    exports io.github.pfncache.trace;
}
