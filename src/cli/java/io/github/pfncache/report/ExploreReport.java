package io.github.pfncache.report;

import io.github.pfncache.explore.Exploration;
import io.github.pfncache.scenario.CounterExample;
import io.github.pfncache.scenario.RecordedExhibit;
import io.github.pfncache.scenario.Sequence;
import java.util.ArrayList;
import java.util.List;

/** Collects what a page about explored schedules shows, and makes the page. Used by one thread. */
public final class ExploreReport {

    /** Steps of one schedule that are drawn, from its end. */
    public static final int MOST_STEPS = 200;

    private record Explored(String name, String description, Exploration result) {}

    private final List<Explored> explored = new ArrayList<>();
    private RecordedExhibit exhibit;
    private boolean interrupted;

    /**
     * A scenario was explored.
     *
     * @param name what it is called
     * @param description what happens in it
     * @param result what came of it
     */
    public void explored(String name, String description, Exploration result) {
        explored.add(new Explored(name, description, result));
    }

    /** Somebody has stopped the exploration: there is more that was not run. */
    public void interrupted() {
        interrupted = true;
    }

    /**
     * The page is about an exhibit of the museum.
     *
     * @param one the exhibit
     */
    public void exhibit(RecordedExhibit one) {
        exhibit = one;
    }

    /**
     * The page.
     *
     * @return HTML; the same whenever the same was added
     */
    public String page() {
        return Page.html(exhibit == null ? "pfncache explore" : "pfncache exhibit " + exhibit.id(), this::body);
    }

    private void body(Markup to) {
        to.open("header");
        if (exhibit == null) {
            to.element("h1", "Explored schedules");
            to.element("p", "Each scenario is run again and again, under every order of its threads' steps up to a"
                    + " bound, and under some at random.", "class", "lead").line();
        } else {
            to.element("h1", exhibit.id() + ": " + exhibit.fault());
            to.element("p", "A historical fault, put back into the source and found there.", "class", "lead").line();
        }
        to.close().line().open("main").line();
        if (exhibit != null) {
            exhibit(to);
        }
        if (interrupted) {
            to.element("p", "Interrupted: what there was up to then.", "class", "verdict bad").line();
        }
        if (!explored.isEmpty()) {
            results(to);
        }
        for (int i = 0; i < explored.size(); i++) { // bounded by the scenarios
            Explored one = explored.get(i);
            if (one.result.failure() != null) {
                to.element("h2", one.name + " under schedule " + one.result.failure().schedule()).line();
                picture(to, Sequence.of(one.result.failure(), MOST_STEPS), "s" + i, one.name);
            }
        }
        to.close().line();
    }

    private void exhibit(Markup to) {
        if (exhibit.found() == null) {
            to.element("p", "Cannot be written into this design: " + exhibit.whyNot(), "class", "verdict good").line();
            return;
        }
        CounterExample found = exhibit.found();
        to.element("p", "Found: " + found.reason(), "class", "verdict bad").line();
        to.open("div", "class", "figures").line();
        Page.figure(to, found.scenario(), "scenario");
        Page.figure(to, found.schedules(), found.schedules() == 1 ? "schedule was enough" : "schedules until found");
        Page.figure(to, found.schedule(), "schedule");
        Page.figure(to, found.sequence().threads().size(), "threads");
        to.close().line();
        to.element("h2", "The fault").line();
        for (CounterExample.Change change : found.changes()) { // bounded by the exhibit
            to.element("p", change.file(), "class", "comment").open("pre");
            change.without().forEach(line -> to.element("span", "- " + line + "\n", "class", "without"));
            change.with().forEach(line -> to.element("span", "+ " + line + "\n", "class", "with"));
            to.close().line();
        }
        to.element("h2", "The schedule that shows it").line();
        if (found.sequence().threads().size() <= 1) {
            to.element("p", whateverTheOrder(found.sequence()), "class", "note").line();
        }
        picture(to, found.sequence(), "exhibit", exhibit.id() + ": " + exhibit.fault());
    }

    /**
     * Why the order of steps is not what shows a fault.
     *
     * @param sequence one of less than two threads
     * @return a sentence
     */
    public static String whateverTheOrder(Sequence sequence) {
        return sequence.threads().isEmpty()
                ? "It shows before any thread runs."
                : "One thread: the fault shows whatever the order.";
    }

    private static void picture(Markup to, Sequence sequence, String id, String title) {
        to.element("p", "Thick: the thread that runs. Bar on the left of a thread: a lock it has. Arrow: another"
                + " thread goes on; solid where the first one could have gone on itself.", "class", "note").line();
        to.open("div", "class", "wide");
        new SequenceDrawing(sequence, id).draw(to, title);
        to.close().line();
    }

    private void results(Markup to) {
        to.element("h2", exhibit == null ? "Results" : "The same scenario, the source as it is").line();
        to.open("div", "class", "wide").open("table").open("thead").open("tr");
        to.element("th", "scenario", "scope", "col").element("th", "schedules", "scope", "col", "class", "n");
        to.element("th", "of them all with", "scope", "col").element("th", "result", "scope", "col");
        to.element("th", "what happens in it", "scope", "col").close().close().line().open("tbody").line();
        for (Explored one : explored) { // bounded by the scenarios
            Exploration result = one.result;
            to.open("tr").element("th", one.name, "scope", "row").element("td", result.schedules(), "class", "n");
            to.element("td", extent(result));
            to.element("td", result.failure() == null ? "no failure" : result.failure().kind().name(),
                    "class", result.failure() == null ? "" : "bad");
            to.element("td", one.description, "class", "dim").close().line();
        }
        to.close().close().close().line();
    }

    /**
     * How far an exploration went, in words.
     *
     * @param result what came of it
     * @return for a column, or the end of a sentence
     */
    public static String extent(Exploration result) {
        return result.complete() ? "any number of preemptions"
                : result.schedules() == 1 ? "this one only"
                : result.preemptions() < 0 ? "no preemption, in part"
                : "up to " + result.preemptions() + " preemptions";
    }
}
