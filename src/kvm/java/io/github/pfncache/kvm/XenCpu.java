package io.github.pfncache.kvm;

import io.github.pfncache.cache.Outcome;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.Hypercall;
import io.github.pfncache.xen.HypercallResult;
import io.github.pfncache.xen.PollOutcome;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.XenConfig;
import io.github.pfncache.xen.XenVcpu;
import io.github.pfncache.xen.XenVm;
import java.time.Duration;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * A processor of this library's guest: its mode, its interrupt controller, whether it halts; its events are the
 * library's. Not thread-safe.
 */
public class XenCpu implements XenCalls.Guest {

    private static final int WAITED = 70;
    private static final int WAITED_LONG = 240;
    private static final long MILLISECOND = 1_000_000;

    private static final long ANSWER_OF_THE_HOST = 77;
    private static final byte[] VMMCALL = {0x0f, 0x01, (byte) 0xd9};
    private static final String BLOCKED = "BLOCKED";

    private final LibraryMachine machine;
    private final XenVm xenVm;
    private final Vcpu vcpu;
    private final TreeSet<Integer> requested = new TreeSet<>();

    private boolean wide;
    private boolean halted;

    /** Of the hypercall that is at its host, or was interrupted: what to answer when the guest goes on, or null. */
    private Long unanswered;

    /** A processor of a machine's guest, in the machine's mode. */
    public XenCpu(LibraryMachine machine, XenVm xenVm, Vcpu vcpu) {
        this.machine = machine;
        this.xenVm = xenVm;
        this.vcpu = vcpu;
        this.wide = machine.isWide();
    }

    public final Vcpu vcpu() {
        return vcpu;
    }

    public final XenVcpu xen() {
        return xenVm.vcpu(vcpu.id());
    }

    @Override
    public final boolean isWide() {
        return wide;
    }

    @Override
    public final void setWide(boolean next) {
        wide = next;
    }

    /** A guest whose interfaces are on sees that its vCPU has a processor again. */
    public final void setRunning() {
        if (xenVm.config().msr() != 0) {
            xen().runstate().set(RunState.RUNNING);
        }
    }

    /** The interrupt controller is to raise an interrupt. */
    public final void request(int vector) {
        requested.add(vector);
    }

    @Override
    public final String interrupts() {
        return "irr:" + requested.stream().map(vector -> " " + Integer.toHexString(vector))
                .collect(Collectors.joining()) + " isr:";
    }

    /** The interrupt that is taken next; 0 for none. */
    private int pendingVector() {
        int vector = vectorOfVm();
        return vector != 0 ? vector : requested.isEmpty() ? 0 : requested.last();
    }

    /** Takes that interrupt, and tells the interrupt controller that it is done, which leaves the guest once. */
    private String takeInterrupt() {
        int vector = vectorOfVm();
        if (vector == 0) {
            vector = requested.pollLast();
        }
        enterAgain();
        return "INT" + Integer.toHexString(vector);
    }

    // ---- events

    /** A run has begun, and the guest is entered for the first time. */
    public void entered() {}

    /** The guest left for something that is done without its host. */
    public void enterAgain() {
        vcpu.enterAgain();
    }

    public int vectorOfVm() {
        return xen().pendingVector();
    }

    public boolean hasWork() {
        return xen().hasWork();
    }

    public HypercallResult hypercall(Hypercall call) {
        return xen().hypercall(call);
    }

    public boolean isPollOver() {
        return xen().awaitPoll(Duration.ZERO) != PollOutcome.BUSY;
    }

    public void stopPoll() {
        xen().stopPoll();
    }

    // ---- running

    @Override
    public final String run(XenCalls.Code code, boolean interruptible, int limit) {
        return timed(interruptible, limit, () -> switch (code) {
            case LEAVE -> step(interruptible);
            case HALT -> halt(interruptible, limit);
            case SPIN -> spin(limit);
        });
    }

    /** Runs a guest until it leaves, or a signal takes it out. */
    private String timed(boolean interruptible, int limit, Supplier<String> code) {
        long start = machine.clock().monotonicNanos();
        String exit = wakes(interruptible, limit) ? enter(code) : BLOCKED;
        return exit + waited(exit, start);
    }

    private String waited(String exit, long start) {
        long passed = (machine.clock().monotonicNanos() - start) / MILLISECOND;
        return exit.endsWith(BLOCKED) || passed < WAITED ? "" : passed < WAITED_LONG ? " waited" : " waited-long";
    }

    private String enter(Supplier<String> code) {
        String[] text = new String[1];
        Vcpu.Exit exit = vcpu.run(() -> {
            entered();
            text[0] = code.get();
        });
        return exit == Vcpu.Exit.GUEST ? text[0] : LibraryVm.exitText(exit);
    }

    /** Takes an interrupt, or leaves by an output. */
    private String step(boolean interruptible) {
        return interruptible && pendingVector() != 0 ? takeInterrupt() : "IOf8";
    }

    private String halt(boolean interruptible, int limit) {
        if (interruptible && pendingVector() != 0) {
            return takeInterrupt(); // before it halts
        }
        halted = true;
        if (!wakes(interruptible, limit)) {
            return BLOCKED;
        }
        resume();
        return step(interruptible);
    }

    /** Whether a vCPU that halts does not, or not any more after at most so many milliseconds. */
    private boolean wakes(boolean interruptible, int limit) {
        boolean woken = !halted
                || machine.waitUntil(() -> interruptible && pendingVector() != 0 || hasWork(), limit);
        halted = !woken;
        return woken;
    }

    /** The processor that the vCPU had left to others is its own again, and it enters its guest. */
    private void resume() {
        setRunning();
        enterAgain();
    }

    private String spin(int limit) {
        boolean taken = machine.waitWhileRunning(this, () -> {
            enterAgain(); // the host's timer takes it out now and then
            return pendingVector() != 0;
        }, limit);
        resume();
        return taken ? takeInterrupt() : BLOCKED;
    }

    // ---- registers

    @Override
    public final String writeMsr(int index, long value) {
        GuestMode mode = wide ? GuestMode.NATIVE : GuestMode.COMPAT;
        return timed(false, XenGuestOps.LIMIT, () -> {
            boolean done = index == XenConfig.DEFAULT_MSR
                    ? xen().writeHypercallPage(mode, value, VMMCALL) == Outcome.OK
                    : vcpu.guestWriteMsr(index, value);
            return done ? "IOe9" : "INTd";
        });
    }

    // ---- hypercalls

    @Override
    public final String hypercall(long number, List<Long> arguments, int limit) {
        Hypercall call = new Hypercall(wide ? GuestMode.NATIVE : GuestMode.COMPAT, false, number, arguments);
        long start = machine.clock().monotonicNanos();
        boolean[] outside = new boolean[1];
        String text = !wakes(false, limit) ? BLOCKED : enter(() -> {
            HypercallResult result = hypercall(call);
            outside[0] = result.kind() == HypercallResult.Kind.EMULATOR;
            unanswered = outside[0] ? ANSWER_OF_THE_HOST : result.value();
            return outside[0] ? describe(call) : answerWhenOver(result, limit);
        });
        if (outside[0]) {
            text += " " + enter(this::answer);
        }
        return text + waited(text, start);
    }

    private String answerWhenOver(HypercallResult result, int limit) {
        if (result.kind() != HypercallResult.Kind.HALTED) {
            enterAgain();
        } else if (machine.waitUntil(this::isPollOver, limit)) {
            resume();
        } else {
            stopPoll();
            return BLOCKED;
        }
        return answer();
    }

    /** The guest goes on after its hypercall, or where it is. */
    @Override
    public final String goOn(int limit) {
        return timed(false, limit, () -> {
            if (unanswered != null) {
                return answer();
            }
            machine.pass(limit); // a loop that does nothing
            return BLOCKED;
        });
    }

    private String answer() {
        long value = unanswered;
        unanswered = null;
        return "rax=" + (wide ? value : (int) value);
    }

    private String describe(Hypercall call) {
        String in = call.arguments().stream()
                .map(each -> Long.toHexString(ofMode(each)))
                .collect(Collectors.joining("."));
        return "X34{nr=" + Long.toUnsignedString(ofMode(call.number())) + ",cpl=0,lm=" + (wide ? 1 : 0) + ",in=" + in
                + "}";
    }

    private long ofMode(long value) {
        return wide ? value : Integer.toUnsignedLong((int) value);
    }
}
