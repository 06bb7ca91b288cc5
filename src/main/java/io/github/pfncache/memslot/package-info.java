/**
 * gpa to slot to hva: immutable generations of the guest memory map, and the log of the pages written.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.memslot.Memslots} holds the current {@link
 * io.github.pfncache.memslot.MemslotTable} and changes it by KVM's rules. A table is never modified: a change makes the
 * next one, publishes it through the {@link io.github.pfncache.memslot.InvalidationGate}, waits until every reader of
 * an earlier table has left, and has the {@link io.github.pfncache.memslot.MemslotListener} drain the caches that kept
 * a slot. So when a delete has returned, no thread touches the slot's memory ([rule L11]).
 *
 * <p><b>Dirty log.</b> One {@link io.github.pfncache.memslot.DirtyBitmap} for each slot that logs, or one
 * {@link io.github.pfncache.memslot.DirtyRing} for each vCPU; chosen once, when the holder is made.
 *
 * <p><b>Locks owned.</b> {@code SLOTS} (one change at a time), {@code TABLE_READERS} (waiting for readers), {@code
 * DIRTY} (the reading end of a ring). Look-ups and marks take none. <b>Rule enum.</b> {@link
 * io.github.pfncache.memslot.MemslotRule}. <b>May use.</b> {@code address}, {@code rules}. It shares nothing with
 * {@code host} but a number, the hva.
 *
 * <p>Kernel counterpart: {@code struct kvm_memslots}, {@code kvm_set_memory_region()}, {@code kvm->srcu} and
 * {@code virt/kvm/dirty_ring.c}.
 */
package io.github.pfncache.memslot;
