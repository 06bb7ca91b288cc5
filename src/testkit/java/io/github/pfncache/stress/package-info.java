/**
 * Load that finds races: for the library's own tests, and for emulators that build on it.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.stress.Adversary} is the load: a host and a memory map that give a VM no
 * rest, on threads of their own, planned by a seed. {@link io.github.pfncache.stress.ReferenceModel} knows what each
 * writer wrote last, and finds lost, torn and stray bytes; {@link io.github.pfncache.stress.DirtyFollower} finds writes
 * that no dirty log has; {@link io.github.pfncache.vm.VmAudit} looks at the invariants. None of it needs a test
 * framework.
 *
 * <p><b>Locks owned.</b> None. <b>Rule enum.</b> None: it reports what breaks the others'. <b>May use.</b> Everything
 * of the library.
 */
package io.github.pfncache.stress;
