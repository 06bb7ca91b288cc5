/**
 * The load of the {@code stress} command: one machine with everything in it, threads that use all of it at once, and
 * the judgement at the end. Not exported: what others need for tests of their own is in {@code stress}.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.load.StressRun} builds a {@code LoadMachine}, lets vCPUs, devices, the
 * Xen control plane and the {@linkplain io.github.pfncache.stress.Adversary adversaries} loose on it, and says in a
 * {@link io.github.pfncache.load.StressResult} what was lost, torn or broken, and which rules nobody checked.
 *
 * <p><b>Locks owned.</b> None. <b>Rule enum.</b> None. <b>May use.</b> Every package but {@code cli}.
 */
package io.github.pfncache.load;
