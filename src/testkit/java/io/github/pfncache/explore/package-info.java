/**
 * An explorer of thread schedules: for the library's own tests, and for emulators that build on it.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.explore.ScheduleExplorer} runs a
 * {@link io.github.pfncache.explore.Scenario} one thread at a time under every order of its steps, up to a bound, and
 * reports the first {@linkplain io.github.pfncache.explore.ScheduleFailure failure} as a schedule that can be run
 * again. Steps end at the locks and at the named points of {@link io.github.pfncache.rules.Interleaving}. None of it
 * needs a test framework.
 *
 * <p><b>Locks owned.</b> None. <b>Rule enum.</b> None: it reports what breaks the others'. <b>May use.</b>
 * {@code rules}.
 */
package io.github.pfncache.explore;
