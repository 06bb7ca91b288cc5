package io.github.pfncache.conformance;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.kvm.KernelDifference;
import io.github.pfncache.kvm.XenCpu;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.Hypercall;
import io.github.pfncache.xen.HypercallResult;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.RunstateTimes;
import io.github.pfncache.xen.XenVm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** A processor whose events are those of an {@link EventModel}. */
final class ModelCpu extends XenCpu {

    private static final int VCPU_INFO_BYTES = 64;
    private static final int MOST_PORTS = 128;
    private static final long BAD_TIMEOUT = 100_000_000;
    private static final long LONGEST_TIMEOUT = 1L << 50;
    private static final long NEVER = Long.MAX_VALUE;
    private static final long EFAULT = -14;
    private static final long EINVAL = -22;

    private final EventModel model;
    private final EventModel.Shadow info;

    /** The pages of the runstate. */
    private final List<EventModel.Shadow> runstate = new ArrayList<>();

    private long parked;

    /** Events that found no shared page. */
    private final TreeSet<Integer> kept = new TreeSet<>();

    /** The kernel's entry loop turns once more: an event was parked, or what the guest had mapped is gone. */
    private boolean turns = true;

    private long zapsSeen;

    private int timerPort;
    private long timerExpires;
    private long timerDue = NEVER;

    /** The timer's time has come, and its event waits for an occasion. */
    private boolean timerWaits;

    private long[] polled;
    private long pollEnd;
    private boolean pollWoken;

    ModelCpu(XenMachine machine, XenVm xenVm, Vcpu vcpu, EventModel model) {
        super(machine, xenVm, vcpu);
        this.model = model;
        this.info = model.new Shadow(VCPU_INFO_BYTES);
    }

    private boolean here(KernelDifference difference) {
        return model.differs(difference);
    }

    private long now() {
        return model.machine().clock().monotonicNanos();
    }

    // ------------------------------------------------------------------ vcpu_info

    void place(CacheTarget target) {
        info.place(target);
        if (here(KernelDifference.PARKED_AGAIN) && inject()) {
            model.note(KernelDifference.PARKED_AGAIN);
        }
    }

    /** The shared page has changed, by which what is kept may be delivered; only this library tries then. */
    void occasion() {
        if (here(KernelDifference.LOST_PAGE)) {
            deliverKept();
        }
    }

    void keep(int port) {
        kept.add(port);
    }

    private void deliverKept() {
        if (timerWaits && here(KernelDifference.LOST_PAGE)) {
            expire();
        }
        for (int port : new TreeSet<>(kept)) { // bounded by the ports
            EventModel.Sent sent = port >= model.portLimit() ? EventModel.Sent.INVALID : model.deliver(this, port);
            if (sent != EventModel.Sent.FAULT && sent != EventModel.Sent.INACTIVE) {
                kept.remove(port);
            }
        }
    }

    EventModel.Sent raise(int word) {
        boolean usable = info.isFresh(here(KernelDifference.STALE_VCPU_INFO));
        if (!usable) {
            turns |= (parked >>> word & 1) == 0;
            parked |= 1L << word;
            if (here(KernelDifference.STALE_VCPU_INFO) && !inVain && inject()) {
                model.note(KernelDifference.STALE_VCPU_INFO);
                return EventModel.Sent.RAISED;
            }
            return EventModel.Sent.PARKED;
        }
        if (!info.isFresh(false)) {
            model.note(KernelDifference.STALE_VCPU_INFO);
        }
        try (GuestAccess access = info.access()) {
            if (access.testAndSetBit(selector(), word)) {
                return EventModel.Sent.JOINED;
            }
            access.putByte(0, (byte) 1);
        }
        requestOwnVector();
        return EventModel.Sent.RAISED;
    }

    private int selector() {
        return model.isNative() ? 8 : 4;
    }

    private void requestOwnVector() {
        int own = xen().upcallVector();
        if (own != 0) {
            request(own);
        }
    }

    /** The last attempt found no memory: this library's senders leave the next one to the entry. */
    private boolean inVain;

    private boolean inject() {
        if (parked == 0) {
            return false;
        }
        inVain = !info.isActive() || !info.refresh();
        if (inVain) {
            return false;
        }
        try (GuestAccess access = info.access()) {
            for (int word = 0; word < model.bitsPerWord(); word++) { // the words of the mode
                if ((parked >>> word & 1) != 0) {
                    access.testAndSetBit(selector(), word);
                }
            }
            access.putByte(0, (byte) 1);
        }
        parked = 0;
        requestOwnVector();
        return true;
    }

    /** Parked bits of the old mode. */
    void switchMode() {
        GuestMode mode = model.machine().xen().mode();
        if (here(KernelDifference.MODE_SWITCH) && mode != parkedMode) {
            long scaled = 0;
            for (int word = 0; word < Long.SIZE; word++) { // the words of the wider mode
                if ((parked >>> word & 1) != 0) {
                    scaled |= mode == GuestMode.NATIVE ? 1L << word / 2 : word < 16 ? 3L << 2 * word : 0;
                }
            }
            if (parked != scaled) {
                model.note(KernelDifference.MODE_SWITCH);
            }
            parked = scaled;
        }
        parkedMode = mode;
        occasion();
    }

    private GuestMode parkedMode = GuestMode.COMPAT;

    // ------------------------------------------------------------------ entries

    @Override
    public void entered() {
        refreshRunstate();
        deliverTimer();
        if (here(KernelDifference.LOST_PAGE)) {
            deliverKept();
        }
        if (!here(KernelDifference.STALE_VCPU_INFO)) {
            refreshByEntry();
        }
        boolean turnsByItself = turns || model.zaps() != zapsSeen;
        turns = false;
        zapsSeen = model.zaps();
        if ((turnsByItself || here(KernelDifference.PARKED_AGAIN)) && inject() && !turnsByItself) {
            model.note(KernelDifference.PARKED_AGAIN);
        }
    }

    /** A clock was written into the vcpu_info, for which it was refreshed. */
    void clockUpdated() {
        if (info.isActive()) {
            info.refresh();
        }
    }

    /** The kernel looks at the upcall at each entry, whoever takes interrupts; that refreshes. */
    private void refreshByEntry() {
        if (model.machine().xen().upcallVector() != 0 && info.isActive()) {
            info.refresh();
        }
    }

    @Override
    public void enterAgain() {
        super.enterAgain();
        deliverTimer();
        if (here(KernelDifference.LOST_PAGE)) {
            deliverKept();
        }
        inject();
    }

    @Override
    public int vectorOfVm() {
        int vector = model.machine().xen().upcallVector();
        if (vector == 0 || !info.isActive() || !info.refresh()) {
            return 0;
        }
        try (GuestAccess access = info.access()) {
            return access.isUsable() && access.getByte(0) != 0 ? vector : 0;
        }
    }

    @Override
    public boolean hasWork() {
        return parked != 0 || timerWaits && !here(KernelDifference.LOST_PAGE) || !kept.isEmpty();
    }

    // ------------------------------------------------------------------ runstate

    /** The runstate was registered, or not: its pages, by the mode's length now. */
    void placeRunstate() {
        runstate.forEach(page -> page.place(null));
        runstate.clear();
        refreshRunstate();
    }

    /** It was written, as far as it could be: the pages that the mode's length needs. */
    void refreshRunstate() {
        CacheTarget target = xen().runstate().target();
        if (target instanceof CacheTarget.ByGpa at) {
            int length = model.isNative() ? 48 : 44;
            int first = Math.min(length, 4096 - (int) (at.gpa() & 0xfff));
            if (runstate.isEmpty()) {
                runstate.add(model.new Shadow(1));
                runstate.get(0).place(target);
            }
            if (first < length && runstate.size() == 1) {
                runstate.add(model.new Shadow(1));
                runstate.get(1).place(new CacheTarget.ByGpa(at.gpa() + first));
            }
            runstate.forEach(EventModel.Shadow::refresh);
        }
    }

    /** The host says that the vCPU is runnable: the kernel writes that only if nothing has to be refreshed for it. */
    boolean losesRunnable() {
        boolean stale = xen().runstate().target() != null && !runstate.stream().allMatch(page -> page.isFresh(false));
        if (stale && here(KernelDifference.RUNNABLE)) {
            model.note(KernelDifference.RUNNABLE);
        }
        if (!stale || here(KernelDifference.RUNNABLE)) {
            return false;
        }
        RunstateTimes times = xen().runstate().times();
        long passed = model.machine().kvmclock().getClock() - times.entryNanos();
        RunState spent = times.entryNanos() == 0 ? RunState.OFFLINE : times.state();
        xen().runstate().setTimes(new RunstateTimes(RunState.RUNNABLE, times.entryNanos() + passed,
                times.running() + (spent == RunState.RUNNING ? passed : 0),
                times.runnable() + (spent == RunState.RUNNABLE ? passed : 0),
                times.blocked() + (spent == RunState.BLOCKED ? passed : 0),
                times.offline() + (spent == RunState.OFFLINE ? passed : 0)));
        return true;
    }

    // ------------------------------------------------------------------ timer

    void setTimer(int port, long expires) {
        timerPort = port;
        if (port == 0 || expires == 0) {
            stopTimer();
        } else {
            arm(expires);
        }
    }

    private void stopTimer() {
        timerExpires = 0;
        timerDue = NEVER;
        timerWaits = false;
    }

    private void arm(long expires) {
        long left = expires - model.machine().kvmclock().getClock();
        timerExpires = expires == 0 ? 1 : expires;
        timerWaits = false;
        timerDue = left <= 0 ? now() : now() + left < now() ? NEVER : now() + left;
        if (left <= 0) {
            timerWaits = true;
            expire();
        }
    }

    /** The host's timer interrupt: nothing is refreshed there. */
    void fireTimer() {
        if (timerDue == NEVER || now() < timerDue || timerWaits) {
            return;
        }
        timerWaits = true;
        boolean drops = !model.shared().isActive() && !here(KernelDifference.LOST_PAGE);
        if (drops) {
            stopTimer();
        } else if (model.shared().isFresh(here(KernelDifference.STALE_PAGE))) {
            if (!model.shared().isFresh(false)) {
                model.note(KernelDifference.STALE_PAGE);
            }
            expire();
        }
    }

    private void expire() {
        EventModel.Sent sent = timerPort >= 0 && timerPort < model.portLimit()
                ? model.deliver(this, timerPort)
                : EventModel.Sent.INVALID;
        boolean lost = sent == EventModel.Sent.FAULT || sent == EventModel.Sent.INACTIVE;
        if (lost && here(KernelDifference.LOST_PAGE)) {
            model.note(KernelDifference.LOST_PAGE);
        } else {
            stopTimer();
        }
    }

    private void deliverTimer() {
        if (timerWaits) {
            expire();
        }
    }

    String timerState() {
        fireTimer();
        deliverTimer();
        boolean future = Long.compareUnsigned(timerExpires, model.machine().kvmclock().getClock()) > 0;
        return "port=" + Integer.toHexString(timerPort) + ",prio=ffffffff,exp="
                + (timerExpires == 0 ? "0" : future ? "future" : "past");
    }

    // ------------------------------------------------------------------ hypercalls

    @Override
    public HypercallResult hypercall(Hypercall call) {
        if ((model.machine().xen().config().flags() & 2) == 0) {
            return super.hypercall(call);
        }
        boolean wide = call.mode() == GuestMode.NATIVE;
        long first = argument(call, 0);
        long number = wide ? call.number() : Integer.toUnsignedLong((int) call.number());
        if (number == 29 && first == 3) {
            return poll(call, wide);
        } else if (number == 32 && first == 4) {
            return send(argument(call, 1));
        } else if (number == 15 && timerPort != 0) {
            return setTimerOp(wide ? first : first | argument(call, 1) << 32);
        } else if (number == 24 && timerPort != 0 && (first == 8 || first == 9)) {
            return singleShot(call, first == 9);
        }
        return super.hypercall(call);
    }

    private static long argument(Hypercall call, int index) {
        long value = call.arguments().get(index);
        return call.mode() == GuestMode.NATIVE ? value : Integer.toUnsignedLong((int) value);
    }

    private static HypercallResult done(long value) {
        return new HypercallResult(HypercallResult.Kind.DONE, value);
    }

    /** Null if it cannot be read. */
    private ByteBuffer read(long gpa, int length) {
        byte[] bytes = new byte[length];
        boolean whole = model.machine().vm().guestMemory().read(gpa, bytes) == length;
        return whole ? ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN) : null;
    }

    private HypercallResult send(long at) {
        ByteBuffer port = read(at, Integer.BYTES);
        if (port == null) {
            return done(EFAULT);
        }
        return model.sendOfGuest(port.getInt(0)) ? done(0) : new HypercallResult(HypercallResult.Kind.EMULATOR, 0);
    }

    private HypercallResult setTimerOp(long timeout) {
        if (timeout == 0) {
            stopTimer();
        } else {
            long clock = model.machine().kvmclock().getClock();
            boolean mistaken = timeout < 0 || timeout - clock > LONGEST_TIMEOUT;
            arm(mistaken ? clock + BAD_TIMEOUT : timeout);
        }
        return done(0);
    }

    private HypercallResult singleShot(Hypercall call, boolean stops) {
        if (argument(call, 1) != xen().guestId()) {
            return done(EINVAL);
        }
        if (stops) {
            stopTimer();
            return done(0);
        }
        ByteBuffer timer = read(argument(call, 2), call.mode() == GuestMode.NATIVE ? 16 : 12);
        if (timer == null) {
            return done(EFAULT);
        }
        arm(timer.getLong(0));
        return done(0);
    }

    private HypercallResult poll(Hypercall call, boolean wide) {
        ByteBuffer argument = read(argument(call, 1), wide ? 24 : 16);
        if (argument == null) {
            return done(EFAULT);
        }
        long count = Integer.toUnsignedLong(argument.getInt(wide ? 8 : 4));
        if (count > MOST_PORTS) {
            return done(EINVAL);
        }
        long array = wide ? argument.getLong(0) : Integer.toUnsignedLong(argument.getInt(0));
        ByteBuffer ports = read(array, (int) count * Integer.BYTES);
        if (ports == null) {
            return done(EFAULT);
        }
        polled = new long[(int) count];
        for (int i = 0; i < count; i++) { // at most 128
            polled[i] = Integer.toUnsignedLong(ports.getInt(i * Integer.BYTES));
            if (polled[i] >= model.portLimit()) {
                polled = null;
                return done(EINVAL);
            }
        }
        long timeout = argument.getLong(wide ? 16 : 8);
        pollEnd = timeout <= 0 || now() + timeout < now() ? NEVER : now() + timeout;
        pollWoken = false;
        if (here(KernelDifference.PARKED_AGAIN)) {
            deliverTimer();
            deliverKept();
            inject();
        }
        boolean over = hasPending() || hasWork();
        if (over) {
            polled = null;
        }
        return new HypercallResult(over ? HypercallResult.Kind.DONE : HypercallResult.Kind.HALTED, 0);
    }

    private boolean hasPending() {
        if (polled.length == 0) {
            return false;
        }
        EventModel.Shadow page = model.shared();
        boolean stale = !page.isFresh(false);
        boolean usable = here(KernelDifference.POLL_OF_STALE_PAGE) ? page.isActive() && page.refresh() : !stale;
        if (!usable) {
            return true;
        }
        if (stale) {
            model.note(KernelDifference.POLL_OF_STALE_PAGE);
        }
        for (long port : polled) { // at most 128
            if (model.isPending((int) port)) {
                return true;
            }
        }
        return false;
    }

    /** An event was sent: to this vCPU or to another. */
    void hear(boolean isTarget, EventModel.Sent sent, int port) {
        if (polled == null) {
            return;
        }
        boolean listed = false;
        for (long each : polled) { // at most 128
            listed |= each == port;
        }
        switch (sent) {
            case MASKED -> pollWoken |= isTarget && (polled.length != 1 || listed);
            case JOINED -> pollWoken |= listed && here(KernelDifference.POLL_OF_PENDING_WORD)
                    && noted(KernelDifference.POLL_OF_PENDING_WORD);
            case RAISED -> pollWoken |= isTarget && (xen().upcallVector() == 0
                    || here(KernelDifference.POLL_WITH_OWN_VECTOR) && noted(KernelDifference.POLL_WITH_OWN_VECTOR));
            case PARKED -> pollWoken |= isTarget;
            default -> { }
        }
    }

    private boolean noted(KernelDifference difference) {
        model.note(difference);
        return true;
    }

    @Override
    public boolean isPollOver() {
        if (here(KernelDifference.PARKED_AGAIN)) {
            deliverTimer();
        }
        boolean over = pollWoken || hasWork() || pollEnd != NEVER && now() >= pollEnd;
        if (over) {
            polled = null;
        }
        return over;
    }

    @Override
    public void stopPoll() {
        polled = null;
    }
}
