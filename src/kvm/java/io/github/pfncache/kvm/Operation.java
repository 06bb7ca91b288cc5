package io.github.pfncache.kvm;

/** What an operation of the script language does. */
@FunctionalInterface
public interface Operation {

    /** Does it, and answers what was observed, changes in memory apart. */
    String run(Script.Op op);
}
