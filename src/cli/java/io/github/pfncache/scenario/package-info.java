/**
 * The library's own races: what the schedule explorer runs, and what it found in the past. Not exported.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.scenario.Race} names races between users of a cache, the host and
 * the memslots, each of which passes under every schedule.
 * A {@link io.github.pfncache.scenario.RecordedExhibit} is a historical fault that was put back into the source, with
 * the schedule under which the explorer found it. The tests record them; they are kept as a resource, so that they can
 * be looked at where there are neither sources nor a compiler.
 *
 * <p><b>Locks owned.</b> None. <b>Rule enum.</b> None. <b>May use.</b> Everything but {@code report} and {@code cli}.
 */
package io.github.pfncache.scenario;
