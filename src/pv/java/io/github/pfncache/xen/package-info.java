/**
 * The Xen interfaces of a VM, as users of the cache: the shared page, vcpu_info, runstate, event channels, timers,
 * polls.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.xen.XenVm} is the VM's part, {@link io.github.pfncache.xen.XenVcpu} a
 * vCPU's, {@link io.github.pfncache.xen.EventChannels} the events', {@link io.github.pfncache.xen.RunstateArea} the
 * times'. The {@code *Layout} enums own the numbers of the guest ABI, in its 64-bit and its 32-bit form; nobody else
 * writes one.
 *
 * <p><b>The mode comes with the mapping.</b> The shared page has one cache for each mode, of that mode's length, and an
 * operation reads the pair once. A change of mode takes the pair away, waits until the operations on it have ended,
 * re-scales what was kept for the guest, and publishes another pair.
 *
 * <p><b>Events.</b> Where the shared page or the vCPU's structure cannot be had, an event is kept: in the vCPU's set of
 * deferred ports, or in its parked selector bits. Whoever keeps one says so afterwards, by a kick; the entry that
 * follows delivers it.
 *
 * <p><b>Locks owned.</b> {@code VM_USER}: the VM's mode, where its shared page is, what its ports are bound to.
 * {@code VCPU_USER}: one for each structure of each vCPU, never two at once. Both come before all locks of the caches
 * ([rule L13]), and neither is held when an event is delivered or the emulator called. {@code WAKE_UP}: a halted
 * thread. Deferred ports, parked bits, poll bits and the runstate's account are atomic and need none, so atomic context
 * can use them.
 *
 * <p><b>Rule enum.</b> {@link io.github.pfncache.xen.XenRule}. <b>May use.</b> {@code vm}, {@code pvclock},
 * {@code cache}, {@code address}, {@code rules}; never {@code host} or {@code memslot}.
 */
package io.github.pfncache.xen;
