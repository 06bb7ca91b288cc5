package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import io.github.pfncache.xen.EventChannels;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.PollOutcome;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.UpcallListener;
import io.github.pfncache.xen.XenVm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A vCPU with Xen interfaces that runs or polls, while one thread sends events to it, one requests clock updates, and
 * one changes what the case says. The result has the names of the recorded fields that are invariants.
 */
final class XenStress {

    private static final long GPA = 0x10_0000;
    private static final long INFO_GPA = 0x20_0000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final long PAGE = Pages.PAGE_SIZE;

    /** Where shared_info is by gpa, where it is by hva, and where the guest keeps the argument of its polls. */
    private static final long SHARED = HVA;
    private static final long SPARE = HVA + PAGE;
    private static final long ARGUMENT = GPA + 2 * PAGE;

    /** The four pages of the vCPU's own structures, and where they go when they are moved away. */
    private static final long INFO = HVA + 8 * PAGE;
    private static final long AWAY = HVA + 64 * PAGE;
    private static final int INFO_PAGES = 4;
    private static final int VCPU_INFO = 0x40;
    private static final int TIME_INFO = 0x1020;
    private static final int RUNSTATE = 0x2ff0;

    private static final int OWN_SLOT = 2;
    private static final int OTHER_SLOT = 3;
    private static final int VECTOR = 0x41;
    private static final int PORTS = 1000;
    private static final byte FILL = 0x55;
    private static final int LEAST = 3;
    private static final long SECONDS = 60;

    private final String change;
    private final boolean polls;
    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Vm vm = Vm.builder()
            .host(host)
            .clock(HostClock.system())
            .slotChangeTimeout(Duration.ofMinutes(1)) // however long the system lets a reader wait
            .build();
    private final Kvmclock clock = Kvmclock.attach(vm);
    private final XenVm xen = XenVm.attach(vm, clock, new UpcallListener() {
        @Override
        public void kick(Vcpu vcpu) {} // the vCPU enters all the time

        @Override
        public void interrupt(Vcpu vcpu, int vector) {}
    });
    private final GfnPfnCache sharedOfGuest = vm.newCache((int) PAGE);
    private final GfnPfnCache spareOfGuest = vm.newCache((int) PAGE);
    private final GfnPfnCache infoOfGuest = vm.newCache(64);

    private final AtomicBoolean stop = new AtomicBoolean();

    /** Set before the first change, by the thread that changes and uses it. */
    private CompletableFuture<?>[] threads;

    private final AtomicLong turns = new AtomicLong();
    private final AtomicLong sends = new AtomicLong();

    /** The guest writes nothing: who looks for late writes has asked for it. */
    private volatile boolean quiet;

    private long lateWrites;
    private long changes;
    private final AtomicLong runErrors = new AtomicLong();
    private final AtomicLong inactive = new AtomicLong();
    private final AtomicLong fault = new AtomicLong();
    private final AtomicLong other = new AtomicLong();
    private final AtomicLong pollOther = new AtomicLong();

    private XenStress(String name) {
        polls = name.startsWith("poll_");
        change = name.substring(name.indexOf('_') + 1);
    }

    static boolean knows(String name) {
        return name.matches("(run|poll)_(none|si|lm|slot|ownslot|dn|prot|mv)");
    }

    static Fields run(String name, Duration load) {
        XenStress stress = new XenStress(name);
        try {
            stress.start();
            return stress.stress(load);
        } finally {
            stress.host.close();
        }
    }

    private void start() {
        ClockRig.done(host.mapAnonymous(HVA, 16, Protection.READ_WRITE));
        ClockRig.done(vm.memslots().set(1, 0, GPA, 4 * PAGE, HVA));
        ClockRig.done(vm.memslots().set(OWN_SLOT, 0, INFO_GPA, INFO_PAGES * PAGE, INFO));
        byte[] fill = new byte[INFO_PAGES * (int) PAGE];
        Arrays.fill(fill, FILL);
        for (int at : new int[] {VCPU_INFO, TIME_INFO, RUNSTATE}) { // the structures start empty
            Arrays.fill(fill, at, at + 64, (byte) 0);
        }
        host.poke(INFO, fill);
        xen.setUpcallVector(VECTOR);
        xen.setSharedInfoFrame(GPA >>> Pages.PAGE_SHIFT);
        xen.vcpu(0).setVcpuInfo(new CacheTarget.ByGpa(INFO_GPA + VCPU_INFO));
        xen.vcpu(0).setTimeInfo(new CacheTarget.ByGpa(INFO_GPA + TIME_INFO));
        xen.vcpu(0).runstate().register(new CacheTarget.ByGpa(INFO_GPA + RUNSTATE));
        // For both modes: to the one it is a poll of one port for 20 ms, to the other one of none for a nanosecond.
        ByteBuffer argument = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        argument.putLong(ARGUMENT + 24).putInt(1).putInt(0).putLong(20_000_000).putInt(PORTS + 1);
        host.poke(HVA + 2 * PAGE, argument.array());
        sharedOfGuest.activateHva(SHARED);
        spareOfGuest.activateHva(SPARE);
        infoOfGuest.activate(INFO_GPA + VCPU_INFO);
        enter();
    }

    private Fields stress(Duration load) {
        threads = new CompletableFuture<?>[] {
            repeat(this::turn), repeat(this::send), repeat(clock::requestUpdateOfAll)
        };
        long end = System.nanoTime() + load.toNanos();
        try {
            do { // bounded by the time, but for the first few
                change();
                changes++;
            } while ((changes < LEAST || System.nanoTime() - end < 0) && !haveFailed());
        } finally {
            stop.set(true);
        }
        CompletableFuture.allOf(threads).orTimeout(SECONDS, TimeUnit.SECONDS).join();
        return result();
    }

    /** Threads end before they are told to if they throw only. */
    private boolean haveFailed() {
        return Arrays.stream(threads).anyMatch(CompletableFuture::isDone);
    }

    private CompletableFuture<Void> repeat(Runnable step) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                while (!stop.get()) { // until the changes have ended
                    step.run();
                }
                done.complete(null);
            } catch (Throwable failure) { // handed to the test
                done.completeExceptionally(failure);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return done;
    }

    // ---- the vCPU and its guest

    private void turn() {
        if (polls) {
            PollOutcome outcome = xen.vcpu(0).poll(ARGUMENT, true, Duration.ofMillis(20));
            boolean isPoll = outcome == PollOutcome.FAULT || outcome == PollOutcome.INVALID;
            pollOther.addAndGet(isPoll ? 1 : 0);
        }
        enter();
        turns.incrementAndGet();
    }

    private int enter() {
        int[] vector = new int[1];
        Vcpu.Exit exit = vm.vcpu(0).run(() -> {
            vector[0] = xen.vcpu(0).pendingVector();
            if (vector[0] != 0 && !quiet) {
                handle();
            }
        });
        runErrors.addAndGet(exit == Vcpu.Exit.GUEST ? 0 : 1);
        return vector[0];
    }

    /** The guest takes notice of all its events. */
    private void handle() {
        clear(infoOfGuest, 0, 16);
        clear(sharedOfGuest, 0x800, 0x200);
        clear(spareOfGuest, 0x800, 0x200);
    }

    private static void clear(GfnPfnCache cache, int offset, int length) {
        try (GuestAccess access = cache.access()) {
            if (access.isUsable()) {
                access.put(offset, new byte[length]);
            }
        }
    }

    private void send() {
        int port = 1 + (int) (sends.getAndIncrement() % PORTS);
        switch (xen.events().deliverOnce(0, port, EventChannels.PRIORITY_2LEVEL)) {
            case RAISED, JOINED, PARKED, MASKED, COALESCED -> {}
            case INACTIVE -> inactive.incrementAndGet();
            case FAULT -> fault.incrementAndGet();
            default -> other.incrementAndGet();
        }
    }

    // ---- the changes

    private void change() {
        switch (change) {
            case "si" -> moveSharedInfo();
            case "lm" -> xen.setMode(changes % 2 == 0 ? GuestMode.COMPAT : GuestMode.NATIVE);
            case "slot" -> {
                ClockRig.done(vm.memslots().set(OTHER_SLOT, 0, 0x30_0000, 4 * PAGE, HVA + 12 * PAGE));
                ClockRig.done(vm.memslots().delete(OTHER_SLOT));
            }
            case "ownslot" -> {
                ClockRig.done(vm.memslots().delete(OWN_SLOT));
                watch(INFO, INFO_PAGES);
                ClockRig.done(vm.memslots().set(OWN_SLOT, 0, INFO_GPA, INFO_PAGES * PAGE, INFO));
            }
            case "dn" -> {
                ClockRig.done(host.discard(SHARED, 2));
                ClockRig.done(host.discard(INFO, INFO_PAGES));
            }
            case "prot" -> {
                ClockRig.done(host.protect(INFO, INFO_PAGES, Protection.READ));
                watch(INFO, INFO_PAGES);
                ClockRig.done(host.protect(INFO, INFO_PAGES, Protection.READ_WRITE));
            }
            case "mv" -> {
                ClockRig.done(host.move(INFO, INFO_PAGES, AWAY));
                watch(AWAY, INFO_PAGES);
                ClockRig.done(host.move(AWAY, INFO_PAGES, INFO));
            }
            default -> pass();
        }
        pass();
    }

    private void moveSharedInfo() {
        xen.setSharedInfo(new CacheTarget.ByHva(SPARE));
        watch(SHARED, 1);
        xen.clearSharedInfo();
        watch(SHARED, 2);
        xen.setSharedInfoFrame(GPA >>> Pages.PAGE_SHIFT);
        watch(SPARE, 1);
    }

    /** What others are at ends, and something that they begin later: however long the system lets them wait. */
    private void pass() {
        long turn = turns.get() + 2;
        long send = sends.get() + 2;
        long begin = System.nanoTime();
        while ((turns.get() < turn || sends.get() < send) && !haveFailed()) { // bounded by the seconds
            if (System.nanoTime() - begin > TimeUnit.SECONDS.toNanos(SECONDS)) {
                throw new AssertionError(change + ": the others do nothing, " + turns + " turns, " + sends + " sends");
            }
            Thread.yield();
        }
    }

    /** Looks at pages that nobody may write any more. */
    private void watch(long hva, int pages) {
        quiet = true;
        pass(); // a guest that was at it has ended
        byte[] before = bytes(hva, pages);
        pass();
        lateWrites += Arrays.equals(before, bytes(hva, pages)) ? 0 : 1;
        quiet = false;
    }

    private byte[] bytes(long hva, int pages) {
        byte[] bytes = new byte[pages * (int) PAGE];
        ClockRig.done(host.peek(hva, bytes));
        return bytes;
    }

    // ---- what is to hold afterwards

    private Fields result() {
        if (changes < LEAST || turns.get() < LEAST) {
            throw new AssertionError(change + ": only " + changes + " changes during " + turns + " turns");
        }
        long outside = outside();
        xen.setMode(GuestMode.NATIVE);
        xen.setSharedInfoFrame(GPA >>> Pages.PAGE_SHIFT);
        enter();
        ByteBuffer first = little(bytes(INFO, INFO_PAGES));
        clock.requestUpdateOfAll();
        xen.vcpu(0).runstate().set(RunState.BLOCKED);
        enter();
        handle();
        ByteBuffer then = little(bytes(INFO, INFO_PAGES));
        boolean advances = true;
        long odd = little(bytes(SHARED, 1)).getInt(0xc00) & 1;
        for (int at : new int[] {VCPU_INFO + 32, TIME_INFO}) { // the two clocks
            advances &= then.getInt(at) == first.getInt(at) + 2 && then.getLong(at + 16) > first.getLong(at + 16);
            odd += then.getInt(at) & 1;
        }
        int entry = RUNSTATE + 8;
        long sum = 0;
        for (int i = 1; i <= 4; i++) { // the four times
            sum += then.getLong(entry + 8 * i);
        }
        Fields fields = new Fields()
                .put("kvm_run_errors", runErrors)
                .put("EFAULT", fault)
                .put("other", other)
                .put("late_writes", lateWrites)
                .put("outside_bytes", outside)
                .put("poll_other", pollOther)
                .put("odd_versions", odd)
                .put("clock_advances_after", advances ? 1 : 0)
                .put("runstate_sum_ok", sum == then.getLong(entry) ? 1 : 0);
        if (!change.equals("si")) {
            fields.put("EINVAL", inactive);
        }
        send();
        fields.put("then", "0 INT" + Integer.toHexString(enter()));
        VmAudit.atRest(vm);
        host.audit();
        return fields;
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Bytes that changed and are part of no structure; a page that was discarded reads zeros. */
    private long outside() {
        return outside(bytes(INFO, INFO_PAGES), FILL, VCPU_INFO, 64, TIME_INFO, 32, RUNSTATE, 48)
                + outside(bytes(SHARED, 1), (byte) 0, 0x800, 0x200, 0x900, 0x28, 0xc00, 0x10)
                + outside(bytes(SPARE, 1), (byte) 0, 0x800, 0x200, 0x900, 0x28, 0xc00, 0x10);
    }

    private static long outside(byte[] bytes, byte fill, int... fields) {
        for (int i = 0; i < fields.length; i += 2) { // the structures, each with its length
            Arrays.fill(bytes, fields[i], fields[i] + fields[i + 1], fill);
        }
        long outside = 0;
        for (byte each : bytes) { // those of a few pages
            outside += each == fill || each == 0 ? 0 : 1;
        }
        return outside;
    }
}
