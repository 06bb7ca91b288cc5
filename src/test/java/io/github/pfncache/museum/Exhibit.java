package io.github.pfncache.museum;

import io.github.pfncache.explore.Scenario;
import java.util.ArrayList;
import java.util.List;

/**
 * A historical fault, put back into the production source, and what finds it there.
 *
 * @param id number of the museum page, with a letter if there is more than one way to make the mistake
 * @param fault what is wrong, in one sentence
 * @param edits how the source comes to have it
 * @param search name of the scenario, of one only
 * @param scenario finds the fault and passes without it
 * @param reasons the rules, assertions or kinds of failure that count as finding it, see {@link ExhibitRunner#reason}
 */
record Exhibit(String id, String fault, List<Edit> edits, String search, Scenario scenario, List<String> reasons) {

    /** Whether a run failed, and for the right reason: any other failure is not this fault. */
    boolean isFoundIn(Finding finding) {
        return reasons.contains(finding.reason());
    }

    /** Starts the description of an exhibit. */
    static Draft of(String id, String fault) {
        return new Draft(id, fault, new ArrayList<>());
    }

    /** An exhibit being described. */
    record Draft(String id, String fault, List<Edit> edits) {

        Draft edit(String file, String search, String replacement) {
            edits.add(new Edit(file, search, replacement));
            return this;
        }

        Exhibit foundBy(String search, Scenario scenario, String... reasons) {
            return new Exhibit(id, fault, List.copyOf(edits), search, scenario, List.of(reasons));
        }
    }
}
