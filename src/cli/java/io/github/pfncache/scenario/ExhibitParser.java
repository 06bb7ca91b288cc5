package io.github.pfncache.scenario;

import io.github.pfncache.explore.ScheduleFailure;
import io.github.pfncache.explore.ScheduleStep;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads recorded exhibits. Each is a group of lines, ended by an empty one; the parts of a line are parted by tabs:
 *
 * <pre>
 * exhibit     B01   what is wrong
 * impossible  why it cannot be written (and nothing else)
 * change      file, followed by lines that begin with - or +
 * found       scenario   reason   schedules
 * failed      kind   schedule   message
 * threads     name   name ...
 * before      steps left out
 * 0           point that thread 0 reached
 * </pre>
 */
final class ExhibitParser {

    private final List<RecordedExhibit> exhibits = new ArrayList<>();

    // Of the exhibit being read.
    private String[] head;
    private String whyNot;
    private String[] found;
    private String[] failed;
    private List<String> threads;
    private int before;
    private List<CounterExample.Change> changes;
    private List<ScheduleStep> steps;

    ExhibitParser(String text) {
        for (String line : text.split("\n", -1)) { // bounded by the text
            if (line.isEmpty()) {
                end();
            } else if (line.startsWith("-")) {
                lastChange().without().add(line.substring(1));
            } else if (line.startsWith("+")) {
                lastChange().with().add(line.substring(1));
            } else {
                part(line.split("\t", -1));
            }
        }
    }

    List<RecordedExhibit> exhibits() {
        return List.copyOf(exhibits);
    }

    private CounterExample.Change lastChange() {
        return changes.get(changes.size() - 1);
    }

    private void part(String[] line) {
        switch (line[0]) {
            case "exhibit" -> begin(line);
            case "impossible" -> whyNot = line[1];
            case "change" -> changes.add(new CounterExample.Change(line[1], new ArrayList<>(), new ArrayList<>()));
            case "found" -> found = line;
            case "failed" -> failed = line;
            case "threads" -> threads = Arrays.asList(line).subList(1, line.length);
            case "before" -> before = Integer.parseInt(line[1]);
            default -> steps.add(new ScheduleStep(Integer.parseInt(line[0]), line[1]));
        }
    }

    private void begin(String[] line) {
        head = line;
        whyNot = null;
        found = null;
        failed = null;
        threads = List.of();
        before = 0;
        changes = new ArrayList<>();
        steps = new ArrayList<>();
    }

    private void end() {
        if (head == null) {
            return;
        }
        CounterExample example = null;
        if (whyNot == null) {
            Sequence sequence = new Sequence(
                    ScheduleFailure.Kind.valueOf(failed[1]), failed[3], threads, before, List.copyOf(steps));
            example = new CounterExample(
                    List.copyOf(changes), found[1], found[2], Long.parseLong(found[3]), failed[2], sequence);
        }
        exhibits.add(new RecordedExhibit(head[1], head[2], whyNot, example));
        head = null;
    }
}
