package io.github.pfncache.report;

import io.github.pfncache.address.Pages;
import io.github.pfncache.trace.FlightRecording;
import io.github.pfncache.trace.FlightRecording.Event;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The report of a flight recording: what the caches, the memslots and the host of each VM did, as a table and as a page
 * that draws them. Not thread-safe.
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

    /** One VM: its caches, and what happened to them. */
    private static final class Machine {
        final long vm;
        final List<Event> events = new ArrayList<>();
        final Map<Long, Cache> caches = new TreeMap<>();
        Timeline timeline;

        Machine(long vm) {
            this.vm = vm;
        }

        void add(Event event) {
            events.add(event);
            if (event.isOf(FlightRecording.REFRESH)) {
                caches.computeIfAbsent(place(event), Cache::new).count(event);
            }
        }

        void draw(String name, Budget budget, long start) {
            timeline = new Timeline(name, 1 + (int) events.stream().filter(RecordingReport::changes).count(), budget);
            caches.values().stream().sorted(Comparator.comparingLong((Cache cache) -> cache.refreshes).reversed())
                    .limit(Budget.LANES)
                    .sorted(Comparator.comparingLong(cache -> cache.lane.gpa))
                    .forEach(cache -> timeline.lanes.add(cache.lane));
            timeline.lanesLeftOut = caches.size() - timeline.lanes.size();
            timeline.changes(Mark.START, "the recording begins", 0);
            events.forEach(event -> draw(event, event.micros() - start));
            timeline.ended();
        }

        private void draw(Event event, long micros) {
            Cache refreshed = event.isOf(FlightRecording.REFRESH) ? caches.get(place(event)) : null;
            if (refreshed != null && refreshed.isDrawn()) {
                refreshed.hva = event.hva();
                boolean valid = event.outcome().equals("OK");
                SlotSpan slot = timeline.slotAt(event.gpa());
                LaneState invalid = event.outcome().equals("FAULT") ? LaneState.UNBACKED : LaneState.STALE;
                refreshed.lane.last().settledAt(valid ? LaneState.VALID : invalid,
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
            caches.values().stream().filter(cache -> was.covers(cache.lane.gpa))
                    .forEach(cache -> cache.goesStale(LaneState.STALE));
            timeline.slotIs(id, event.what().equals("delete") ? null : now);
        }
    }

    /** The VMs by their numbers. */
    private final Map<Long, Machine> machines = new TreeMap<>();

    private final List<Machine> drawn = new ArrayList<>();
    private final Map<String, Long> counts = new TreeMap<>();
    private final FlightRecording recording;
    private final String name;

    /**
     * A report.
     *
     * @param name what to call what was recorded
     * @param recording what was recorded
     */
    public RecordingReport(String name, FlightRecording recording) {
        this.name = name;
        this.recording = recording;
        for (Event event : recording.events()) { // bounded by FlightRecording.MOST_EVENTS
            counts.merge(event.type(), 1L, Long::sum);
            if (event.vm() >= 0) {
                machines.computeIfAbsent(event.vm(), Machine::new).add(event);
            }
        }
        machines.values().stream().limit(Budget.of(machines.size()).pictures()).forEach(this::draw);
    }

    private void draw(Machine machine) {
        machine.draw(machines.size() == 1 ? name : name + ", VM " + machine.vm, Budget.of(machines.size()),
                recording.events().get(0).micros());
        drawn.add(machine);
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

    /**
     * What is in the recording, in one line.
     *
     * @return for the end of a report
     */
    public String summary() {
        return "report: " + recording.events().size() + " events"
                + (machines.size() > 1 ? " of " + machines.size() + " VMs, " : ", ")
                + machines.values().stream().mapToInt(machine -> machine.caches.size()).sum()
                + " places with a cache, " + counts;
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
     * @return numbers by names, by places, by VMs
     */
    public Map<Long, Map<String, Map<String, Long>>> caches() {
        Map<Long, Map<String, Map<String, Long>>> counted = new TreeMap<>();
        drawn.forEach(machine -> machine.caches.values().stream().filter(Cache::isDrawn).forEach(cache ->
                counted.computeIfAbsent(machine.vm, vm -> new TreeMap<>()).put(cache.lane.place(), cache.counts)));
        return counted;
    }

    /**
     * The places whose caches were refreshed most.
     *
     * @return a table
     */
    public Table table() {
        Table table = new Table("<" + ">".repeat(COUNTED.length + 3));
        table.head(Stream.concat(Stream.of("cache at", "VM", "refreshes", "longest"), Stream.of(COUNTED)).toArray());
        drawn.forEach(machine -> machine.caches.values().stream().filter(Cache::isDrawn).forEach(cache ->
                table.row(Stream.concat(
                        Stream.of(cache.lane.place(), machines.size() == 1 ? 0 : machine.vm, cache.refreshes,
                                TimeFan.time(cache.longest)),
                        Stream.of(COUNTED).map(what -> cache.counts.getOrDefault(what, 0L))).toArray())));
        return table;
    }

    /**
     * The page.
     *
     * @return HTML; the same whenever the same recording was read
     */
    public String page() {
        return Page.html("pfncache report: " + name, this::body);
    }

    private void body(Markup to) {
        Legend.patterns(to);
        to.open("header").element("h1", "What your machines did").line();
        Page.idea(to);
        to.open("div", "class", "figures").line();
        counts.forEach((type, count) -> Page.figure(to, count, type));
        to.close().line().close().line().open("main").line().element("h2", "Refreshes, and why").line();
        table().html(to);
        Legend.draw(to, List.of(Mark.values()));
        to.element("p", "A column begins with what the host or the memslots did, and shows what each cache found after"
                + " that. Memslots are drawn from their first change in the recording on; invalidations that hit no"
                + " cache are not drawn.").line()
                .element("h2", "The machines: " + drawn.size() + " of " + machines.size()).line();
        String state = recording.whole() ? "" : "the recording goes on";
        for (int i = 0; i < drawn.size(); i++) { // bounded by Budget.pictures
            TracePicture.section(to, drawn.get(i).timeline, "t" + i, i == 0, state, List.of(), List.of());
        }
        to.close().line();
    }
}
