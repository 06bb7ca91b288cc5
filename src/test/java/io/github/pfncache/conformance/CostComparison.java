package io.github.pfncache.conformance;

import io.github.pfncache.kvm.Script;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** What the operations of a file cost inside the kernel, compared with what they cost here. */
final class CostComparison {

    static final List<String> FILES = List.of("xen_counts.tsv", "xen_random_counts.tsv");

    private static final List<String> HEADER =
            List.of("case", "script", "observed", "stability_3runs", "counters_stable");

    /** The most that one use of a runstate can cost: two pages, each privately shared before. */
    private static final Cost USE = new Cost(2, 2, 4, 0);

    private final String file;
    private final Map<Cheaper, Saving> savings = new EnumMap<>(Cheaper.class);
    private final List<String> higher = new ArrayList<>();
    private final List<String> unexplained = new ArrayList<>();
    private int rows;
    private int lower;
    private int ownUses;
    private Cost kernelAll = Cost.NOTHING;
    private Cost hereAll = Cost.NOTHING;

    /** How many operations cost less for one reason, and how much less. */
    record Saving(int operations, Cost saved) {

        static final Saving NONE = new Saving(0, Cost.NOTHING);

        Saving plus(Saving other) {
            return new Saving(operations + other.operations, saved.plus(other.saved));
        }
    }

    private CostComparison(String file) {
        this.file = file;
    }

    static CostComparison of(String file) throws IOException {
        CostComparison comparison = new CostComparison(file);
        Vectors.Table table = Vectors.read(file);
        for (Vectors.Row row : table.rows()) { // bounded by the file
            if (table.header().equals(HEADER) && row.get(4).equals("stable")) {
                comparison.compare(row);
            }
        }
        return comparison;
    }

    private void compare(Vectors.Row row) {
        Script script = Script.parse(row.get(1));
        List<Cost> kernel = List.of(row.get(2).split(" ; ", -1)).stream().map(Cost::parse).toList();
        List<Cost> here = costsHere(script);
        Cost[] allowed = kernel.toArray(Cost[]::new);
        boolean isLower = false;
        for (int i = 0; i < allowed.length; i++) { // the operations of the script
            Script.Op op = script.ops().get(i);
            Cost more = here.get(i).over(allowed[i]);
            int later = payer(script, i);
            if (!more.isNothing() && later > 0 && more.isAtMost(allowed[later].over(here.get(later)))) {
                allowed[later] = allowed[later].over(more); // paid already
            } else if (!more.isNothing() && isRunnable(op) && more.isAtMost(USE)) {
                ownUses++;
            } else if (!more.isNothing()) {
                higher.add(describe(row, script, i, allowed[i], here.get(i)));
            }
            Cost less = allowed[i].over(here.get(i));
            if (!less.isNothing()) {
                isLower = true;
                explain(describe(row, script, i, allowed[i], here.get(i)), op, kernel.get(i), less);
            }
            kernelAll = kernelAll.plus(kernel.get(i));
            hereAll = hereAll.plus(here.get(i));
        }
        rows++;
        lower += isLower ? 1 : 0;
    }

    private String describe(Vectors.Row row, Script script, int i, Cost kernel, Cost here) {
        return "%s: %s, operation %d %s: %s in the kernel, %s here%n  %s"
                .formatted(file, row, i, script.ops().get(i), kernel, here, script);
    }

    private void explain(String what, Script.Op op, Cost kernel, Cost less) {
        for (Cheaper each : Cheaper.values()) { // few
            if (each.fits(op, kernel, less)) {
                savings.merge(each, new Saving(1, less), Saving::plus);
                return;
            }
        }
        unexplained.add(what);
    }

    /** The later operation in which the kernel does what this library does in this one; 0 if there is none. */
    private static int payer(Script script, int at) {
        Script.Op op = script.ops().get(at);
        boolean event = Cheaper.EVENTS.contains(op.name());
        for (int i = at + 1; (event || isRunnable(op)) && i < script.ops().size(); i++) { // up to the next entry
            Script.Op later = script.ops().get(i);
            boolean writes = later.name().equals("vset") && later.word(2).startsWith("rs") && !isRunnable(later);
            if (Cheaper.isEntry(later) || !event && writes) {
                return i;
            }
        }
        return 0;
    }

    private static boolean isRunnable(Script.Op op) {
        return op.name().equals("vset") && op.word(2).equals("rscur") && op.word(3).equals("1");
    }

    private static List<Cost> costsHere(Script script) {
        List<Cost> costs = new ArrayList<>();
        try (XenMachine machine = new XenMachine()) {
            Cost[] last = {Cost.NOTHING};
            machine.run(script, () -> {
                Cost now = machine.isUp() ? Cost.of(machine.vm().caches().stats()) : Cost.NOTHING;
                costs.add(now.over(last[0]));
                last[0] = now;
            });
        }
        return costs;
    }

    /** Operations that cost more here. */
    List<String> higher() {
        return higher;
    }

    /** Operations that cost less here, and no rule says why. */
    List<String> unexplained() {
        return unexplained;
    }

    Saving saving(Cheaper why) {
        return savings.getOrDefault(why, Saving.NONE);
    }

    String summary() {
        return "%s: %d rows compared, %d lower, %d operations higher, %d that the kernel does not do; "
                        .formatted(file, rows, lower, higher.size(), ownUses)
                + kernelAll + " in the kernel, " + hereAll + " here";
    }
}
