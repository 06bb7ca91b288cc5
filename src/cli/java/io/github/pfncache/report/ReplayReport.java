package io.github.pfncache.report;

import io.github.pfncache.trace.MemslotTrace;
import io.github.pfncache.trace.ReplayObserver;
import io.github.pfncache.trace.ReplayResult;
import java.util.ArrayList;
import java.util.List;

/**
 * The report of some replays: a table of numbers, and a page with it that draws each trace. Used by the replaying
 * thread only.
 *
 * <pre>{@code
 * ReplayReport report = new ReplayReport(traces.size(), false);
 * for (MemslotTrace trace : traces) {
 *     report.replayed(trace, Replay.observe(trace, report.observer()), List.of());
 * }
 * String page = report.page();
 * }</pre>
 */
public final class ReplayReport {

    /** What a probe is, in two lines of text: for a table of where they must land, and without one. */
    private static final String PROBE =
            "A probe: one of 12 guest clocks, updated after one recorded change of memory.";
    private static final String AGREES = "It agrees if the update landed where real KVM's did, and nowhere else.";
    private static final String CONTRADICTS =
            "Without a table of where real KVM's landed, only contradictions are found.";

    private static final int NAME = 60;
    private static final int COMMENT_LINES = 8;
    private static final int MESSAGE = 2_000;

    /** One trace. The timeline is null if the trace is beyond what is drawn; the result if it was not finished. */
    private record Part(MemslotTrace trace, Timeline timeline, ReplayResult result, List<String> differences) {}

    private final Budget budget;
    private final boolean compared;
    private final List<Part> parts = new ArrayList<>();

    private TimelineRecorder recorder;
    private String broken;
    private String unfinished;

    /**
     * A report without anything in it.
     *
     * @param drawn how many traces will be drawn
     * @param compared whether the traces are compared with what real KVM did
     */
    public ReplayReport(int drawn, boolean compared) {
        budget = Budget.of(drawn);
        this.compared = compared;
    }

    /**
     * What is compared with what.
     *
     * @return two lines
     */
    public List<String> opening() {
        return List.of(PROBE, compared ? AGREES : CONTRADICTS);
    }

    /**
     * Who looks on at the next trace.
     *
     * @return an observer, for one replay
     */
    public ReplayObserver observer() {
        recorder = parts.size() < budget.pictures() ? new TimelineRecorder(budget) : null;
        return recorder == null ? ReplayObserver.NONE : recorder;
    }

    /**
     * The replay that was looked on at is over.
     *
     * @param trace what was replayed
     * @param result its numbers
     * @param differences what was not as it should be, in words
     */
    public void replayed(MemslotTrace trace, ReplayResult result, List<String> differences) {
        Timeline timeline = recorder == null ? null : recorder.timeline();
        parts.add(new Part(trace, timeline, result, List.copyOf(differences)));
        recorder = null;
    }

    /**
     * Somebody has stopped the replay: what agrees is not all.
     *
     * @param extent how far it came, in words; null if it was at its end
     */
    public void interrupted(String extent) {
        unfinished = extent;
    }

    /**
     * The replay that was looked on at ended in a broken rule.
     *
     * @param trace what was replayed
     * @param message which one, and how
     */
    public void broken(MemslotTrace trace, String message) {
        broken = message;
        if (recorder != null) {
            parts.add(new Part(trace, recorder.timeline(), null, List.of(message)));
            recorder = null;
        }
    }

    /**
     * The sum of all results so far.
     *
     * @return the numbers
     */
    public ReplayResult sum() {
        return parts.stream().filter(part -> part.result != null)
                .map(Part::result)
                .reduce(ReplayResult.none("total"), ReplayResult::plus);
    }

    /**
     * What came out, in one line.
     *
     * @return for the end of a report
     */
    public String summary() {
        ReplayResult sum = sum();
        return "replay: " + parts.size() + (parts.size() == 1 ? " trace, " : " traces, ") + sum.operations()
                + " operations, " + sum.probes() + " probes, " + (compared
                        ? sum.agree() + " agree, " + sum.differ() + " differ"
                        : sum.differ() + " contradict the recording");
    }

    /**
     * The numbers of all traces, with a sum below.
     *
     * @return a table of text
     */
    public Table table() {
        return table(false);
    }

    private Table table(boolean drawn) {
        Table table = new Table("<>>>>>>>>").head("trace", "changes", "probes", compared ? "agree" : "",
                compared ? "differ" : "contradict", "dirty", "refreshes", "invalidations", "look-ups saved");
        for (int i = 0; i < parts.size(); i++) { // bounded by the traces
            Part part = parts.get(i);
            String name = drawn ? part.trace.name() : part.trace.name().replaceFirst("\\.tsv$", ""); // fits 80 columns
            String anchor = "#t" + i;
            Table.Drawn link = to -> to.element("a", Markup.clip(name, NAME), "href", anchor);
            table.row(numbers(drawn && part.timeline != null ? link : drawn ? Markup.clip(name, NAME) : name,
                    part.result == null ? ReplayResult.none(name) : part.result));
        }
        return table.sum(numbers("total", sum()));
    }

    private Object[] numbers(Object name, ReplayResult of) {
        return new Object[] {name, of.operations(), of.probes(), compared ? of.agree() : 0,
            of.differ() == 0 ? 0 : new Table.Marked(of.differ(), "bad"), of.dirtyPages(), of.refreshes(),
            of.invalidations(), of.lookupsAvoided()};
    }

    /**
     * The page.
     *
     * @return HTML; the same whenever the same traces were replayed
     */
    public String page() {
        return Page.html("pfncache replay: " + parts.size() + " traces", this::body);
    }

    private void body(Markup to) {
        ReplayResult sum = sum();
        Legend.patterns(to);
        to.open("header").element("h1", "Replayed memslot traces").line();
        Page.idea(to);
        to.element("p", "What recorded machines did to their memslots is done here to an emulated machine with a clock"
                + " at each of twelve guest addresses, each behind such a cache. After every operation each clock is"
                + " updated twice, once through a cache that has to look again, once through one that need not.",
                "class", "lead").line();
        to.element("p", String.join(" ", opening()), "class", "lead").line();
        boolean good = broken == null && unfinished == null && sum.differ() == 0;
        to.element("p", verdict(sum), "class", good ? "verdict good" : "verdict bad").line();
        if (unfinished != null) {
            to.element("p", unfinished, "class", "verdict bad").line();
        }
        to.open("div", "class", "figures").line();
        Page.figure(to, parts.size(), "traces");
        Page.figure(to, sum.operations(), "operations");
        Page.figure(to, sum.probes(), "probes");
        if (compared) {
            Page.figure(to, sum.agree(), "agree");
        }
        Page.figure(to, sum.differ(), compared ? "differ" : "contradict the recording");
        to.close().line().close().line().open("main").line().element("h2", "Results").line();
        table(true).html(to);
        if (parts.size() > budget.pictures()) {
            to.element("p", "The first " + budget.pictures() + " traces are drawn, the others are numbers only.",
                    "class", "note").line();
        }
        Legend.draw(to, List.of(Mark.CREATE, Mark.DELETE, Mark.MOVE, Mark.FLAGS));
        to.element("p", "Every change of the memslots makes the caches of these slots stale until their next access:"
                + " the narrow mark at the beginning of a column. The rest of the column is what the access found.")
                .line().element("h2", "The traces").line();
        for (int i = 0; i < parts.size(); i++) { // bounded by the traces
            Part part = parts.get(i);
            if (part.timeline != null) {
                String state = part.result == null ? "broken off"
                        : part.result.differ() == 0 ? "" : part.result.differ() + " probes differ";
                List<String> comments = part.trace.description().stream().limit(COMMENT_LINES)
                        .map(line -> line.substring(1).strip())
                        .toList();
                TracePicture.section(to, part.timeline, "t" + i, i == 0, state, comments, part.differences);
            }
        }
        to.close().line();
    }

    private String verdict(ReplayResult sum) {
        if (broken != null) {
            return "A rule was broken: " + Markup.clip(broken, MESSAGE);
        }
        if (sum.differ() > 0) {
            return sum.differ() + " of " + sum.probes() + " probes "
                    + (compared ? "differ" : "contradict the recording");
        }
        return !compared ? "Nothing contradicts the recording"
                : (unfinished == null ? "All" : sum.agree() + " probes") + " agree with real KVM";
    }
}
