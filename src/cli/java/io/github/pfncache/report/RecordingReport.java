package io.github.pfncache.report;

import io.github.pfncache.address.Pages;
import io.github.pfncache.trace.FlightRecording;
import io.github.pfncache.trace.FlightRecording.Event;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The report of a flight recording: what the caches, the memslots and the host of one machine did, as a table and as a
 * page that draws them. Not thread-safe.
 *
 * <pre>{@code
 * String page = new RecordingReport("my machine", FlightRecording.read(file, read -> true)).page();
 * }</pre>
 */
public final class RecordingReport {

    /** Reasons of refreshes, and what they end in when they fail: the columns of the table. */
    private static final String[] COUNTED =
            {"activation", "slots", "invalidated", "unmapped", "requested", "FAULT", "BUSY", "FAILED"};

    /** The caches of one place, taken together. */
    private static final class Cache {
        final Map<String, Long> counts = new TreeMap<>();
        final Timeline.Lane lane;
        long refreshes;
        long longest;
        long hva = -1;

        Cache(long place) {
            lane = place >= 0 ? new Timeline.Lane("", place) : new Timeline.Lane(Pages.hex(~place), Pages.INVALID_GPA);
        }

        void count(Event event) {
            refreshes++;
            longest = Math.max(longest, event.lasted());
            List.of(event.what(), event.outcome()).forEach(what -> counts.merge(what, 1L, Long::sum));
        }

        boolean isDrawn() {
            return !lane.cells.isEmpty();
        }

        void goesStale(LaneState seen) {
            if (isDrawn() && lane.last().settled == LaneState.VALID) {
                lane.last().invalidations += seen == LaneState.BUSY ? 1 : 0;
                lane.last().see(seen);
                lane.last().settledAt(LaneState.STALE, null, "");
            }
        }
    }

    private final Map<Long, Cache> caches = new TreeMap<>();
    private final Map<String, Long> counts = new TreeMap<>();
    private final FlightRecording recording;
    private final Timeline timeline;

    /**
     * A report.
     *
     * @param name what to call the machine
     * @param recording what was recorded of it
     */
    public RecordingReport(String name, FlightRecording recording) {
        this.recording = recording;
        for (Event event : recording.events()) { // bounded by FlightRecording.MOST_EVENTS
            counts.merge(event.type(), 1L, Long::sum);
            if (event.isOf(FlightRecording.REFRESH)) {
                caches.computeIfAbsent(place(event), Cache::new).count(event);
            }
        }
        int changes = 1 + (int) recording.events().stream().filter(RecordingReport::changes).count();
        timeline = new Timeline(name, changes, Budget.of(1));
        caches.values().stream()
                .sorted(Comparator.comparingLong((Cache cache) -> cache.refreshes).reversed())
                .limit(Budget.LANES)
                .sorted(Comparator.comparingLong(cache -> cache.lane.gpa))
                .forEach(cache -> timeline.lanes.add(cache.lane));
        timeline.lanesLeftOut = caches.size() - timeline.lanes.size();
        timeline.changes(Mark.START, "the recording begins", 0);
        recording.events().forEach(this::draw);
        timeline.ended();
    }

    /** Where the cache is: the gpa; the complement of the hva if it has none. */
    private static long place(Event event) {
        return event.gpa() == -1 ? ~event.hva() : event.gpa();
    }

    /** Whether an event begins a column of the picture. */
    private static boolean changes(Event event) {
        return event.isOf(FlightRecording.SLOT_CHANGE) ? event.outcome().equals("DONE")
                : event.isOf(FlightRecording.INVALIDATE) && event.number() > 0;
    }

    private void draw(Event event) {
        long micros = event.micros() - recording.events().get(0).micros();
        Cache refreshed = event.isOf(FlightRecording.REFRESH) ? caches.get(place(event)) : null;
        if (refreshed != null && refreshed.isDrawn()) {
            refreshed.hva = event.hva();
            boolean valid = event.outcome().equals("OK");
            SlotSpan slot = timeline.slotAt(event.gpa());
            refreshed.lane.last().settledAt(
                    valid ? LaneState.VALID : event.outcome().equals("FAULT") ? LaneState.UNBACKED : LaneState.STALE,
                    valid ? "frame " + event.number() : null, slot == null ? "" : slot.block());
        } else if (changes(event) && event.isOf(FlightRecording.INVALIDATE)) {
            String what = "the host takes " + event.bytes() + " bytes at " + Pages.hex(event.hva());
            timeline.changes(Mark.HOST, what, micros).invalidations++;
            caches.values().stream()
                    .filter(cache -> cache.hva >= event.hva() && cache.hva - event.hva() < event.bytes())
                    .forEach(cache -> cache.goesStale(LaneState.BUSY));
        } else if (changes(event)) {
            String what = event.what() + " slot " + event.number();
            timeline.changes(Mark.valueOf(event.what().toUpperCase(Locale.ROOT)), what, micros);
            slotChanged((int) event.number(), event);
        }
    }

    private void slotChanged(int id, Event event) {
        int column = timeline.columns.size() - 1;
        SlotSpan now = new SlotSpan(id, event.gpa(), event.gpa() + event.bytes(), event.flags(),
                Pages.hex(event.hva()), 0, column, column);
        SlotSpan was = timeline.slot(id) == null ? now : timeline.slot(id);
        caches.values().stream()
                .filter(cache -> was.covers(cache.lane.gpa))
                .forEach(cache -> cache.goesStale(LaneState.STALE));
        timeline.slotIs(id, event.what().equals("delete") ? null : now);
    }

    /**
     * What is in the recording, in one line.
     *
     * @return for the end of a report
     */
    public String summary() {
        return "report: " + recording.events().size() + " events, " + caches.size() + " places with a cache, " + counts;
    }

    /**
     * How often there was an event of each kind.
     *
     * @return numbers by names of events
     */
    public Map<String, Long> counts() {
        return counts;
    }

    /**
     * What was counted of the caches of each place that is drawn: refreshes by reason, and by outcome.
     *
     * @return numbers by names, by places
     */
    public Map<String, Map<String, Long>> caches() {
        Map<String, Map<String, Long>> counted = new TreeMap<>();
        caches.values().stream().filter(Cache::isDrawn).forEach(cache -> counted.put(cache.lane.place(), cache.counts));
        return counted;
    }

    /**
     * The places whose caches were refreshed most.
     *
     * @return a table
     */
    public Table table() {
        Table table = new Table("<" + ">".repeat(COUNTED.length + 2));
        table.head(Stream.concat(Stream.of("cache at", "refreshes", "longest"), Stream.of(COUNTED)).toArray());
        caches.values().stream().filter(Cache::isDrawn).forEach(cache -> table.row(Stream.concat(
                Stream.of(cache.lane.place(), cache.refreshes, TimeFan.time(cache.longest)),
                Stream.of(COUNTED).map(what -> cache.counts.getOrDefault(what, 0L))).toArray()));
        return table;
    }

    /**
     * The page.
     *
     * @return HTML; the same whenever the same recording was read
     */
    public String page() {
        return Page.html("pfncache report: " + timeline.name, this::body);
    }

    private void body(Markup to) {
        Legend.patterns(to);
        to.open("header").element("h1", "What your machine did").line();
        Page.idea(to);
        to.open("div", "class", "figures").line();
        counts.forEach((type, count) -> Page.figure(to, count, type));
        to.close().line().close().line().open("main").line().element("h2", "Refreshes, and why").line();
        table().html(to);
        Legend.draw(to, List.of(Mark.values()));
        to.element("p", "A column begins with what the host or the memslots did, and shows what each cache found after"
                + " that. Memslots are drawn from their first change in the recording on; invalidations that hit no"
                + " cache are not drawn.").line().element("h2", "The machine").line();
        String state = recording.whole() ? "" : "the recording goes on";
        TracePicture.section(to, timeline, "t0", true, state, List.of(), List.of());
        to.close().line();
    }
}
