package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;

/** The machine of a script on this library. Not thread-safe. */
public class LibraryMachine extends Machine {

    /** No byte of it is that of an untouched page, so every byte of a wall clock that is written is seen. */
    public static final long REALTIME_NANOS = 1_700_000_000_123_456_789L;

    /** All pages of the arenas and of the code, in one piece. */
    private static final int FRAME_BYTES = 4 * Arenas.PAGES * Pages.PAGE_SIZE;

    private static final long CODE_GPA = 0;
    private static final int CODE_SLOT = 0;
    private static final int RING_ENTRY_BYTES = 16;

    private final HostMemory host;
    private final HostClock.Manual clock = new HostClock.Manual(REALTIME_NANOS);
    private Vm vm;
    private Kvmclock kvmclock;

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
        kvmclock = attachClock(vm);
        StealTime.attach(vm);
        vm.memslots().set(CODE_SLOT, 0, CODE_GPA, Arenas.PAGES * (long) Pages.PAGE_SIZE, arenas().code());
        started();
        return new LibraryVm(vm, kvmclock, clock);
    }

    /** Gives the virtual machine its clocks. */
    protected Kvmclock attachClock(Vm made) {
        return Kvmclock.attach(made);
    }

    /** The virtual machine was made; whatever else it needs can be attached. */
    protected void started() {}

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
