/**
 * Paravirtual clocks: kvmclock, the wall clock and steal time, as users of the cache.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.pvclock.Kvmclock} keeps a clock structure up to date in the guest
 * memory of each vCPU that registered one; {@link io.github.pfncache.pvclock.StealTime} tells the guest what it did
 * not get. {@link io.github.pfncache.pvclock.PvclockTimeInfo} is the structure,
 * {@link io.github.pfncache.pvclock.PvclockField} its place in a window of guest memory, and
 * {@link io.github.pfncache.pvclock.PvclockReader} the guest's side of the protocol. Other interfaces that hand a
 * clock to the guest take the value from {@code Kvmclock.timeFor} and the occasion from
 * {@link io.github.pfncache.pvclock.ClockUpdateListener}. {@link io.github.pfncache.pvclock.Registration} is what
 * these interfaces, and those of an adopter, have in common.
 *
 * <p><b>Locks owned.</b> {@code REFRESH} and {@code VCPU_USER}, one of each for each registration: for the call that
 * moves its cache, and for the writer of its structure. {@code VM_USER}: the wall clock's writer. No code of others
 * runs under the latter two: a page-fault handler, a TSC or a listener runs before a structure is accessed or after, so
 * a version that is odd when it throws is the guest's own. Requests are atomic bits, and no lock guards them: raising
 * one never waits.
 *
 * <p><b>Rule enum.</b> {@link io.github.pfncache.pvclock.PvclockRule}. <b>May use.</b> {@code vm}, {@code cache},
 * {@code address}, {@code rules}; never {@code host} or {@code memslot}.
 */
package io.github.pfncache.pvclock;
