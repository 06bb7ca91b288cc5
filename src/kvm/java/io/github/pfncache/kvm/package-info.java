/**
 * The machine's own KVM as an oracle: scripts run on this library and on the real kernel, and what each shows in guest
 * memory is compared.
 *
 * <p>A {@link io.github.pfncache.kvm.Script} is a sequence of operations on host memory, memslots and vCPUs. A
 * {@link io.github.pfncache.kvm.Machine} runs it; {@link io.github.pfncache.kvm.VmOps} and
 * {@link io.github.pfncache.kvm.MemoryOps} say what each operation is, {@link io.github.pfncache.kvm.HostCalls} and
 * {@link io.github.pfncache.kvm.VmCalls} who does it, and the {@link io.github.pfncache.kvm.Observer} what it shows.
 * For guests with Xen interfaces there are {@link io.github.pfncache.kvm.XenOps},
 * {@link io.github.pfncache.kvm.XenGuestOps} and {@link io.github.pfncache.kvm.XenCalls} as well.
 */
package io.github.pfncache.kvm;
