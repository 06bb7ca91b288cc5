package io.github.pfncache.report;

import io.github.pfncache.explore.Exploration;
import io.github.pfncache.explore.ScheduleFailure;
import io.github.pfncache.explore.SoundRun;
import io.github.pfncache.scenario.CounterExample;
import io.github.pfncache.scenario.RecordedExhibit;
import io.github.pfncache.scenario.Sequence;
import java.util.ArrayList;
import java.util.List;

/** The report of explored schedules: a page that draws them. Used by one thread. */
public final class ExploreReport {

    /** Steps of one schedule that are drawn, from its end. */
    public static final int MOST_STEPS = 200;

    private static final double BAR = 300;
    private static final int TURNS = 4;

    /** What the arrows of a drawn schedule mean. */
    private static final String LEGEND = "Time runs down. A decision: a moment at which more than one thread could run."
            + " Thick: the thread that runs. Bar on its left: a lock it has. Arrow: another thread goes on; solid where"
            + " the first one could have gone on itself.";

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
            ScheduleFailure failure = one.result.failure();
            if (exhibit == null && failure == null && !one.result.spread().isEmpty()) {
                space(to, one);
            }
            if (failure != null) {
                picture(to, Sequence.of(failure, MOST_STEPS), "s" + i, one.name, failure.schedule());
            } else if (exhibit == null && one.result.sample() != null) {
                SoundRun sample = one.result.sample();
                picture(to, Sequence.of(sample, MOST_STEPS), "s" + i, one.name, sample.schedule());
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
        to.element("h2", "The fault (-, red), and the source as it should be (+, green)").line();
        for (CounterExample.Change change : found.changes()) { // bounded by the exhibit
            to.element("p", change.file(), "class", "comment").open("pre");
            change.with().forEach(line -> to.element("span", "- " + line + "\n", "class", "wrong"));
            change.without().forEach(line -> to.element("span", "+ " + line + "\n", "class", "right"));
            to.close().line();
        }
        if (found.sequence().threads().size() <= 1) {
            to.element("p", whateverTheOrder(found.sequence()), "class", "note").line();
        }
        picture(to, found.sequence(), "exhibit", exhibit.id() + ": " + exhibit.fault(), found.schedule());
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

    /**
     * What a schedule's short form says.
     *
     * @param schedule as in {@link io.github.pfncache.explore.ScheduleFailure#schedule}
     * @param threads names of its threads
     * @return a sentence
     */
    public static String inWords(String schedule, List<String> threads) {
        if (schedule.equals("-") || threads.isEmpty()) {
            return "Schedule -: each thread runs until it waits or ends.";
        }
        StringBuilder text =
                new StringBuilder("Schedule " + schedule + ": each thread runs until it waits or ends; but");
        String[] turns = schedule.split(",");
        for (int i = 0; i < Math.min(turns.length, TURNS); i++) { // bounded by the constant
            String[] turn = turns[i].split(":");
            text.append(i == 0 ? " " : ", ").append(threads.get(Integer.parseInt(turn[1])))
                    .append(" goes on at decision ").append(turn[0]);
        }
        return text.append(turns.length > TURNS ? " and so on." : ".").toString();
    }

    private static void picture(Markup to, Sequence sequence, String id, String title, String schedule) {
        to.element("h2", title + (sequence.kind() == null ? ": a run that went well" : ": the schedule that fails"))
                .line().element("p", inWords(schedule, sequence.threads()), "class", "note").line();
        to.element("p", LEGEND, "class", "note").line();
        to.open("div", "class", "wide", "tabindex", 0);
        new SequenceDrawing(sequence, id).draw(to, title);
        to.close().line().open("ul", "class", "legend").line();
        StepWords.of(sequence).forEach((step, words) ->
                to.open("li").element("b", step).text(" " + words).close().line());
        to.close().line();
    }

    /** How many schedules of each number of preemptions were run. */
    private static void space(Markup to, Explored one) {
        to.element("h2", one.name + ": its schedules").line().element("p", one.description
                + " A preemption stops a thread that could have gone on. Of the schedules with more of them there are"
                + " more than can be run, and a sample is run.", "class", "note").line();
        Table table = new Table("<>><").head("preemptions", "schedules run", "", "of all there are");
        List<Long> spread = one.result.spread();
        long most = spread.stream().mapToLong(Long::longValue).max().orElse(1);
        long random = one.result.schedules() - spread.stream().mapToLong(Long::longValue).sum();
        for (int i = 0; i < spread.size(); i++) { // bounded by Exploration.SPREAD
            double width = BAR * spread.get(i) / most;
            Table.Drawn bar = row -> row
                    .open("svg", "class", "overview", "width", BAR, "height", 10, "aria-hidden", "true")
                    .empty("rect", "class", "valid", "width", width, "height", 10).close();
            boolean all = one.result.complete() || i <= one.result.preemptions();
            String number = i + (i == Exploration.SPREAD - 1 ? " and more" : "");
            table.row(number, spread.get(i), bar, all ? "all" : "a sample");
        }
        if (random > 0) {
            table.row("any number", random, "", "at random");
        }
        table.html(to);
    }

    private void results(Markup to) {
        to.element("h2", exhibit == null ? "Results" : "The same scenario, the source as it is").line();
        Table table = new Table("<><<<").head(
                "scenario", "schedules", "of them all with", "result", "what happens in it");
        for (Explored one : explored) { // bounded by the scenarios
            ScheduleFailure failure = one.result.failure();
            table.row(one.name, one.result.schedules(), extent(one.result),
                    failure == null ? "no failure" : new Table.Marked(failure.kind(), "bad"),
                    new Table.Marked(one.description, "dim"));
        }
        table.html(to);
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
