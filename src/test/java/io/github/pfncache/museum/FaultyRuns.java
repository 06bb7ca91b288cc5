package io.github.pfncache.museum;

import java.util.function.Function;

/** What a program of strings answers on a library with the fault of an exhibit in it. */
public final class FaultyRuns {

    private FaultyRuns() {}

    /**
     * Runs it there.
     *
     * @param exhibit number of the exhibit
     * @param program a class of this project, with a constructor without parameters
     * @param argument what it is given
     */
    @SuppressWarnings("unchecked") // the interface is the platform's, so both loaders mean the same
    public static String[] of(String exhibit, Class<? extends Function<String, String[]>> program, String argument) {
        try {
            MutantLoader faulty = new MutantLoader(MutantCompiler.compile(Museum.exhibit(exhibit).edits()));
            return ((Function<String, String[]>) faulty.loadClass(program.getName())
                            .getDeclaredConstructor()
                            .newInstance())
                    .apply(argument);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot run " + exhibit, e);
        }
    }
}
