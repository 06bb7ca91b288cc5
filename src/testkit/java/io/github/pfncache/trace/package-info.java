/**
 * Recordings of real machines: what they did to their memslots, and where their clock updates landed.
 *
 * <p><b>Purpose.</b> A {@link io.github.pfncache.trace.MemslotTrace} is a recorded sequence of slot operations, a
 * {@link io.github.pfncache.trace.ProbeTable} what real KVM did after each of them. {@link
 * io.github.pfncache.trace.TraceParser} and {@link io.github.pfncache.trace.ProbeTableParser} read them and say where a
 * file is wrong ({@link io.github.pfncache.trace.MalformedInput}); {@link io.github.pfncache.trace.TraceWriter} writes
 * them; {@link io.github.pfncache.trace.BundledTraces} are those of this project. {@link
 * io.github.pfncache.trace.Replay} does to a {@link io.github.pfncache.vm.Vm} what the trace says, and compares.
 *
 * <p><b>Locks owned.</b> None. Everything but a running replay is immutable. <b>Rule enum.</b> None of its own.
 * <b>May use.</b> {@code pvclock}, {@code vm}, {@code cache}, {@code host}, {@code memslot}, {@code address},
 * {@code rules}.
 */
package io.github.pfncache.trace;
