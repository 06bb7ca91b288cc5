package io.github.pfncache.trace;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.LongPredicate;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/**
 * The events of this library in a flight recording, in the order in which they ended. Immutable.
 *
 * <pre>{@code
 * FlightRecording recorded = FlightRecording.read(Path.of("guest.jfr"), read -> true);
 * long taken = recorded.events().stream().filter(event -> event.isOf(FlightRecording.INVALIDATE)).count();
 * }</pre>
 *
 * @param events the events, at most {@link #MOST_EVENTS}
 * @param whole whether these are all there are
 * @since 0.1.0
 */
public record FlightRecording(List<Event> events, boolean whole) {

    /** Type of a refresh. */
    public static final String REFRESH = "Refresh";

    /** Type of a change of a memslot. */
    public static final String SLOT_CHANGE = "SlotChange";

    /** Type of the beginning of an invalidation. */
    public static final String INVALIDATE = "Invalidate";

    /** Events that are read, from the beginning of the file. */
    public static final int MOST_EVENTS = 500_000;

    private static final String PREFIX = "io.github.pfncache.";

    /**
     * The events of a recording.
     *
     * @param events the events, at most {@link #MOST_EVENTS}
     * @param whole whether these are all there are
     */
    public FlightRecording {
        events = List.copyOf(events);
    }

    /**
     * One event. A number that it does not say is -1, a word that it does not say is empty.
     *
     * @param micros when it ended, in microseconds since 1970
     * @param lasted how long it took, in microseconds
     * @param type name of the event
     * @param what reason of a refresh, kind of a slot's change
     * @param outcome of a refresh or a slot's change
     * @param gpa guest physical address
     * @param hva host user address
     * @param bytes size of the range
     * @param number frame of a refresh, id of a slot, caches that an invalidation hit
     * @param flags of a slot
     * @param vm number of the VM, as {@code vm.memslots().number()} answers
     */
    public record Event(
            long micros, long lasted, String type, String what, String outcome, long gpa, long hva, long bytes,
            long number, int flags, long vm) {

        private static Event of(RecordedEvent event) {
            return new Event(ChronoUnit.MICROS.between(Instant.EPOCH, event.getEndTime()),
                    event.getDuration().toNanos() / 1000, event.getEventType().getName().substring(PREFIX.length()),
                    String.valueOf(first(event, "", "reason", "kind")), String.valueOf(first(event, "", "outcome")),
                    number(event, "gpa"), number(event, "uhva", "rangeStart"), number(event, "bytes"),
                    number(event, "pfn", "id", "hits"), (int) number(event, "flags"), number(event, "vm"));
        }

        private static Object first(RecordedEvent event, Object otherwise, String... fields) {
            return Stream.of(fields).filter(event::hasField).<Object>map(event::getValue).findFirst()
                    .orElse(otherwise);
        }

        private static long number(RecordedEvent event, String... fields) {
            return ((Number) first(event, -1, fields)).longValue();
        }

        /**
         * Whether it is of a type.
         *
         * @param name name of the event
         * @return true iff it is
         */
        public boolean isOf(String name) {
            return type.equals(name);
        }
    }

    /**
     * Reads a recording.
     *
     * @param file the recording
     * @param goesOn asked before each event, with the number of those that were read; false ends the reading there
     * @return its events
     * @throws IOException if it cannot be read, is no whole recording, or has nothing of this library in it
     */
    public static FlightRecording read(Path file, LongPredicate goesOn) throws IOException {
        List<Event> events = new ArrayList<>();
        boolean more = false;
        Path real = file.toRealPath(); // throws what says that there is none
        try (RecordingFile recording = new RecordingFile(real)) {
            for (long read = 0; recording.hasMoreEvents() && !more; read++) { // bounded by the file
                RecordedEvent event = recording.readEvent();
                if (event.getEventType().getName().startsWith(PREFIX)) {
                    events.add(Event.of(event));
                }
                more = !goesOn.test(read) || events.size() == MOST_EVENTS;
            }
        } catch (IOException | RuntimeException damaged) { // whatever the reader of the JDK thinks of the bytes
            throw new IOException(file + ": is no flight recording, or a damaged one", damaged);
        }
        if (events.isEmpty()) {
            throw new IOException(file + ": no event of pfncache is in it");
        }
        events.sort(Comparator.comparingLong(Event::micros)); // each thread writes its own
        return new FlightRecording(events, !more);
    }
}
