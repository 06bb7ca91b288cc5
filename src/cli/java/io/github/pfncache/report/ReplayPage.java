package io.github.pfncache.report;

import io.github.pfncache.report.ReplayReport.Part;
import io.github.pfncache.rules.RuleStats;
import io.github.pfncache.trace.ReplayResult;
import java.util.List;

/** The page about some replays: numbers, all traces at a glance, each of them in full, the rules. */
final class ReplayPage {

    private static final int NAME = 60;
    private static final int COMMENT_LINES = 8;
    private static final int COMMENT = 200;
    private static final int MESSAGE = 2_000;

    private static final List<String> COLUMNS =
            List.of("operations", "probes", "agree", "differ", "dirty pages", "refreshes", "invalidations",
                    "look-ups avoided");

    private final List<Part> parts;
    private final String unfinished;
    private final Budget budget;
    private final boolean compared;
    private final String broken;
    private final List<RuleStats.Line> rules;
    private final ReplayResult sum;

    ReplayPage(
            List<Part> parts,
            String unfinished,
            Budget budget,
            boolean compared,
            String broken,
            List<RuleStats.Line> rules) {
        this.parts = parts;
        this.unfinished = unfinished;
        this.budget = budget;
        this.compared = compared;
        this.broken = broken;
        this.rules = rules;
        this.sum = parts.stream()
                .filter(part -> part.result() != null)
                .map(Part::result)
                .reduce(ReplayResult.none("total"), ReplayResult::plus);
    }

    String html() {
        return Page.html("pfncache replay: " + parts.size() + " traces", this::body);
    }

    private void body(Markup to) {
        Legend.patterns(to);
        to.open("header").element("h1", "Replayed memslot traces").line();
        to.open("p", "class", "lead").text("What recorded machines did to their memslots, done to an emulated one: "
                + "a clock in each of twelve places of guest memory, kept behind a gfn-to-pfn cache and updated twice "
                + "after every operation. ");
        to.text(compared
                ? "Where the updates landed is compared with what real KVM did."
                : "There was nothing to compare with; the updates landed as drawn.").close().line();
        boolean good = broken == null && unfinished == null && sum.differ() == 0;
        to.element("p", verdict(), "class", good ? "verdict good" : "verdict bad").line();
        if (unfinished != null) {
            to.element("p", unfinished, "class", "verdict bad").line();
        }
        to.open("div", "class", "figures").line();
        Page.figure(to, parts.size(), "traces");
        Page.figure(to, sum.operations(), "operations");
        Page.figure(to, sum.probes(), "probes");
        Page.figure(to, sum.agree(), "agree");
        Page.figure(to, sum.differ(), "differ");
        to.close().line().close().line();
        to.open("main").line();
        results(to);
        to.element("h2", "How to read the pictures").line();
        Legend.draw(to);
        to.element("p", "Every change of the memslots makes every cache stale until its next access: the narrow"
                + " mark at the beginning of a column. The rest of the column is what the access found.").line();
        to.element("h2", "The traces").line();
        for (int i = 0; i < parts.size(); i++) { // bounded by the traces
            if (parts.get(i).timeline() != null) {
                trace(to, parts.get(i), "t" + i, i == 0);
            }
        }
        rules(to);
        to.close().line();
    }

    private String verdict() {
        if (broken != null) {
            return "A rule was broken: " + Markup.clip(broken, MESSAGE);
        }
        if (!compared) {
            return sum.differ() == 0 ? "Consistent in itself" : sum.differ() + " probes differ";
        }
        if (sum.differ() == 0) {
            return (unfinished == null ? "All" : sum.agree() + " probes") + " agree with real KVM";
        }
        return sum.differ() + " of " + sum.probes() + " probes differ";
    }

    private void results(Markup to) {
        to.element("h2", "Results").line().open("div", "class", "wide").open("table").line();
        to.open("thead").open("tr").element("th", "trace", "scope", "col").element("th", "caches", "scope", "col");
        COLUMNS.forEach(name -> to.element("th", name, "scope", "col", "class", "n"));
        to.close().close().line().open("tbody").line();
        for (int i = 0; i < parts.size(); i++) { // bounded by the traces
            Part part = parts.get(i);
            String name = part.result() != null ? part.result().trace() : part.timeline().trace.name();
            to.open("tr").open("th", "scope", "row");
            if (part.timeline() != null) {
                to.element("a", Markup.clip(name, NAME), "href", "#t" + i);
            } else {
                to.text(Markup.clip(name, NAME));
            }
            to.close().open("td");
            if (part.timeline() != null) {
                OverviewDrawing.draw(to, part.timeline());
            } else {
                to.element("span", "not drawn", "class", "dim");
            }
            to.close();
            if (part.result() != null) {
                numbers(to, part.result());
            }
            to.close().line();
        }
        to.close().open("tfoot").open("tr").element("th", "total", "scope", "row").element("td", "");
        numbers(to, sum);
        to.close().close().close().close().line();
        if (parts.size() > budget.pictures()) {
            to.element("p", "The first " + budget.pictures() + " traces are drawn, the others are numbers only.",
                    "class", "note").line();
        }
    }

    private static void numbers(Markup to, ReplayResult result) {
        long[] values = {
            result.operations(), result.probes(), result.agree(), result.differ(), result.dirtyPages(),
            result.refreshes(), result.invalidations(), result.lookupsAvoided()
        };
        for (int i = 0; i < values.length; i++) { // bounded by the columns
            boolean bad = COLUMNS.get(i).equals("differ") && values[i] > 0;
            to.element("td", values[i], "class", bad ? "n bad" : "n");
        }
    }

    private void trace(Markup to, Part part, String id, boolean open) {
        Timeline timeline = part.timeline();
        if (open) {
            to.open("details", "id", id, "open", "open");
        } else {
            to.open("details", "id", id);
        }
        to.line().open("summary").element("b", Markup.clip(timeline.trace.name(), NAME));
        String state = part.result() == null ? "broken off"
                : part.result().differ() == 0 ? "" : part.result().differ() + " differ";
        to.text(" " + timeline.trace.operations().size() + " operations ");
        to.element("span", state, "class", "bad").close().line();
        timeline.trace.description().stream()
                .limit(COMMENT_LINES)
                .forEach(line -> to.element("p", Markup.clip(line.substring(1).strip(), COMMENT), "class", "comment"));
        to.line();
        if (timeline.columns.isEmpty()) {
            to.element("p", "No operation, so nothing to draw.", "class", "note");
        } else {
            TracePicture picture = new TracePicture(timeline, id);
            to.open("div", "class", "wide");
            picture.draw(to);
            to.close().line();
            leftOut(to, timeline, picture);
        }
        part.differences().forEach(each -> to.element("p", Markup.clip(each, MESSAGE), "class", "bad"));
        to.close().line();
    }

    /** Says what the picture does not show. */
    private static void leftOut(Markup to, Timeline timeline, TracePicture picture) {
        if (timeline.perColumn > 1) {
            note(to, "The trace is long: each column stands for " + timeline.perColumn
                    + " operations, and shows the states after the last of them.");
        }
        if (timeline.slotsLeftOut > 0) {
            note(to, timeline.slots.size() + " memslots are drawn, " + timeline.slotsLeftOut + " are not.");
        }
        if (picture.addressesLeftOut() > 0) {
            note(to, "Slots begin and end at more addresses than the axis tells apart; " + picture.addressesLeftOut()
                    + " of them are placed between their neighbours.");
        }
        if (timeline.lanesLeftOut > 0) {
            note(to, timeline.lanes.size() + " caches are drawn, " + timeline.lanesLeftOut + " are not.");
        }
    }

    private static void note(Markup to, String text) {
        to.element("p", text, "class", "note").line();
    }

    private void rules(Markup to) {
        to.element("h2", "Rules").line();
        if (rules.isEmpty()) {
            to.element("p", "Rules were not checked in this process.", "class", "note").line();
            return;
        }
        to.open("div", "class", "wide").open("table").open("thead").open("tr");
        List.of("rule", "statement", "mirrors").forEach(name -> to.element("th", name, "scope", "col"));
        List.of("checks", "violations").forEach(name -> to.element("th", name, "scope", "col", "class", "n"));
        to.close().close().line().open("tbody").line();
        for (RuleStats.Line line : rules) { // bounded by the rules
            to.open("tr").element("th", line.rule().getClass().getSimpleName() + "." + line.rule().name(),
                    "scope", "row");
            to.element("td", line.rule().statement()).element("td", line.rule().mirrors(), "class", "dim");
            to.element("td", line.checks(), "class", "n");
            to.element("td", line.violations(), "class", line.violations() > 0 ? "n bad" : "n").close().line();
        }
        to.close().close().close().line();
    }
}
