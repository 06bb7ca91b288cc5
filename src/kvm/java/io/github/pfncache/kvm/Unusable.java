package io.github.pfncache.kvm;

/** There is no kernel that scripts can be run on: its message is one line that says why. */
public final class Unusable extends Exception {

    private static final long serialVersionUID = 1L;

    Unusable(String why) {
        super(why);
    }
}
