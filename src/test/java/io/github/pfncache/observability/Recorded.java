package io.github.pfncache.observability;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** The events of a piece of code, as a flight recording holds them. */
final class Recorded {

    private static final String PREFIX = "io.github.pfncache.";

    private final List<RecordedEvent> events;

    private Recorded(List<RecordedEvent> events) {
        this.events = events;
    }

    /** Runs {@code body} with everything of ours switched on, and nothing else. */
    static Recorded whileRunning(Runnable body) throws IOException {
        Path file = Files.createTempFile("pfncache", ".jfr");
        try (Recording recording = new Recording()) {
            List<String> names = List.of("Refresh", "Invalidate", "Busy", "SlotChange", "HeldUp", "GuestWait");
            for (String name : names) { // bounded by our events
                recording.enable(PREFIX + name).withoutThreshold();
            }
            recording.start();
            body.run();
            recording.stop();
            recording.dump(file);
            return new Recorded(RecordingFile.readAllEvents(file));
        } finally {
            Files.delete(file);
        }
    }

    /** Those of one kind, made by this thread, in the order they ended. */
    List<RecordedEvent> of(String name) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(PREFIX + name))
                .filter(event -> event.getThread().getJavaThreadId() == Thread.currentThread().getId())
                .sorted(Comparator.comparing(RecordedEvent::getEndTime))
                .collect(Collectors.toList());
    }

    /** One field of those of one kind. */
    List<Object> of(String name, String field) {
        return of(name).stream().<Object>map(event -> event.getValue(field)).collect(Collectors.toList());
    }
}
