/**
 * The Xen interfaces of a VM, as users of the cache: the shared page, vcpu_info, runstate, event channels, timers,
 * polls.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.xen.XenVm} is the VM's part, {@link io.github.pfncache.xen.XenVcpu} a
 * vCPU's, {@link io.github.pfncache.xen.EventChannels} the events', {@link io.github.pfncache.xen.RunstateArea} the
 * times'. The {@code *Layout} enums own the numbers of the guest ABI, in its 64-bit and its 32-bit form; no other
 * class writes one.
 *
 * <p><b>The mode stays while it is used.</b> The shared page has one cache, long enough for the layouts of both modes.
 * A sender holds the mode from the look at the page until the event is said or parked. A change of mode waits until the
 * senders have ended, and re-scales what was kept for the guest.
 *
 * <p><b>Events.</b> Where the shared page or the vCPU's structure cannot be had, an event is kept: in the vCPU's set of
 * deferred ports, or in its parked selector bits. The sender that keeps one says so afterwards, by a kick; the
 * entry that follows delivers it.
 *
 * <p><b>Locks owned.</b> {@code REFRESH}: the turn of the calls that place the shared page or change the mode, and of
 * those that place a runstate; held while page-fault handlers run, so taken for a bounded time, and BUSY for a handler
 * that comes back. {@code VM_USER}: what the ports are bound to, and the wall clock's writer. {@code VCPU_USER}: one
 * for each structure of each vCPU, never two at once. No code of others runs under these two, and neither is held when
 * an event is delivered or the emulator called. {@code WAKE_UP}: a halted thread. Deferred ports, parked bits, poll
 * bits and the runstate's account are atomic and need none, so atomic context can use them.
 *
 * <p><b>Code of others</b> is a page-fault handler, the emulator's listener, a clock. It runs before a structure is
 * accessed or after, never in between; what it may end by an exception is marked as due before it is called, and
 * done by the next entry. It may call these interfaces again.
 *
 * <p><b>Rule enum.</b> {@link io.github.pfncache.xen.XenRule}. <b>May use.</b> {@code vm}, {@code pvclock},
 * {@code cache}, {@code address}, {@code rules}; never {@code host} or {@code memslot}.
 */
package io.github.pfncache.xen;
