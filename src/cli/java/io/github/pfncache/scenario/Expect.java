package io.github.pfncache.scenario;

import java.util.Arrays;
import java.util.Collection;
import java.util.Objects;

/** What a scenario expects of a value. Whatever is not so is an {@link AssertionError} that starts with its name. */
final class Expect {

    private final Object found;
    private String name = "";

    private Expect(Object found) {
        this.found = found instanceof Integer number ? (Object) number.longValue() : found;
    }

    static Expect that(Object found) {
        return new Expect(found);
    }

    /** Names the value. */
    Expect as(String what) {
        name = "[" + what + "] ";
        return this;
    }

    void isEqualTo(Object expected) {
        isIn(expected);
    }

    /** One of these; an int stands for the long of its value. */
    void isIn(Object... expected) {
        boolean holds = Arrays.stream(expected)
                .anyMatch(one -> Objects.equals(found, one instanceof Integer number ? number.longValue() : one));
        String list = expected.length == 1 ? String.valueOf(expected[0]) : "one of " + Arrays.toString(expected);
        require(holds, "expected " + list + ", found " + found);
    }

    void isTrue() {
        isEqualTo(true);
    }

    void isFalse() {
        isEqualTo(false);
    }

    void isEmpty() {
        require(((Collection<?>) found).isEmpty(), "expected none, found " + found);
    }

    void isAtLeast(long least) {
        require((long) found >= least, "expected at least " + least + ", found " + found);
    }

    private void require(boolean holds, String complaint) {
        if (!holds) {
            throw new AssertionError(name + complaint);
        }
    }
}
