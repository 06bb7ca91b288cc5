package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Where the update of a clock was found in host memory. Immutable.
 *
 * @param places every place that changed: none when the update was lost; more than one is always a fault
 * @since 0.1.0
 */
public record ClockWrites(List<Place> places) {

    /** The update was lost. */
    public static final ClockWrites NONE = new ClockWrites(List.of());

    /**
     * A place in host memory.
     *
     * @param block name of a block, see {@link SlotOperation#isBlockName}
     * @param offset bytes from its start, 0 to {@link SlotOperation#MAX_BLOCK_END} - 1
     */
    public record Place(String block, long offset) {

        /**
         * One place.
         *
         * @param block name of a block, see {@link SlotOperation#isBlockName}
         * @param offset bytes from its start, 0 to {@link SlotOperation#MAX_BLOCK_END} - 1
         * @throws IllegalArgumentException if a component is out of its range
         */
        public Place {
            if (!SlotOperation.isBlockName(block) || !Pages.rangeFits(offset, 1, SlotOperation.MAX_BLOCK_END)) {
                throw new IllegalArgumentException("no place: " + block + "+" + Pages.hex(offset));
            }
        }

        @Override
        public String toString() {
            return block + "+" + Pages.hex(offset);
        }
    }

    /**
     * A landing.
     *
     * @param places every place that changed: none when the update was lost; more than one is always a fault
     */
    public ClockWrites {
        places = List.copyOf(places);
    }

    /**
     * The one place where an update should be.
     *
     * @param block name of the block
     * @param offset bytes from its start
     * @return the landing
     * @throws IllegalArgumentException if a parameter is out of its range
     */
    public static ClockWrites at(String block, long offset) {
        return new ClockWrites(List.of(new Place(block, offset)));
    }

    /** As in a table: {@code pc.ram+0x7100}, or {@code none}; several places are joined by commas. */
    @Override
    public String toString() {
        return places.isEmpty() ? "none" : places.stream().map(Place::toString).collect(Collectors.joining(","));
    }
}
