/**
 * Pages and pictures for people: what a replay or a machine of one's own did to the
 * caches, and what a schedule did to its threads. Not exported.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.report.ReplayReport} looks on while traces are replayed and makes one
 * HTML page of what it saw;
 * {@link io.github.pfncache.report.RecordingReport} makes one of a flight recording.
 * A page stands alone: no script, no other file. Its size has a bound, whatever the trace,
 * and the same input gives the same page. Every text goes through {@link io.github.pfncache.report.Markup}, which
 * escapes it. {@link io.github.pfncache.report.ReportFile} writes a page completely or not at all.
 *
 * <p><b>Locks owned.</b> None. <b>Rule enum.</b> None. <b>May use.</b> Everything but {@code cli}.
 */
package io.github.pfncache.report;
