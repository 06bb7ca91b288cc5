package io.github.pfncache.conformance;

/** What an operation of the script language does. */
@FunctionalInterface
interface Operation {

    /** Does it, and answers what was observed, changes in memory apart. */
    String run(Script.Op op);
}
