package io.github.pfncache.proof;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Portrayed;
import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.rules.CurrentExplorer;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.scenario.Guest;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * A race of the cache that runs on the real classes and on the model alike: the same threads, the same operations. The
 * explorer drives the real ones; each run is written down as what could be seen of the cache after every step, for the
 * model to say whether it can do the same.
 *
 * <p>Speaks in strings, because the classes of a library with a fault in it are not those of its caller.
 */
public final class BoundRace implements Function<String, String[]> {

    private static final int ATTEMPTS = 3;
    private static final int PREEMPTIONS = 3;

    private final Set<String> written = new LinkedHashSet<>();
    private List<String> steps = new ArrayList<>();
    private String last = "";

    private Guest guest;
    private GfnPfnCache cache;
    private final Set<String> using = new TreeSet<>();
    private final TreeMap<Long, Integer> frames = new TreeMap<>();
    private boolean over;

    /** The race in, as {@code schedules;a: activate access;b: access;m: migrate}; the runs and what failed out. */
    @Override
    public String[] apply(String race) {
        String[] parts = race.split(";");
        int schedules = Integer.parseInt(parts[0]);
        Scenario scenario = stage -> prepare(stage, parts);
        String failure = String.valueOf(
                new ScheduleExplorer(scenario).exhaustive(PREEMPTIONS, schedules).explore().failure());
        boolean failed = !failure.equals("null");
        if (failed) {
            written.clear();
        }
        keep();
        written.add(failed ? failure : "");
        return written.toArray(String[]::new);
    }

    private void keep() {
        if (!steps.isEmpty()) {
            written.add("<<" + String.join(",\n    ", steps) + ">>");
        }
    }

    private void prepare(ScenarioRun stage, String[] parts) {
        keep();
        steps = new ArrayList<>();
        last = "";
        using.clear();
        frames.clear();
        over = false;
        guest = Guest.touched(ATTEMPTS);
        cache = guest.vm.newCache(8);
        frameOf(guest.host.presentPfn(Guest.HVA));
        frameOf(guest.host.presentPfn(Guest.hva(1)));
        for (int i = 1; i < parts.length; i++) {
            String[] thread = parts[i].trim().split(":? ");
            stage.thread(thread[0], () -> perform(thread));
        }
    }

    private void perform(String[] thread) {
        Interleaving.Explorer explorer = CurrentExplorer.get();
        Interleaving.bind(new Interleaving.Explorer() {
            @Override
            public void reached(String point) {
                step(thread[0], point);
                explorer.reached(point);
            }

            @Override
            public boolean blocked(Object on, boolean timed) {
                step(thread[0], "blocked");
                return explorer.blocked(on, timed);
            }
        });
        boolean ended = false;
        try {
            for (int i = 1; i < thread.length; i++) {
                operate(thread[0], thread[i]);
            }
            ended = true;
        } finally {
            step(thread[0], ended ? "ends" : "failed");
            over |= !ended;
            Interleaving.bind(explorer);
        }
    }

    private void operate(String thread, String operation) {
        switch (operation) {
            case "activate" -> cache.activate(Guest.GPA);
            case "deactivate" -> cache.deactivate();
            case "refresh" -> cache.refresh();
            case "access" -> {
                try (GuestAccess access = cache.access()) {
                    if (access.isUsable()) {
                        using.add(thread);
                        Interleaving.reached("using");
                        access.getLong(0);
                        using.remove(thread);
                    }
                }
            }
            case "migrate" -> guest.host.migrate(Guest.HVA);
            case "discard" -> guest.host.discard(Guest.HVA, 1);
            case "delete" -> guest.vm.memslots().delete(Guest.SLOT);
            default -> throw new IllegalArgumentException(operation);
        }
    }

    /** What a thread has done since its last step can be seen now. Steps of one thread that show nothing are one. */
    private void step(String thread, String point) {
        if (over) {
            return; // the schedule has failed, and its threads are being ended
        }
        Portrayed seen = Portrayed.of(cache, guest.vm.caches(), Guest.HVA);
        String shown = String.format("active |-> %S, valid |-> %S, usable |-> %S, page |-> %d, khva |-> %d, "
                        + "pt |-> %d, taking |-> %S, using |-> {%s}",
                seen.active(), seen.valid(), seen.usable(), seen.page() + 1, frameOf(seen.khva()),
                frameOf(guest.host.presentPfn(Guest.HVA)), seen.taking(),
                using.isEmpty() ? "" : '"' + String.join("\", \"", using) + '"');
        String sameAs = thread + " " + shown;
        if (sameAs.equals(last)) {
            steps.remove(steps.size() - 1);
        }
        last = sameAs;
        steps.add("[thread |-> \"" + thread + "\", point |-> \"" + point + "\", " + shown + "]");
    }

    /** Frames by the order in which they were seen; 0 for none. */
    private int frameOf(long pfn) {
        return pfn < 0 ? 0 : frames.computeIfAbsent(pfn, any -> frames.size() + 1);
    }
}
