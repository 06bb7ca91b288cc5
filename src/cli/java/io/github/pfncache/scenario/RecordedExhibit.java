package io.github.pfncache.scenario;

import java.util.List;
import java.util.Optional;

/**
 * A historical fault of the bug museum, as the tests recorded it. Immutable.
 *
 * @param id its number, with a letter if there is more than one way to make the mistake
 * @param fault what is wrong, in one sentence
 * @param whyNot why it cannot be written into this design; null if it can
 * @param found how it was found; null if it cannot be written
 */
public record RecordedExhibit(String id, String fault, String whyNot, CounterExample found) {

    /** The resource that the museum's test writes and compares. */
    public static final String RESOURCE = "exhibits.txt";

    /**
     * All that were recorded.
     *
     * @return by number
     */
    public static List<RecordedExhibit> all() {
        return new ExhibitParser(Resource.text(RecordedExhibit.class, RESOURCE)).exhibits();
    }

    /**
     * The one of a number.
     *
     * @param id any text; upper or lower case
     * @return none if there is no such exhibit
     */
    public static Optional<RecordedExhibit> of(String id) {
        return all().stream().filter(one -> one.id.equalsIgnoreCase(id)).findFirst();
    }
}
