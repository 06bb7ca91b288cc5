package io.github.pfncache.museum;

import java.util.Map;
import java.util.function.Function;

/**
 * What became of an exhibit.
 *
 * @param reason why the run failed; empty if it passed
 * @param schedules how many schedules it took
 * @param seconds how long, with compiling and loading
 * @param failure the failing schedule
 * @param recording the same, as it is kept
 */
record Finding(String reason, long schedules, double seconds, String failure, String recording) {

    /** Runs the exhibit's scenario on the library with the exhibit's edits. */
    static Finding withFault(Exhibit exhibit) {
        return inOwnLibrary(exhibit.id(), MutantCompiler.compile(exhibit.edits()));
    }

    /** Runs the exhibit's scenario on a library with some classes replaced. */
    static Finding inOwnLibrary(String id, Map<String, byte[]> mutants) {
        try {
            Class<?> runner = new MutantLoader(mutants).loadClass(ExhibitRunner.class.getName());
            @SuppressWarnings("unchecked") // the interface is the platform's, so both loaders mean the same
            Function<String, String[]> run =
                    (Function<String, String[]>) runner.getDeclaredConstructor().newInstance();
            return of(run, id);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot run " + id, e);
        }
    }

    /** Runs the exhibit's scenario on the library as it is, in so many schedules if there are. */
    static Finding withoutFault(Exhibit exhibit, long schedules) {
        return of(id -> ExhibitRunner.run(id, schedules), exhibit.id());
    }

    private static Finding of(Function<String, String[]> run, String id) {
        long start = System.nanoTime();
        String[] result = run.apply(id);
        double seconds = (System.nanoTime() - start) / 1e9;
        return new Finding(result[0], Long.parseLong(result[1]), seconds, result[2], result[3]);
    }
}
