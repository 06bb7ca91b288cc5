package io.github.pfncache.stress;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.rules.Patience;
import io.github.pfncache.vm.Vm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/**
 * A host, and an owner of the memory map, that do to a VM whatever they are allowed to while its guest and devices run:
 * for the tests of an emulator that is built on this library.
 *
 * <pre>{@code
 * try (Adversary adversary = Adversary.of(vm).seed(42).migrating().evicting().followingDirtyLog(0).start()) {
 *     emulator.run(program);                     // threads, devices, everything
 * }                                              // throws if a thread of the adversary failed or the log is not whole
 * }</pre>
 *
 * <p>Up to three kinds of threads run: the host's, the slots', and one for each dirty log that is followed. What they
 * plan is a function of the seed; how they interleave with the emulator is not. Give the VM a host memory that is
 * {@linkplain io.github.pfncache.host.HostMemoryBuilder#checked checked}, and freed frames are filled with a pattern:
 * then a thread that still uses a page that has gone is found out.
 *
 * <p>Thread-safe.
 *
 * @since 0.1.0
 */
public final class Adversary implements AutoCloseable {

    private final HostAdversary host;
    private final SlotAdversary slots;
    private final List<DirtyFollower> followers;
    private final Crew crew;

    private Adversary(HostAdversary host, SlotAdversary slots, List<DirtyFollower> followers, Crew crew) {
        this.host = host;
        this.slots = slots;
        this.followers = followers;
        this.crew = crew;
    }

    /**
     * Starts the description of an adversary that does nothing yet. Slots must be there when they are named, and all
     * slots when it {@linkplain Builder#start starts}: their memory is what the host's thread plays with.
     *
     * @param vm its victim
     * @return a builder
     */
    public static Builder of(Vm vm) {
        return new Builder(vm);
    }

    /** Describes an adversary. Not thread-safe. */
    public static final class Builder {

        private final Vm vm;
        private final List<HostAdversary.Action> hostActions = new ArrayList<>();
        private final List<SlotAdversary.Target> slotActions = new ArrayList<>();
        private final List<HvaRange> worthless = new ArrayList<>();
        private final List<Integer> followed = new ArrayList<>();
        private long seed = 1;
        private long restNanos = 50_000;
        private LongSupplier hot;

        private Builder(Vm vm) {
            this.vm = vm;
        }

        /**
         * Makes the plan the same again.
         *
         * @param planSeed any number; 1 by default
         * @return this builder
         */
        public Builder seed(long planSeed) {
            seed = planSeed;
            return this;
        }

        /**
         * How long each thread rests between two actions; 50 microseconds by default.
         *
         * @param rest zero or negative for none
         * @return this builder
         */
        public Builder resting(Duration rest) {
            restNanos = Patience.nanosOf(rest);
            return this;
        }

        /**
         * How many actions each thread takes in a second, at most.
         *
         * @param actions at least 1
         * @return this builder
         * @throws IllegalArgumentException if there are none
         */
        public Builder perSecond(int actions) {
            if (actions < 1) {
                throw new IllegalArgumentException("actions=" + actions);
            }
            return resting(Duration.ofSeconds(1).dividedBy(actions));
        }

        /**
         * The host prefers a page, such as the one that the guest has used last: half of its actions are done to it.
         *
         * @param gpa answers a guest physical address in the page, on the host's thread; one in no slot is passed over
         * @return this builder
         */
        public Builder preferring(LongSupplier gpa) {
            hot = gpa;
            return this;
        }

        /**
         * The host gives pages other frames.
         *
         * @return this builder
         */
        public Builder migrating() {
            return host(HostAdversary.Action.MIGRATE);
        }

        /**
         * The host takes frames away and keeps the contents; sometimes only those that it need not wait for.
         *
         * @return this builder
         */
        public Builder evicting() {
            return host(HostAdversary.Action.EVICT).host(HostAdversary.Action.TRY_EVICT);
        }

        /**
         * The host lets the next write of a page fault.
         *
         * @return this builder
         */
        public Builder writeProtecting() {
            return host(HostAdversary.Action.WRITE_PROTECT);
        }

        /**
         * The host's process forks, so that every private page is shared until it is written, and the child ends again.
         * What the child saw at first it must see at last.
         *
         * @return this builder
         */
        public Builder forking() {
            return host(HostAdversary.Action.FORK);
        }

        /**
         * The host forgets pages, which become zero; only where content may be lost.
         *
         * @param hva first address, page aligned
         * @param npages number of pages, at least 1
         * @return this builder
         */
        public Builder discarding(long hva, long npages) {
            worthless.add(HvaRange.ofPages(hva, npages));
            return host(HostAdversary.Action.DISCARD);
        }

        private Builder host(HostAdversary.Action action) {
            hostActions.add(action);
            return this;
        }

        /**
         * A slot is deleted and created again.
         *
         * @param slotId an existing slot
         * @return this builder
         * @throws IllegalArgumentException if there is none
         */
        public Builder replugging(int slotId) {
            return slot(SlotAdversary.Action.REPLUG, slotId, 0);
        }

        /**
         * A slot is moved between two places.
         *
         * @param slotId an existing slot
         * @param otherGpa its other place; free
         * @return this builder
         * @throws IllegalArgumentException if there is none
         */
        public Builder moving(int slotId, long otherGpa) {
            return slot(SlotAdversary.Action.MOVE, slotId, otherGpa);
        }

        /**
         * A slot's dirty log is turned on and off.
         *
         * @param slotId an existing slot
         * @return this builder
         * @throws IllegalArgumentException if there is none
         */
        public Builder togglingLog(int slotId) {
            return slot(SlotAdversary.Action.TOGGLE_LOG, slotId, 0);
        }

        /**
         * A slot is replaced by one that the guest must not write, and by one that it may.
         *
         * @param slotId an existing slot
         * @return this builder
         * @throws IllegalArgumentException if there is none
         */
        public Builder togglingReadOnly(int slotId) {
            return slot(SlotAdversary.Action.TOGGLE_READ_ONLY, slotId, 0);
        }

        private Builder slot(SlotAdversary.Action action, int slotId, long otherGpa) {
            Memslot slot = vm.memslots().table().byId(slotId);
            if (slot == null) {
                throw new IllegalArgumentException("there is no slot " + slotId);
            }
            slotActions.add(new SlotAdversary.Target(action, slot, otherGpa));
            return this;
        }

        /**
         * A slot's dirty log is harvested all the time, and sometimes put back; see {@link DirtyFollower}.
         *
         * @param slotId a slot that logs, and that nothing else is done to
         * @return this builder
         */
        public Builder followingDirtyLog(int slotId) {
            followed.add(slotId);
            return this;
        }

        /**
         * Starts the threads.
         *
         * @return the adversary, to be closed when the emulator is at rest
         * @throws IllegalArgumentException if a slot to be followed is not there, does not log, or is to be changed
         */
        public Adversary start() {
            for (SlotAdversary.Target target : slotActions) { // bounded by the description
                if (followed.contains(target.slot().id())) {
                    throw new IllegalArgumentException(target.slot() + " cannot be followed and changed");
                }
            }
            List<HvaRange> memory = new ArrayList<>();
            vm.memslots().table().forEach(
                    slot -> memory.add(HvaRange.ofPages(slot.hva(), slot.npages())));
            HostAdversary host = new HostAdversary(vm.host(), hostActions, memory, worthless, seed, hotHva());
            SlotAdversary slots = new SlotAdversary(vm.memslots(), slotActions, seed);
            List<DirtyFollower> followers = follow();
            Crew crew = new Crew();
            if (!hostActions.isEmpty() && !memory.isEmpty()) {
                crew.add("host adversary", host, restNanos);
            }
            if (!slotActions.isEmpty()) {
                crew.add("slot adversary", slots, restNanos);
            }
            followers.forEach(follower -> crew.add("dirty harvester", follower, restNanos));
            return new Adversary(host, slots, followers, crew);
        }

        private LongSupplier hotHva() {
            LongSupplier gpa = hot;
            return gpa == null ? null : () -> {
                long gfn = Pages.gpaToGfn(gpa.getAsLong());
                Memslot slot = vm.memslots().table().find(gfn);
                return slot == null ? -1 : slot.gfnToHva(gfn);
            };
        }

        private List<DirtyFollower> follow() {
            List<DirtyFollower> followers = new ArrayList<>();
            try {
                followed.forEach(id -> followers.add(new DirtyFollower(vm, id, seed)));
            } catch (IllegalArgumentException e) {
                followers.forEach(DirtyFollower::close);
                throw e;
            }
            return followers;
        }
    }

    /**
     * How often each action took place; those that could not be done at that time do not count.
     *
     * @return name of the action to its number, a snapshot
     */
    public Map<String, Long> actions() {
        Map<String, Long> counts = new LinkedHashMap<>();
        host.done().forEach((action, count) -> counts.put(nameOf(action), count.sum()));
        slots.done().forEach((action, count) -> counts.put(nameOf(action), count.sum()));
        if (slots.busy() > 0) {
            counts.put("slot busy", slots.busy());
        }
        if (!followers.isEmpty()) {
            counts.put("harvest", followers.stream().mapToLong(DirtyFollower::harvests).sum());
        }
        return counts;
    }

    private static String nameOf(Enum<?> action) {
        return action.name().toLowerCase(java.util.Locale.ROOT).replace('_', ' ');
    }

    /**
     * Whether one of its threads has failed; {@link #close} throws why.
     *
     * @return true from then on
     */
    public boolean hasFailed() {
        return crew.isStopped();
    }

    /**
     * Stops the threads, puts the slots back as they were, and compares what was followed. To be called when no other
     * thread writes the guest's memory any more.
     *
     * @throws AssertionError if a thread failed, a fork changed, or a dirty log is not whole
     */
    @Override
    public void close() {
        try {
            crew.close();
            host.end();
            for (DirtyFollower follower : followers) { // bounded by the description
                long missing = follower.missing();
                if (missing > 0) {
                    throw new AssertionError(missing + " pages were written and are in no dirty log");
                }
            }
        } finally {
            followers.forEach(DirtyFollower::close);
            slots.end();
        }
    }
}
