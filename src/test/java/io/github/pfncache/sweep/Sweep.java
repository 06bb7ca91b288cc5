package io.github.pfncache.sweep;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HookedChannel;
import io.github.pfncache.rules.HeldLocks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Disturbs an operation at one point, and holds what came of it against machines that nobody disturbed. After the
 * disturbed operation the same one is done again: then the machine is as if it had been done once, or twice.
 */
final class Sweep implements AutoCloseable {

    private static final int NEVER = -1;
    private static final int MOST_TIMES = 3;

    private final Path file;
    private final Path cold;
    private Crew crew = new Crew();

    Sweep(Path directory) throws IOException {
        file = Files.createFile(directory.resolve("ram"));
        cold = Files.createFile(directory.resolve("cold"));
    }

    /** Something that is done with a machine, and what it answers. */
    @FunctionalInterface
    interface Step {
        String on(SweepMachine machine);
    }

    /** What a machine is after some steps: what the last one answered, and how many frames are in use in the end. */
    private record Way(String answer, Portrait portrait, long frames) {

        List<String> differencesFrom(Way expected, Disturbance.Kind kind) {
            List<String> differences = new ArrayList<>(portrait.differencesFrom(expected.portrait));
            if (!answer.equals(expected.answer)) {
                differences.add("answers " + answer + ", expected " + expected.answer);
            }
            if (kind == Disturbance.Kind.ENDING && frames > expected.frames) {
                differences.add(frames + " frames are in use in the end, expected " + expected.frames);
            }
            if (kind == Disturbance.Kind.REFUSAL) { // a clock that finds no memory is given up
                differences.removeIf(line -> line.startsWith("memory " + Pages.hex(SweepMachine.TIME_INFO)));
            }
            return differences;
        }
    }

    /** An operation, undisturbed: its points, and what a machine is after one, two and three of them, when asked. */
    record Twin(Operation operation, SweepMachine.Stage stage, List<String> points, List<Way> ways) {}

    Twin twin(Operation operation, SweepMachine.Stage stage) {
        List<String> points = new ArrayList<>();
        Way once = way(stage, machine -> {
            machine.points.watch(NEVER, null);
            String answer = operation.on(machine);
            points.addAll(machine.points.end());
            return answer;
        });
        return new Twin(operation, stage, points, new ArrayList<>(List.of(once)));
    }

    /** Disturbs one operation at one point: what is wrong afterwards; empty if nothing is. */
    List<String> disturb(Twin twin, int number, Disturbance disturbance) {
        Operation operation = twin.operation();
        return compare(twin, disturbance.kind(), machine -> {
            machine.points.watch(number, point -> disturbance.strike().at(machine, operation, crew, point));
            try {
                return operation.on(machine);
            } finally {
                machine.points.end();
                Thread.interrupted(); // a disturbance may have set it
            }
        });
    }

    /** How many allocations an operation makes. */
    int allocations(Operation operation, SweepMachine.Stage stage) {
        AtomicInteger count = new AtomicInteger();
        way(stage, machine -> Allocations.failing(Integer.MAX_VALUE, () -> operation.on(machine), count::set));
        return count.get();
    }

    /** Lets one allocation of an operation fail: what is wrong afterwards; empty if nothing is. */
    List<String> failAllocation(Twin twin, int number) {
        return compare(twin, Disturbance.Kind.ENDING, machine ->
                Allocations.failing(number, () -> twin.operation().on(machine), count -> {}));
    }

    /** Does something instead of an operation, and then the operation. */
    private List<String> compare(Twin twin, Disturbance.Kind kind, Step disturbed) {
        Step after = machine -> {
            HeldLocks.mightSleep("the end of an operation");
            if (kind == Disturbance.Kind.REFUSAL) {
                machine.clock.requestUpdateOfAll(); // and asked for once more
            }
            return twin.operation().on(machine);
        };
        try {
            Way way = way(twin.stage(), disturbed, after);
            // What takes memory back takes back what was done meanwhile.
            boolean another = kind == Disturbance.Kind.ATTACK
                    || kind == Disturbance.Kind.DOING && twin.operation().name().contains("rewind");
            return another ? List.of() : fewest(way, twin, kind);
        } catch (Crew.Hangs e) {
            newCrew();
            return List.of(e.getMessage());
        } catch (AssertionError | RuntimeException e) {
            newCrew();
            return List.of(Faults.told(e));
        }
    }

    /** Whoever hangs, or still holds something, is not asked again. */
    private void newCrew() {
        crew.close();
        crew = new Crew();
    }

    /** What is wrong with a machine, whether the operation was done once, twice or three times. */
    private List<String> fewest(Way way, Twin twin, Disturbance.Kind kind) {
        List<String> fewest = null;
        for (int times = 1; times <= MOST_TIMES; times++) {
            if (times > twin.ways().size()) {
                twin.ways().add(way(twin.stage(), repeated(twin.operation(), times)));
            }
            List<String> differences = way.differencesFrom(twin.ways().get(times - 1), kind);
            if (differences.isEmpty()) {
                return differences;
            }
            fewest = fewest == null || differences.size() < fewest.size() ? differences : fewest;
        }
        return fewest;
    }

    private static Step[] repeated(Operation operation, int times) {
        Step[] steps = new Step[times];
        Arrays.fill(steps, (Step) operation::on);
        return steps;
    }

    /** Does the steps, one after the other, on one thread; all else on another. */
    private Way way(SweepMachine.Stage stage, Step... steps) {
        SweepMachine machine = crew.act(() -> machine(stage));
        String answer = null;
        for (Step step : steps) { // bounded by the steps
            answer = crew.act(() -> step.on(machine));
            crew.check(() -> {
                Battery.audit(machine);
                return null;
            });
        }
        Portrait portrait = crew.check(() -> Portrait.of(machine));
        return new Way(answer, portrait, end(machine));
    }

    private long end(SweepMachine machine) {
        crew.check(() -> {
            Battery.run(machine);
            return null;
        });
        crew.act(() -> machine.tlb.deactivate());
        return crew.check(() -> Battery.balance(machine));
    }

    private SweepMachine machine(SweepMachine.Stage stage) throws IOException {
        byte[] contents = new byte[SweepMachine.SOME_PAGES * Pages.PAGE_SIZE];
        Arrays.fill(contents, (byte) 1);
        Files.write(file, contents);
        Files.write(cold, contents);
        SweepMachine machine = new SweepMachine(new HookedChannel(file), new HookedChannel(cold));
        machine.enter(stage);
        return machine;
    }

    @Override
    public void close() {
        crew.close();
    }
}
