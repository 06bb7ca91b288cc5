package io.github.pfncache.proof;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.museum.FaultyRuns;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The model of the cache is bound to the code: what the explorer sees of the real classes in a race, the model can do;
 * and what it sees of classes with a fault of the museum in them, the model cannot.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES) // one run of TLC over all of them
final class BindingTest {

    /** How many schedules of each race; more with {@code -Dproof.schedules}. */
    private static final int SCHEDULES = Integer.getInteger("proof.schedules", 50);

    /** In so many the fault shows. */
    private static final int FAULTY_SCHEDULES = 300;

    /** The races, by the names that {@code CacheBound.tla} has for them. */
    private static final Map<String, String> RACES = new TreeMap<>(Map.of(
            "access", "a: activate access;b: access;m: migrate",
            "refresh", "a: activate deactivate;b: refresh;m: migrate",
            "again", "a: activate access access;m: migrate discard",
            "deletion", "a: activate access;delete: delete"));

    /** A race in which the fault shows. */
    private static final Map<String, String> FAULTS = new TreeMap<>(Map.of(
            "B00", "again", "B01", "access", "B04", "refresh", "B06", "refresh", "B24", "access", "D01", "again",
            "D02", "again"));

    @Test
    void theModelAcceptsRunsOfTheCodeAndRefusesThoseWithAFault() {
        List<String> runs = new ArrayList<>();
        RACES.forEach((name, race) -> {
            String[] recorded = new BoundRace().apply(SCHEDULES + ";" + race);
            assertThat(recorded[recorded.length - 1]).as(name).isEmpty();
            add(runs, name, recorded);
        });
        int sound = runs.size();
        FAULTS.forEach((fault, name) -> {
            String[] recorded = FaultyRuns.of(fault, BoundRace.class, FAULTY_SCHEDULES + ";" + RACES.get(name));
            assertThat(recorded[recorded.length - 1]).as(fault).isNotEmpty();
            add(runs, name, recorded);
        });
        assertThat(runs).as("one run for each fault").hasSize(sound + FAULTS.size());
        Tlc ran = Tlc.accepts(Configuration.DIRECTORY.resolve("bound/CacheBound.cfg"),
                Configuration.DIRECTORY.resolve("CacheBound.tla"), module(runs));
        assertThat(ran.isComplete()).as(ran.output()).isTrue();
        List<String> refused = new ArrayList<>();
        List<String> acceptedFaults = new ArrayList<>(FAULTS.keySet());
        for (int i = runs.size(); i > 0; i--) {
            boolean accepted = ran.accepted().contains(i);
            if (i > sound && !accepted) {
                acceptedFaults.remove(i - sound - 1);
            } else if (i <= sound && !accepted) {
                refused.add(i + ": " + runs.get(i - 1));
            }
        }
        assertThat(refused).as("runs of the code that the model cannot do, of %d", sound).isEmpty();
        assertThat(acceptedFaults).as("faults with which the code does what the model can do").isEmpty();
        System.out.printf("bound: %d runs of the code accepted, runs with %s refused%n", sound, FAULTS.keySet());
    }

    private static void add(List<String> runs, String race, String[] recorded) {
        for (int i = 0; i < recorded.length - 1; i++) {
            runs.add("[race |-> \"" + race + "\", moments |-> " + recorded[i] + "]");
        }
    }

    private static String module(List<String> runs) {
        return "---- MODULE Recorded ----\nRecorded == <<\n" + String.join(",\n", runs) + "\n>>\n====\n";
    }
}
