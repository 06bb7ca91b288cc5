package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.pvclock.TscSource;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.XenVm;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** The machine of a script on this library. Not thread-safe. */
public class LibraryMachine extends Machine {

    /** No byte of it is that of an untouched page, so every byte of a wall clock that is written is seen. */
    public static final long REALTIME_NANOS = 1_700_000_000_123_456_789L;

    /** All pages of the arenas and of the code, in one piece. */
    private static final int FRAME_BYTES = 4 * Arenas.PAGES * Pages.PAGE_SIZE;

    private static final long CODE_GPA = 0;
    private static final int CODE_SLOT = 0;
    private static final int RING_ENTRY_BYTES = 16;

    /** What the guest's memory begins with: a table of addresses. */
    private static final int REAL_MODE_VECTORS = 32;

    /** Twice what the shift 0 is for, about, as on the machine of the recordings of Xen interfaces. */
    private static final long XEN_TSC_HZ = 2_400_000_000L;

    /** What a VM takes to come up, in milliseconds. */
    private static final int START = 25;

    /** What an operation takes. An odd number, so that no byte of a time stays as it is by accident. */
    private static final long OPERATION = 300_007;
    private static final long MILLISECOND = 1_000_000;

    private final HostMemory host;
    private final HostClock.Manual clock = new HostClock.Manual(REALTIME_NANOS);
    private Vm vm;
    private Kvmclock kvmclock;
    private LibraryXen xen;

    /** The vCPU that occupies the processor: what another thread does preempts it. Null if none does. */
    private XenCpu running;

    private final List<Later> others = new ArrayList<>();

    /** What another thread is to do. */
    private static final class Later {
        private final long due;
        private final Supplier<String> what;
        private boolean begun;
        private String answer;

        private Later(long due, Supplier<String> what) {
            this.due = due;
            this.what = what;
        }
    }

    /** The start state. */
    public LibraryMachine() {
        this(HostMemory.builder().chunkBytes(FRAME_BYTES, FRAME_BYTES).build());
    }

    private LibraryMachine(HostMemory host) {
        super(LibraryHost.of(host), REALTIME_NANOS / 1_000_000_000L);
        this.host = host;
    }

    /** What a script shows; a failure of the library, or a broken invariant, is an observation like others. */
    public static String observe(Script script) {
        try (LibraryMachine machine = new LibraryMachine()) {
            return machine.runAndAudit(script);
        } catch (Script.Unreadable e) {
            throw e;
        } catch (RuntimeException | AssertionError e) {
            return failure(e); // of closing it
        }
    }

    private static String failure(Throwable e) {
        return e + (e.getStackTrace().length == 0 ? "" : " at " + e.getStackTrace()[0]);
    }

    /** The same, on this machine. */
    public final String runAndAudit(Script script) {
        try {
            String observed = run(script);
            audit();
            return observed;
        } catch (Script.Unreadable e) {
            throw e;
        } catch (RuntimeException | AssertionError e) {
            return failure(e);
        }
    }

    @Override
    protected final VmCalls start(int vcpus, int ringBytes) {
        vm = Vm.builder()
                .host(host)
                .clock(clock)
                .vcpus(vcpus)
                .dirtyRing(ringBytes / RING_ENTRY_BYTES)
                .build();
        kvmclock = hasXen() ? Kvmclock.attach(vm, TscSource.of(clock, XEN_TSC_HZ)) : Kvmclock.attach(vm);
        StealTime.attach(vm);
        vm.memslots().set(CODE_SLOT, 0, CODE_GPA, Arenas.PAGES * (long) Pages.PAGE_SIZE, arenas().code());
        if (hasXen()) {
            for (int vector = 0; vector < REAL_MODE_VECTORS; vector++) { // bounded by the constant
                host.poke(arenas().code() + vector * Integer.BYTES, new byte[] {0, 0x12, 0, 0});
            }
            xen = new LibraryXen(this);
            waitUntil(() -> false, START);
        }
        return new LibraryVm(this, xen);
    }

    /** The virtual machine's Xen interfaces, that a script has asked for. */
    public final XenVm xenVm() {
        xen();
        return xen.vm();
    }

    /** Makes a processor of a guest with Xen interfaces. */
    protected XenCpu newXenCpu(XenVm xenVm, Vcpu vcpu) {
        return new XenCpu(this, xenVm, vcpu);
    }

    // ---- time: a little passes with each operation, and step by step while something waits

    @Override
    protected void operationDone() {
        if (hasXen()) {
            step(OPERATION);
        }
    }

    private void step(long nanos) {
        clock.advance(nanos);
        if (xen != null) {
            fireTimers();
        }
        for (Later each : others.stream().sorted(Comparator.comparingLong(one -> one.due)).toList()) { // of the script
            if (!each.begun && each.due <= clock.monotonicNanos()) {
                each.begun = true; // it may take time itself
                doNow(each);
            }
        }
    }

    /** Another thread takes the processor from a guest that runs. */
    private void doNow(Later other) {
        XenCpu preempted = running;
        if (preempted != null) {
            preempted.xen().runstate().preempted();
        }
        other.answer = other.what.get();
        if (preempted != null) {
            preempted.setRunning();
        }
    }

    void later(int millis, Supplier<String> what) {
        others.add(new Later(clock.monotonicNanos() + millis * MILLISECOND, what));
    }

    List<String> join() {
        List<Later> all = new ArrayList<>(others);
        waitUntil(() -> all.stream().allMatch(each -> each.answer != null), Integer.MAX_VALUE);
        others.clear();
        return all.stream().map(each -> each.answer).toList();
    }

    /** The host's timers have come to their end, if it is time. */
    protected void fireTimers() {
        xen.vm().runTimers(CallContext.ATOMIC);
    }

    /** A pause of the host; as on the recording machine it takes a little longer than asked for. */
    public final void pass(int milliseconds) {
        waitUntil(() -> false, milliseconds + milliseconds / 8);
    }

    /** Lets time pass until a condition holds; false if that is not so within so many milliseconds. */
    protected final boolean waitUntil(BooleanSupplier condition, int milliseconds) {
        for (int passed = 0; !condition.getAsBoolean(); passed++) { // bounded by the script
            if (passed >= milliseconds) {
                return false;
            }
            step(MILLISECOND);
        }
        return true;
    }

    /** The same while a guest's code runs, not halted. */
    final boolean waitWhileRunning(XenCpu cpu, BooleanSupplier condition, int milliseconds) {
        running = cpu;
        try {
            return waitUntil(condition, milliseconds);
        } finally {
            running = null;
        }
    }

    @Override
    public final void audit() {
        VmAudit.atRest(vm());
        host.audit();
    }

    /** The virtual machine, made now if it is not there yet. */
    public final Vm vm() {
        if (vm == null) {
            calls();
        }
        return vm;
    }

    /** Its clocks. */
    public final Kvmclock kvmclock() {
        vm();
        return kvmclock;
    }

    /** The time of its host. */
    public final HostClock.Manual clock() {
        return clock;
    }
}
