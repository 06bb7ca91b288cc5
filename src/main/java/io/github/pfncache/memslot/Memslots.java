package io.github.pfncache.memslot;

import io.github.pfncache.memslot.DirtyBitmap.Harvest;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.StackRoom;
import io.github.pfncache.rules.TrackedLock;
import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.LongPredicate;

/**
 * The guest memory map of one virtual machine: the current {@link MemslotTable}, and the only way to change it.
 *
 * <pre>{@code
 * Memslots memslots = new Memslots();
 * memslots.set(1, 0, 0x100000, 0x4000, 0x7f0000000000L);
 *
 * int token = memslots.enterRead();           // until exitRead no slot of the table read can be given up
 * try {
 *     Memslot slot = memslots.table().find(gfn);
 *     ...
 * } finally {
 *     memslots.exitRead(token);
 * }
 * }</pre>
 *
 * <p><b>A change</b> is judged by KVM's rules ({@link Rejected}), makes the next table, publishes it through the {@link
 * InvalidationGate}, waits for the readers of earlier tables, and has the {@link MemslotListener} drain the caches that
 * kept the former slot. When {@link Change#DONE} is returned, a slot that was deleted, moved or replaced is not in use
 * any more ([rule L11]).
 *
 * <p><b>BUSY.</b> Call with no access to a cache open: a change waits for the accesses to its slot. No change waits for
 * its own caller: a thread that is in a read section, in an invalidation or in another change gets {@link Change#BUSY}
 * at once. Every other thread waits up to the deadline. If it passes before the publication, nothing has happened. If
 * it passes after, the former content is published again under a new generation; then the generation has grown by two,
 * and nothing else has changed: the dirty log of the slot is complete, except that marks which a {@link DirtyReader}
 * took out of the rings during the attempt are those of the readers only. Readers that obtained the attempted slot
 * meanwhile are waited for until a second deadline. If one still holds it then, the next change waits for that reader
 * first. A thread that is interrupted counts as one whose deadline has passed.
 *
 * <p><b>Thread safety.</b> Everything may be called from any thread. Look-ups, read sections and dirty marks take no
 * lock.
 *
 * <p>Kernel counterpart: {@code kvm_set_memory_region()}, {@code kvm_memslots()}, {@code kvm->srcu},
 * {@code kvm_vm_ioctl_get_dirty_log()}.
 *
 * @since 0.1.0
 */
public final class Memslots {

    /** How long a change waits unless told otherwise. */
    public static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(5);

    private static final AtomicLong MADE = new AtomicLong();

    private final long number = MADE.incrementAndGet();
    private final ReadSections readers = new ReadSections();
    private final PublishedTable published;

    /** The rings of the vCPUs, or null in bitmap mode. */
    private final DirtyRings rings;

    private final TrackedLock changing = new TrackedLock(LockClass.SLOTS);

    /**
     * The readers and watches of dirty logs. An immutable array, replaced, so that to tell them of a change takes no
     * memory. A reader that comes while a slot is made follows that slot itself.
     */
    private final AtomicReference<LogUser[]> logUsers = new AtomicReference<>(new LogUser[0]);

    /** The place where writes are logged. */
    public enum DirtyMode {
        /** In a bitmap for each slot. */
        BITMAP,
        /** In a ring for each vCPU. ABI: {@code KVM_CAP_DIRTY_LOG_RING}. */
        RING
    }

    /** The answer to a request that keeps the rules. */
    public enum Change {
        /** The table has changed, and what is no longer in it is not in use. */
        DONE,
        /** The table was like this already; it has the same generation as before. */
        UNCHANGED,
        /** It could not be done now, and the table has its former content. */
        BUSY
    }

    /** The status of a harvest: whether there was a log. */
    public enum HarvestStatus {
        /** There was. */
        OK,
        /** No slot has the id. KVM: {@code ENOENT}. */
        NO_SLOT,
        /** The slot does not log. KVM: {@code ENOENT}. */
        NO_LOG,
        /** The other dirty mode was chosen. KVM: {@code ENXIO}. */
        OTHER_MODE
    }

    /**
     * The result of a harvest.
     *
     * @param status whether there was a log
     * @param harvest the pages; empty if there was none
     */
    public record HarvestResult(HarvestStatus status, Harvest harvest) {}

    /** A request breaks a rule of the memory map; nothing has changed. */
    public static final class Rejected extends IllegalArgumentException {

        private static final long serialVersionUID = 1L;

        /** The first rule that the request breaks. */
        private final MemslotRule rule;

        Rejected(MemslotRule rule, String request) {
            super(rule.errno() + ": " + rule.statement() + ", but: " + request);
            this.rule = rule;
        }

        /**
         * The first rule that the request breaks.
         *
         * @return one with an errno
         */
        public MemslotRule rule() {
            return rule;
        }

        /**
         * What KVM would have answered.
         *
         * @return {@code "EINVAL"} or {@code "EEXIST"}
         */
        public String errno() {
            return rule.errno();
        }
    }

    /** No slots; bitmaps; the default timeout. */
    public Memslots() {
        this(DirtyMode.BITMAP, DEFAULT_TIMEOUT);
    }

    /**
     * No slots.
     *
     * @param dirtyMode where writes are logged
     * @param timeout how long one change waits, all its waits together; not negative
     * @throws IllegalArgumentException if {@code timeout} is negative or beyond 2<sup>62</sup> ns
     */
    public Memslots(DirtyMode dirtyMode, Duration timeout) {
        if (timeout.isNegative() || timeout.compareTo(Duration.ofNanos(1L << 62)) > 0) {
            throw new IllegalArgumentException("timeout=" + timeout);
        }
        this.rings = dirtyMode == DirtyMode.RING ? new DirtyRings(this) : null;
        this.published = new PublishedTable(readers, timeout.toNanos());
    }

    /**
     * Ties the memory map to the caches of its translations. Until then a new table is published at once, and no
     * listener is told of a slot that goes.
     *
     * @param gate lets a new table appear
     * @param listener drains the users of a former slot
     * @throws IllegalStateException if it was tied before
     */
    public void attach(InvalidationGate gate, MemslotListener listener) {
        Objects.requireNonNull(gate, "gate");
        Objects.requireNonNull(listener, "listener");
        changing.lock();
        try (changing) {
            published.attach(gate, listener);
        }
    }

    /**
     * The current table. Outside of a read section it may be replaced, and its slots given up, at any time.
     *
     * @return the latest published
     */
    public MemslotTable table() {
        return published.current();
    }

    /**
     * Generation of the current table.
     *
     * @return grows with every change
     */
    public long generation() {
        return table().generation();
    }

    /**
     * Enters a section in which every table read stays in use: no change that takes away one of its slots is
     * {@link Change#DONE} before the section is left. Wait-free. Sections nest.
     *
     * @return what {@link #exitRead} takes
     */
    public int enterRead() {
        return readers.enter();
    }

    /**
     * Leaves a section, on the thread that entered it.
     *
     * @param token what {@link #enterRead} returned
     * @throws IllegalStateException if the thread is not in that section
     */
    public void exitRead(int token) {
        readers.exit(token);
    }

    /**
     * Creates, deletes, moves or re-flags a slot; any values, judged by {@link MemslotRule}. Mirrors
     * {@code KVM_SET_USER_MEMORY_REGION}.
     *
     * @param id number of the slot
     * @param flags of {@link Memslot}
     * @param gpa first guest physical address; ignored by a delete, but for its alignment
     * @param size bytes, unsigned; 0 deletes
     * @param hva first host user address; whether anything is mapped there does not matter
     * @return what became of it
     * @throws Rejected if it breaks a rule; nothing has changed
     */
    public Change set(int id, int flags, long gpa, long size, long hva) {
        MemslotRequest request = new MemslotRequest(id, flags, gpa, size, hva);
        return change(id, true, current -> request);
    }

    /**
     * Deletes a slot and its dirty log.
     *
     * @param id number of the slot
     * @return what became of it
     * @throws Rejected if there is no such slot
     */
    public Change delete(int id) {
        return change(id, false, current -> MemslotRequest.delete(existing(current, id)));
    }

    /**
     * Moves a slot, with its memory and its dirty log.
     *
     * @param id number of the slot
     * @param gpa new first guest physical address
     * @return what became of it
     * @throws Rejected if there is no such slot, or it cannot be there
     */
    public Change move(int id, long gpa) {
        return change(id, false, current -> MemslotRequest.move(existing(current, id), gpa));
    }

    /**
     * Changes the flags of a slot. Logging starts with an empty log.
     *
     * @param id number of the slot
     * @param flags of {@link Memslot}; READONLY as it was
     * @return what became of it
     * @throws Rejected if there is no such slot, or it cannot have these flags
     */
    public Change setFlags(int id, int flags) {
        return change(id, true, current -> MemslotRequest.setFlags(existing(current, id), flags));
    }

    /**
     * Gives a slot other memory in one step, as a machine does that switches banks: at no time is there none. It is a
     * deletion and a creation in one: the log is a new one, with every page marked, because the guest's bytes are
     * others. KVM has no such call.
     *
     * @param id number of the slot
     * @param hva first host user address of the new memory, page aligned; whether anything is mapped there does not
     *     matter
     * @return what became of it; after DONE the former memory is not used any more by way of this slot. After BUSY the
     *     pages of a slot that logs may all be marked
     * @throws Rejected if there is no such slot, or the address cannot be one
     */
    public Change replace(int id, long hva) {
        return change(id, false, current -> MemslotRequest.replace(existing(current, id), hva));
    }

    private static Memslot existing(MemslotTable current, int id) {
        Memslot slot = current.byId(id);
        MemslotRule.SLOT_EXISTS.require(slot != null, "slot " + id);
        return slot;
    }

    /**
     * Makes a change; {@code flagsAreAsked} if the flags are the wish of the slot's maker, and not of a reader of logs.
     */
    private Change change(int id, boolean flagsAreAsked, Function<MemslotTable, MemslotRequest> wish) {
        SlotEvents.SlotChange event = SlotEvents.changeBegins(number, id);
        Change change = null;
        try {
            change = change(wish, flagsAreAsked, event);
            return change;
        } finally {
            SlotEvents.changeEnds(event, change, generation());
        }
    }

    private Change change(
            Function<MemslotTable, MemslotRequest> wish, boolean flagsAreAsked, SlotEvents.SlotChange event) {
        if (published.waitsForCurrentThread() || changing.isHeldByCurrentThread()) {
            HeldLocks.mightSleep("memslot change"); // in guest mode, nothing may ask for what would wait
            // Judged all the same: a bad request is rejected on every thread, and a void one needs no waiting. Not so a
            // reader's: the change that turned the log on may still wait for what is written without a mark.
            MemslotTable now = table();
            MemslotRequest request = wish.apply(now);
            boolean isVoid = judged(request, now) == MemslotRequest.Step.NONE && (flagsAreAsked || !changing.isTaken());
            return answered(isVoid ? Change.UNCHANGED : Change.BUSY, flagsAreAsked, request);
        }
        StackRoom.require(); // what is begun ends
        long deadline = published.deadlineFromNow();
        if (!changing.tryLock(deadline)) {
            return Change.BUSY;
        }
        try (changing) {
            MemslotTable now = table();
            MemslotRequest request = wish.apply(now);
            MemslotRequest.Step step = judged(request, now);
            SlotEvents.isJudged(event, step);
            return answered(install(step, deadline), flagsAreAsked, request);
        }
    }

    /** What a request does. A slot that is new logs from its first moment where there are readers. */
    private MemslotRequest.Step judged(MemslotRequest request, MemslotTable now) {
        boolean read = now.byId(request.id()) == null && Arrays.stream(logUsers.get()).anyMatch(user -> user.readsAll);
        return (read ? request.withLog() : request).against(now, rings);
    }

    /** A log that the slot's maker has asked for stays: it may have been on for its readers. Allocates nothing. */
    private Change answered(Change change, boolean flagsAreAsked, MemslotRequest wish) {
        Memslot slot = flagsAreAsked && wish.wantsLog() && change != Change.BUSY ? table().byId(wish.id()) : null;
        if (slot != null && slot.log() != null) {
            slot.log().wanted = true;
        }
        return change;
    }

    private Change install(MemslotRequest.Step step, long deadline) {
        if (step == MemslotRequest.Step.NONE) {
            return Change.UNCHANGED;
        }
        Memslot former = step.former();
        Memslot successor = step.successor();
        boolean replaces = former != null && successor != null && former.hva() != successor.hva();
        long before = generation();
        boolean done = false;
        try {
            if (replaces) { // what marks take is there when it counts, and a harvest right after the change finds all
                former.makeRoomForMarks();
                successor.markWhole();
            }
            follow(successor); // before a thread can mark it
            done = published.install(step, deadline);
        } finally {
            if (replaces && generation() != before) { // the guest's bytes are others now, or were in between
                (done ? successor : former).markWhole();
            }
            if (done) {
                forget(former, successor);
            } else {
                follow(former);
                forget(successor, former);
            }
        }
        if (done && successor != null) {
            successor.dropLogUnlessLogging();
        }
        return done ? Change.DONE : Change.BUSY;
    }

    private void follow(Memslot slot) {
        if (slot != null && slot.logsDirtyPages()) {
            for (LogUser user : logUsers.get()) { // bounded by the readers and watches
                user.begins(slot);
            }
        }
    }

    /** A slot has gone, and its log with it unless the other one has it. */
    private void forget(Memslot slot, Memslot other) {
        if (slot != null) {
            DirtyBitmap log = slot.log();
            boolean logToo = log != null && (other == null || other.log() != log || !other.logsDirtyPages());
            for (LogUser user : logUsers.get()) { // bounded by the readers and watches
                user.ends(slot, logToo);
            }
        }
    }

    /**
     * Takes the dirty pages out of a slot's bitmap. Mirrors {@code KVM_GET_DIRTY_LOG}. A vCPU in guest mode that holds
     * pages of the slot for writing gives them back before this returns; if it does not do so in time, the pages are
     * marked again, and the next harvest of any reader has them too.
     *
     * @param id number of the slot, any value
     * @return the pages, to be put back if they cannot be delivered; or why there are none
     */
    public HarvestResult harvestDirty(int id) {
        return harvest(id, PageMask.ALL, false);
    }

    /**
     * As {@link #harvestDirty(int)}, of some pages: the marks of the others stay. Mirrors {@code KVM_CLEAR_DIRTY_LOG}:
     * after {@link #peekDirty}, pages are taken out right before they are copied.
     *
     * @param id number of the slot, any value
     * @param pages which, relative to the slot; those without a mark do not matter
     * @return those that were marked; or why there are none
     */
    public HarvestResult harvestDirty(int id, BitSet pages) {
        return harvest(id, PageMask.of(pages), false);
    }

    /**
     * Looks at what {@link #harvestDirty(int)} would take out, and leaves it: no vCPU is stopped. Mirrors {@code
     * KVM_GET_DIRTY_LOG} under {@code KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2}.
     *
     * @param id number of the slot, any value
     * @return the pages, which need not be put back; or why there are none
     */
    public HarvestResult peekDirty(int id) {
        return ofLog(id, false, (slot, log) -> log.peek(log.unnamed));
    }

    /**
     * In ring mode, takes out of a slot's bitmap the pages marked by threads that had no ring bound, or a full one.
     *
     * @param id number of the slot, any value
     * @return the pages, to be put back if they cannot be delivered; or why there are none
     */
    public HarvestResult harvestDirtyOutsideRings(int id) {
        return harvest(id, PageMask.ALL, true);
    }

    private HarvestResult harvest(int id, PageMask which, boolean besidesRings) {
        return ofLog(id, besidesRings, (slot, log) -> harvest(slot, log, log.unnamed, which));
    }

    private HarvestResult ofLog(int id, boolean besidesRings, BiFunction<Memslot, DirtyBitmap, Harvest> use) {
        Memslot slot = table().byId(id);
        DirtyBitmap log = slot == null || !slot.logsDirtyPages() ? null : slot.log();
        HarvestStatus status = besidesRings != (rings != null) ? HarvestStatus.OTHER_MODE
                : slot == null ? HarvestStatus.NO_SLOT
                : log == null ? HarvestStatus.NO_LOG : HarvestStatus.OK;
        return new HarvestResult(status, status == HarvestStatus.OK ? use.apply(slot, log) : Harvest.empty());
    }

    /** Takes marks of pages out, for a reader; then, a vCPU that holds one of them for writing has to mark it again. */
    Harvest harvest(Memslot slot, DirtyBitmap log, Marks reader, PageMask which) {
        HeldLocks.mightSleep("harvest"); // before marks are taken
        Harvest harvest = log.harvest(reader, which);
        boolean marksAgain = false;
        try {
            marksAgain = protect(slot, which::has) && harvest.isForAllReaders();
        } finally {
            if (!marksAgain) { // also when the listener threw
                harvest.markAgain();
            }
        }
        return harvest;
    }

    /** Whether a table that was read is the current one, and no change was under way that may have taken it back. */
    boolean isSettled(MemslotTable table) {
        return !changing.isTaken() && table() == table; // in this order: the last table of a change is there before
    }

    /** See {@link MemslotListener#protect}. */
    boolean protect(Memslot slot, LongPredicate pages) {
        return published.protect(slot, pages);
    }

    /**
     * When a call gives up that begins to wait now.
     *
     * @return a value of {@link System#nanoTime()}
     */
    public long deadlineFromNow() {
        return published.deadlineFromNow();
    }

    /**
     * Starts to read the dirty logs, besides the readers that are there.
     *
     * @return a reader, to be {@linkplain DirtyReader#close closed}
     */
    public DirtyReader newDirtyReader() {
        return known(new DirtyReader(this));
    }

    /**
     * Makes a watch of pages whose next write is to be known.
     *
     * @return a watch of no page, to be {@linkplain WriteWatch#close closed}
     */
    public WriteWatch newWriteWatch() {
        return known(new WriteWatch(this));
    }

    private <T extends LogUser> T known(T user) {
        logUsers.updateAndGet(now -> {
            LogUser[] more = Arrays.copyOf(now, now.length + 1);
            more[now.length] = user;
            return more;
        });
        return user;
    }

    /** Lets go of the users that have been closed, this time or when memory was short, and of their logs. */
    void endUsers() {
        logUsers.updateAndGet(now -> Arrays.stream(now).filter(user -> !user.hasEnded()).toArray(LogUser[]::new));
        turnOffIdleLogs();
    }

    /** Turns a log on for readers; what the slot is then, or null if it cannot be done now or the slot has gone. */
    Memslot turnOnLog(int id) {
        Change change = changeIfThere(
                id, slot -> MemslotRequest.setFlags(slot, slot.flags() | Memslot.FLAG_LOG_DIRTY_PAGES));
        Memslot slot = change == Change.BUSY ? null : table().byId(id);
        return slot == null || !slot.logsDirtyPages() ? null : slot;
    }

    /** Turns the logs off that were on for readers alone; the judgement and the change are one. */
    private void turnOffIdleLogs() {
        for (Memslot each : table()) { // bounded by the slots
            if (each.logsDirtyPages() && each.log() != null && each.log().isIdle()) {
                changeIfThere(each.id(), slot -> {
                    int off = slot.log() != null && slot.log().isIdle() ? Memslot.FLAG_LOG_DIRTY_PAGES : 0;
                    return MemslotRequest.setFlags(slot, slot.flags() & ~off);
                });
            }
        }
    }

    /** BUSY also if there is no such slot any more. */
    private Change changeIfThere(int id, Function<Memslot, MemslotRequest> wish) {
        try {
            return change(id, false, current -> wish.apply(existing(current, id)));
        } catch (Rejected e) {
            return Change.BUSY; // the memory map has changed since it was read
        }
    }

    /** Moves what the dirty rings hold to the bitmaps of the slots, where every reader finds it; resets the rings. */
    void spillDirtyRings() {
        if (rings != null) {
            rings.spill();
        }
    }

    /**
     * A mark leaves its ring. It may be of an earlier or a later slot of the same number, to no harm: the earlier one
     * is gone, and the later one has a page too many.
     */
    void markFromRing(int id, long page, boolean alsoUnnamed) {
        Memslot slot = table().byId(id);
        DirtyBitmap log = slot == null || page >= slot.npages() ? null : slot.log();
        if (log != null && alsoUnnamed) {
            log.mark(page);
        } else if (log != null) {
            log.markForNamed(page);
        }
        for (LogUser user : logUsers.get()) { // bounded by the readers and watches
            user.markGone(id, page, log);
        }
    }

    /**
     * Makes the dirty ring of one vCPU.
     *
     * @param entries a power of two from 128 to 65536
     * @return a ring bound to no thread
     * @throws IllegalStateException in bitmap mode
     * @throws IllegalArgumentException for another number of entries
     */
    public DirtyRing newDirtyRing(int entries) {
        if (rings == null) {
            throw new IllegalStateException("entries=" + entries + ": these memslots log into bitmaps");
        }
        return rings.make(entries);
    }

    /**
     * The number of this memory map in the process, by which the events of a flight recording name its VM.
     *
     * @return 1 for the first one
     */
    public long number() {
        return number;
    }

    @Override
    public String toString() {
        return table().toString();
    }
}
