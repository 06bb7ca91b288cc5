package io.github.pfncache.sweep;

import java.util.Arrays;
import java.util.concurrent.Callable;

/**
 * Something that can be done with a machine. What its body calls of the public API has its place in the sweeps by that.
 *
 * @param name what it is called in a report
 * @param body does it, once
 */
record Operation(String name, Body body) {

    /** What an operation does; it leaves nothing open. */
    @FunctionalInterface
    interface Body {
        Object on(SweepMachine machine) throws Exception;
    }

    /** Does it. What came of it, as text; what was thrown is text as well, unless it is a rule that was broken. */
    String on(SweepMachine machine) {
        return outcomeOf(() -> body.on(machine));
    }

    /** What came of something, as text. */
    static String outcomeOf(Callable<Object> body) {
        try {
            return show(body.call());
        } catch (VirtualMachineError | Disturbed | Broken e) {
            return "throws " + e.getClass().getSimpleName();
        } catch (Exception e) {
            return "throws " + e.getClass().getSimpleName() + ": "
                    + String.valueOf(e.getMessage()).replaceAll("hva=0x\\w+", "hva");
        }
    }

    private static String show(Object result) {
        return result instanceof long[] longs ? Arrays.toString(longs)
                : result instanceof byte[] bytes ? Arrays.toString(bytes)
                : String.valueOf(result);
    }

    @Override
    public String toString() {
        return name;
    }

    /** What an adopter's code throws in a sweep. */
    static final class Disturbed extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Disturbed(String point) {
            super(point);
        }
    }

    /** What an adopter's code throws when it is badly broken. */
    static final class Broken extends Error {
        private static final long serialVersionUID = 1L;

        Broken(String point) {
            super(point);
        }
    }
}
