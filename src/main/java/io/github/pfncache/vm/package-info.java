/**
 * One virtual machine: the only place that knows all the parts and puts them together.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.vm.Vm} builds the object graph: host memory, memslots, caches, vCPUs.
 * {@link io.github.pfncache.vm.Vcpu} enters the guest, and around that runs what paravirtual interfaces hang on it:
 * {@link io.github.pfncache.vm.MsrHandler}s and {@link io.github.pfncache.vm.EntryHook}s.
 * {@link io.github.pfncache.vm.GuestRam} plugs memory in and out and takes {@link io.github.pfncache.vm.RamSnapshot}s,
 * {@link io.github.pfncache.vm.DirtyLogFollower} knows what is still to be copied.
 * {@link io.github.pfncache.vm.VmAudit} looks at the whole state.
 *
 * <p><b>Locks owned.</b> None: a vCPU belongs to the thread that runs it. <b>Rule enum.</b> None of its own.
 * <b>May use.</b> {@code cache}, {@code memslot}, {@code host}, {@code address}, {@code rules}.
 */
package io.github.pfncache.vm;
