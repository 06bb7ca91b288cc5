package io.github.pfncache.museum;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Every exhibit there is. */
final class Museum {

    private Museum() {}

    /** In the order of their numbers. */
    static List<Exhibit> exhibits() {
        List<Exhibit> all = new ArrayList<>();
        all.addAll(LifeCycleExhibits.all());
        all.addAll(RefreshExhibits.all());
        all.addAll(TranslationExhibits.all());
        all.addAll(ReaderBiasExhibits.all());
        all.addAll(GuestModeExhibits.all());
        all.addAll(EventExhibits.all());
        all.addAll(PollExhibits.all());
        all.addAll(RunstateExhibits.all());
        all.addAll(FaultExhibits.all());
        all.sort(Comparator.comparing(Exhibit::id));
        return all;
    }

    static Exhibit exhibit(String id) {
        return exhibits().stream()
                .filter(exhibit -> exhibit.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no exhibit " + id));
    }
}
