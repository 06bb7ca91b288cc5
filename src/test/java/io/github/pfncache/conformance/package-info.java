/**
 * What real KVM was seen to do, asked of this library.
 *
 * <p>The recordings are the {@code .tsv} files among the test resources, or those in the directory that
 * {@code -Dconformance.vectors=DIR} names. {@link io.github.pfncache.conformance.Vectors} finds them,
 * {@link io.github.pfncache.conformance.Scope} says by rules which rows count,
 * {@link io.github.pfncache.conformance.Report} counts and compares.
 *
 * <p>Rows that are scripts are run by the interpreter of {@link io.github.pfncache.kvm}, which runs them on a real
 * kernel too; {@link io.github.pfncache.conformance.XenMachine} adds a model of events, by which the two
 * differ on purpose. There is no list of expected failures.
 */
package io.github.pfncache.conformance;
