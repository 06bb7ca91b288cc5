package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.cache.CacheStats;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What each operation cost inside the kernel, and what it costs here: refreshes, resolutions of a page, and caches that
 * an invalidation hit may be fewer, never more.
 *
 * <p>They are fewer where a change of a memslot concerns other caches, which need no refresh then; and where a use that
 * fails is tried once, not at every turn of an entry loop. One cost is earlier: an event that is delivered at once has
 * the refresh that the kernel makes when its next entry delivers it ({@link Difference#STALE_VCPU_INFO}).
 *
 * <p>It does not hold yet, so {@code mvn test} leaves it out: 36 operations of the one file and 53 of the other cost
 * more here, and are printed. Most are of two kinds: a page that becomes writable again is announced to its caches, and
 * a change of a slot takes the window of caches that were placed by hva.
 */
@Tag("deep")
final class CountersConformanceTest {

    private static final List<String> HEADER =
            List.of("case", "script", "observed", "stability_3runs", "counters_stable");

    private static final Set<String> EVENTS = Set.of("xsend", "send", "fire");
    private static final Set<String> ENTRIES = Set.of("run", "irun", "hlt", "spin", "send", "hc", "greg");

    /** What one operation cost. */
    private record Cost(long refreshes, long lookups, long resolutions, long invalidated) {

        static final Cost NOTHING = new Cost(0, 0, 0, 0);

        private static final Pattern COUNT = Pattern.compile("(\\w+)=(\\d+)");

        static Cost parse(String step) {
            int at = step.indexOf('#');
            long[] counts = new long[4];
            Matcher matcher = COUNT.matcher(at < 0 ? "" : step.substring(at));
            while (matcher.find()) { // bounded by the text
                int which = List.of("refresh", "slotlookup", "resolve", "invhit").indexOf(matcher.group(1));
                if (which >= 0) {
                    counts[which] = Long.parseLong(matcher.group(2));
                }
            }
            return new Cost(counts[0], counts[1], counts[2], counts[3]);
        }

        static Cost between(CacheStats before, CacheStats after) {
            return new Cost(
                    after.refreshes() - before.refreshes(),
                    after.slotLookups() - before.slotLookups(),
                    after.resolutions() - before.resolutions(),
                    after.invalidated() - before.invalidated());
        }

        Cost plus(Cost other) {
            return new Cost(refreshes + other.refreshes, lookups + other.lookups, resolutions + other.resolutions,
                    invalidated + other.invalidated);
        }

        /** By how much this is more, where it is. */
        Cost over(Cost other) {
            return new Cost(
                    Math.max(0, refreshes - other.refreshes),
                    Math.max(0, lookups - other.lookups),
                    Math.max(0, resolutions - other.resolutions),
                    Math.max(0, invalidated - other.invalidated));
        }

        boolean isAtMost(Cost other) {
            return over(other).equals(NOTHING);
        }

        @Override
        public String toString() {
            return "r" + refreshes + " s" + lookups + " p" + resolutions + " inv" + invalidated;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"xen_counts.tsv", "xen_random_counts.tsv"})
    void nothingCostsMoreThanInTheKernel(String file) throws IOException {
        assumeTrue(Vectors.exists(file), () -> Report.absent(file));
        Vectors.Table table = Vectors.read(file);
        List<String> higher = new ArrayList<>();
        int rows = 0;
        int lower = 0;
        Cost kernelAll = Cost.NOTHING;
        Cost hereAll = Cost.NOTHING;
        for (Vectors.Row row : table.rows()) { // bounded by the file
            if (!table.header().equals(HEADER) || !row.get(4).equals("stable")) {
                continue;
            }
            rows++;
            Script script = Script.parse(row.get(1));
            List<Cost> kernel = List.of(row.get(2).split(" ; ", -1)).stream().map(Cost::parse).toList();
            List<Cost> here = costsHere(script);
            Cost[] allowed = kernel.toArray(Cost[]::new);
            boolean isLower = false;
            for (int i = 0; i < allowed.length; i++) { // the operations of the script
                Cost more = here.get(i).over(allowed[i]);
                int later = payer(script, i);
                if (!more.equals(Cost.NOTHING) && later > 0 && more.isAtMost(allowed[later])) {
                    allowed[later] = allowed[later].over(more); // paid already
                    allowed[i] = allowed[i].plus(more);
                } else if (!more.equals(Cost.NOTHING)) {
                    higher.add("%s: %s, operation %d %s: %s in the kernel, %s here%n  %s"
                            .formatted(file, row, i, script.ops().get(i), allowed[i], here.get(i), script));
                }
                Cost less = allowed[i].over(here.get(i));
                isLower |= !less.equals(Cost.NOTHING);
                kernelAll = kernelAll.plus(kernel.get(i));
                hereAll = hereAll.plus(here.get(i));
            }
            lower += isLower ? 1 : 0;
        }
        higher.forEach(System.out::println);
        System.out.println("%s: %d rows compared, %d lower, %d operations higher; %s in the kernel, %s here"
                .formatted(file, rows, lower, higher.size(), kernelAll, hereAll));
        assertThat(higher).isEmpty();
    }

    /** The later operation in which the kernel does what this one does already; 0 if there is none. */
    private static int payer(Script script, int at) {
        Script.Op op = script.ops().get(at);
        boolean event = EVENTS.contains(op.name());
        if (!event && !isRunnable(op)) {
            return 0;
        }
        for (int i = at + 1; i < script.ops().size(); i++) { // up to the next entry, or change of the runstate
            Script.Op later = script.ops().get(i);
            if (ENTRIES.contains(later.name()) || !event && isOfRunstate(later)) {
                return i;
            }
        }
        return 0;
    }

    private static boolean isOfRunstate(Script.Op op) {
        return op.name().equals("vset") && op.word(2).startsWith("rs") && !isRunnable(op);
    }

    private static boolean isRunnable(Script.Op op) {
        return op.name().equals("vset") && op.word(2).equals("rscur") && op.word(3).equals("1");
    }

    private static List<Cost> costsHere(Script script) {
        List<Cost> costs = new ArrayList<>();
        try (Machine machine = new Machine()) {
            CacheStats[] last = {new CacheStats(0, 0, 0, 0, 0, 0, 0, 0)};
            machine.run(script, () -> {
                CacheStats now = machine.isUp() ? machine.vm().caches().stats() : last[0];
                costs.add(Cost.between(last[0], now));
                last[0] = now;
            });
        }
        return costs;
    }
}
