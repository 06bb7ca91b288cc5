package io.github.pfncache.conformance;

import io.github.pfncache.kvm.KernelDifference;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.assertj.core.api.Assertions;

/** Counts and compares the rows of one file. */
final class Report {

    private final String file;
    private final Consumer<String> out;
    private final List<String> differences = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();
    private final Map<KernelDifference, Integer> purposes = new EnumMap<>(KernelDifference.class);
    private final Map<String, Integer> reasons = new TreeMap<>();
    private int agreed;
    private int outOfScope;

    Report(String file) {
        this(file, System.out::println);
    }

    Report(String file, Consumer<String> out) {
        this.file = file;
        this.out = out;
    }

    /** Prints and returns that a file is not there. */
    static String absent(String file) {
        String note = file + ": absent, skipped";
        System.out.println(note);
        return note;
    }

    /** A row that was run; whether it agrees. */
    boolean compare(Vectors.Row row, String expected, String actual) {
        return compare(row, row.columns().size() > 1 ? row.get(1) : "", expected, actual);
    }

    /** A row that was run, and what was done for it. */
    boolean compare(Vectors.Row row, String input, String expected, String actual) {
        boolean agrees = expected.equals(actual);
        if (agrees) {
            agreed++;
        } else {
            differences.add("%s: %s differs%n  input    %s%n  expected %s%n  actual   %s"
                    .formatted(file, row, input, expected, actual));
        }
        return agrees;
    }

    /** A row that agrees with what is to be instead of what was recorded. */
    void differently(Set<KernelDifference> differences) {
        for (KernelDifference difference : differences) { // few
            purposes.merge(difference, 1, Integer::sum);
        }
    }

    /** A row that is known not to count. */
    void outOfScope() {
        outOfScope++;
    }

    /** The same, and why. */
    void outOfScope(String why) {
        outOfScope++;
        reasons.merge(why, 1, Integer::sum);
    }

    /** A row that is not known; it is named. */
    void unknown(Vectors.Row row, String why) {
        outOfScope++;
        notes.add(file + ": " + row + " is out of scope: " + why);
    }

    int run() {
        return agreed + differences.size();
    }

    int differing() {
        return differences.size();
    }

    String summary() {
        return "%s: %d rows, %d run, %d agree, %d differ, %d out of scope"
                .formatted(file, run() + outOfScope, run(), agreed, differences.size(), outOfScope);
    }

    /** Prints what there is to say, and fails if a row differs. */
    void finish() {
        notes.forEach(out);
        reasons.forEach((why, rows) -> out.accept(file + ": " + rows + " out of scope: " + why));
        purposes.forEach((difference, rows) -> out.accept(
                file + ": " + rows + " rows differ on purpose, " + difference.name()));
        differences.forEach(out);
        out.accept(summary());
        Assertions.assertThat(differences).as(summary()).isEmpty();
    }
}
