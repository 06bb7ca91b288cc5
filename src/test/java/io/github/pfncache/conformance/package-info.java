/**
 * What real KVM was seen to do, asked of this library.
 *
 * <p>The recordings are the {@code .tsv} files among the test resources, or those in the directory that
 * {@code -Dconformance.vectors=DIR} names. {@link io.github.pfncache.conformance.Vectors} finds them,
 * {@link io.github.pfncache.conformance.Scope} says by rules which rows count,
 * {@link io.github.pfncache.conformance.Report} counts and compares.
 *
 * <p>Rows that are scripts are run by a small interpreter: {@link io.github.pfncache.conformance.Script} parses,
 * {@link io.github.pfncache.conformance.Machine} puts a VM together and runs,
 * {@link io.github.pfncache.conformance.VmOps} and {@link io.github.pfncache.conformance.MemoryOps} do the operations
 * through the library's public API, and {@link io.github.pfncache.conformance.Observer} prints every byte that changed
 * in the {@link io.github.pfncache.conformance.Arenas}. There is no list of expected failures.
 */
package io.github.pfncache.conformance;
