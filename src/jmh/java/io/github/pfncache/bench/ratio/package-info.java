/**
 * From a run of the benchmarks to the table of ratios and the plot. {@link io.github.pfncache.bench.ratio.Rows} is the
 * table: what is compared with what, and which ratio is the goal.
 */
package io.github.pfncache.bench.ratio;
