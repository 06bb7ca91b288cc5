package io.github.pfncache.xen;

/**
 * A vCPU's single-shot timer, as it is saved and restored. Immutable. ABI: {@code KVM_XEN_VCPU_ATTR_TYPE_TIMER}.
 *
 * @param port the event channel that it fires; 0 if the timer is not set up
 * @param priority the event's priority, {@link EventChannels#PRIORITY_2LEVEL}
 * @param expiresNanos when it fires, by the guest's clock; 0 if it is not armed
 * @since 0.1.0
 */
public record TimerState(int port, int priority, long expiresNanos) {}
