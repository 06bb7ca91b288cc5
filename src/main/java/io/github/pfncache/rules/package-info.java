/**
 * The rules of the library as code: a lock order, invariants that check themselves, places where threads may switch.
 *
 * <p><b>Purpose.</b> The counterpart of lockdep and {@code WARN_ON}. A {@link io.github.pfncache.rules.LockClass} says
 * what a lock protects and where it stands in the order; a {@link io.github.pfncache.rules.Rule} states an invariant,
 * and counts how often it was checked and how often it was broken. Checking is on when assertions are on, or with
 * {@code -Dpfncache.rules=true}; otherwise it folds away ({@link io.github.pfncache.rules.Rules#ENABLED} is a
 * constant).
 *
 * <p>Every wait of the library goes through {@link io.github.pfncache.rules.TrackedLock} or
 * {@link io.github.pfncache.rules.TrackedRwLock}, and every other place worth a thread switch through
 * {@link io.github.pfncache.rules.Interleaving}, so that a schedule explorer can drive the real classes without a seam
 * of its own in them.
 *
 * <p><b>Locks owned.</b> None; it makes those of all packages. <b>Rule enum.</b> {@link
 * io.github.pfncache.rules.LockRule}. <b>May use.</b> Nothing.
 */
package io.github.pfncache.rules;
