package io.github.pfncache.museum;

import io.github.pfncache.explore.ScheduleFailure;
import io.github.pfncache.explore.ScheduleStep;
import io.github.pfncache.scenario.RecordedExhibit;
import io.github.pfncache.scenario.Sequence;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The text in which an exhibit is kept, for the command that draws it; read by {@code RecordedExhibit}. */
final class Recording {

    /** Where they are kept. */
    static final Path FILE = Edit.checkout()
            .resolve("src/cli/resources/io/github/pfncache/scenario")
            .resolve(RecordedExhibit.RESOURCE);

    /** Whether to keep what is found instead of comparing with it. */
    static final boolean WRITE = Boolean.getBoolean("museum.write");

    /** A livelock is long, and its end repeats. */
    private static final int MOST_STEPS = 80;

    private Recording() {}

    /** What came of one exhibit, as the library with the fault in it tells. */
    static String ofFailure(ScheduleFailure failure) {
        Sequence sequence = Sequence.of(failure, MOST_STEPS);
        StringBuilder text = new StringBuilder();
        line(text, "failed", sequence.kind().name(), failure.schedule(), withoutDetails(sequence.message()));
        line(text, "threads", sequence.threads().toArray(String[]::new));
        if (sequence.before() > 0) {
            line(text, "before", String.valueOf(sequence.before()));
        }
        for (ScheduleStep step : sequence.steps()) {
            line(text, String.valueOf(step.thread()), step.point());
        }
        return text.toString();
    }

    static String of(Exhibit exhibit, Finding finding) {
        StringBuilder text = new StringBuilder();
        line(text, "exhibit", exhibit.id(), exhibit.fault());
        for (Edit edit : exhibit.edits()) {
            line(text, "change", edit.file());
            text.append(prefixed('-', edit.search())).append(prefixed('+', edit.replacement()));
        }
        line(text, "found", exhibit.search(), finding.reason(), String.valueOf(finding.schedules()));
        return text.append(finding.recording()).append('\n').toString();
    }

    static String of(Inexpressible one) {
        StringBuilder text = new StringBuilder();
        line(text, "exhibit", one.id(), one.fault());
        line(text, "impossible", one.reason());
        return text.append('\n').toString();
    }

    private static String prefixed(char prefix, String lines) {
        return lines.lines()
                .filter(line -> !line.isBlank())
                .map(line -> prefix + line.stripTrailing().replace('\t', ' ') + "\n")
                .collect(Collectors.joining());
    }

    private static void line(StringBuilder text, String word, String... parts) {
        text.append(word);
        Arrays.stream(parts).forEach(part -> text.append('\t').append(part.replace('\t', ' ')));
        text.append('\n');
    }

    /** What is kept, by id. */
    static Map<String, String> kept() {
        try {
            Map<String, String> kept = new TreeMap<>();
            for (String text : Files.readString(FILE).split("(?<=\n)\n")) {
                kept.put(text.split("[\t\n]", 3)[1], text + "\n");
            }
            return kept;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the platform adds to the name of its own exception is not the same on each. */
    private static String withoutDetails(String message) {
        return message.replaceAll("(NullPointerException): .*", "$1");
    }
}
