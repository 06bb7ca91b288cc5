package io.github.pfncache.scenario;

import io.github.pfncache.explore.Scenario;
import java.lang.reflect.Method;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A race that can be explored by its name. Every schedule of each of them must go well.
 *
 * @param name what to call it
 * @param scenario what to run
 * @param description what happens in it
 */
public record Race(String name, Scenario scenario, String description) {

    private static final List<Race> ALL = Resource.text(Race.class, "races.tsv").lines().map(line -> line.split("\t"))
            .map(line -> new Race(line[0], scenario(line[0]), line[1]))
            .toList();

    /** The method of that name. */
    private static Scenario scenario(String name) {
        Method method = Stream.of(RefreshScenarios.class, SlotScenarios.class)
                .flatMap(type -> Stream.of(type.getDeclaredMethods()))
                .filter(one -> one.getName().equals(name))
                .findFirst().orElseThrow(() -> new IllegalStateException("races.tsv: no scenario " + name));
        return run -> method.invoke(null, run);
    }

    /**
     * All there are.
     *
     * @return in the order in which to read them
     */
    public static List<Race> all() {
        return ALL;
    }

    /**
     * The one of a name.
     *
     * @param name any text
     * @return none if no race has that name
     */
    public static Optional<Race> named(String name) {
        return ALL.stream().filter(one -> one.name.equals(name)).findFirst();
    }
}
