package io.github.pfncache.load;

import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.pvclock.PvclockReader;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import java.lang.invoke.VarHandle;

/**
 * What a vCPU's guest does: looks at its clocks and its runstate, and handles its events. It reaches its memory as the
 * processor would, through caches of its own. Runs on the vCPU's thread.
 */
final class LoadGuest {

    private static final int TIME_IN_VCPU_INFO = 32;
    private static final int VCPU_INFO_SIZE = 64;
    private static final int SELECTOR = 8;
    private static final int PENDING = 0x800;
    private static final int RUNSTATE_SIZE = 48;
    private static final int ENTRY_TIME = 8;
    private static final int TIMES = 16;
    private static final int CLOCK_ATTEMPTS = 1_000;

    private final LoadMachine machine;
    private final Tally tally;
    private final Events events;
    private final int vcpu;

    private final GfnPfnCache systemTime;
    private final GfnPfnCache timeInfo;
    private final GfnPfnCache vcpuInfo;
    private final GfnPfnCache sharedInfo;
    private final GuestArea runstate;

    /** The latest time that each clock has shown. */
    private final long[] latest = new long[3];

    /** Words of the shared page that are selected and still to be scanned. */
    private long selected;

    LoadGuest(StressRun run, int vcpu) {
        this.machine = run.machine();
        this.tally = run.tally();
        this.events = run.events();
        this.vcpu = vcpu;
        systemTime = cache(PvclockTimeInfo.SIZE, LoadMachine.systemTime(vcpu));
        timeInfo = cache(PvclockTimeInfo.SIZE, LoadMachine.timeInfo(vcpu));
        vcpuInfo = cache(VCPU_INFO_SIZE, LoadMachine.vcpuInfo(vcpu));
        sharedInfo = cache(4096, LoadMachine.sharedInfo());
        runstate = machine.vm.newArea();
        runstate.activate(LoadMachine.runstate(vcpu), RUNSTATE_SIZE);
    }

    private GfnPfnCache cache(int length, long gpa) {
        GfnPfnCache cache = machine.vm.newCache(length);
        cache.activate(gpa);
        return cache;
    }

    /** What the guest does in one entry. */
    void run() {
        readClock(0, systemTime, 0);
        readClock(1, timeInfo, 0);
        readClock(2, vcpuInfo, TIME_IN_VCPU_INFO);
        readRunstate();
        handleEvents();
    }

    // ------------------------------------------------------------------ clocks

    private void readClock(int number, GfnPfnCache cache, int offset) {
        try (GuestAccess access = cache.access()) {
            if (!tally.accessed(access.outcome())) {
                return;
            }
            PvclockReader.Reading reading =
                    new PvclockReader(at -> access.getInt(offset + at), CLOCK_ATTEMPTS).read();
            if (reading.status() == PvclockReader.Status.OK && reading.version() != 0) {
                judge(number, reading.time());
            }
        }
    }

    /** At rest nobody is in the middle of an update: a clock that cannot be read now was judged by nobody before. */
    void readClocksAtRest() {
        requireReadable(0, systemTime, 0);
        requireReadable(1, timeInfo, 0);
        requireReadable(2, vcpuInfo, TIME_IN_VCPU_INFO);
    }

    private void requireReadable(int number, GfnPfnCache cache, int offset) {
        try (GuestAccess access = cache.access()) {
            if (!access.isUsable()) {
                tally.violated("clock " + number + " of vcpu " + vcpu + " at rest: " + access.outcome());
                return;
            }
            PvclockReader.Reading reading = new PvclockReader(at -> access.getInt(offset + at), 1).read();
            if (reading.status() != PvclockReader.Status.OK) {
                tally.torn("clock " + number + " of vcpu " + vcpu + " at rest: " + reading);
            } else if (number == 0 && reading.version() == 0) {
                tally.lost("clock 0 of vcpu " + vcpu + " was never written");
            }
        }
    }

    /** A torn value would show a time that is not now, and a lost one a time that went back. */
    private void judge(int number, PvclockTimeInfo time) {
        long shown = time.timeAt(machine.clock.tsc().read());
        long now = machine.clock.getClock();
        if (shown < latest[number] || shown > now + 1) {
            tally.torn("clock " + number + " of vcpu " + vcpu + " shows " + shown + " after " + latest[number]
                    + ", and it is " + now + ": " + time);
        }
        latest[number] = shown;
    }

    // ------------------------------------------------------------------ runstate

    private void readRunstate() {
        try (AreaAccess access = runstate.access()) {
            if (!tally.accessed(access.outcome())) {
                return;
            }
            long before = access.getLong(ENTRY_TIME);
            VarHandle.loadLoadFence();
            long sum = 0;
            for (int at = TIMES; at < RUNSTATE_SIZE; at += Long.BYTES) { // bounded by the four times
                sum += access.getLong(at);
            }
            VarHandle.loadLoadFence();
            // Bit 63 says that it is being written; the entry time is another one after each write.
            if (before >= 0 && access.getLong(ENTRY_TIME) == before && sum != before) {
                tally.torn("runstate of vcpu " + vcpu + ": entered at " + before + ", sum of times " + sum);
            }
        }
    }

    // ------------------------------------------------------------------ events

    /** The interrupt handler: clears the upcall, then takes the selector, then scans the words it named. */
    void handleEvents() {
        try (GuestAccess access = vcpuInfo.access()) {
            if (tally.accessed(access.outcome()) && access.getByte(0) != 0) {
                access.putByte(0, (byte) 0);
                VarHandle.fullFence(); // cleared before the scan: what comes later raises it again
                for (int word = 0; word < Long.SIZE; word++) { // bounded by the selector
                    selected |= access.testAndClearBit(SELECTOR, word) ? 1L << word : 0;
                }
            }
        }
        if (selected != 0) {
            try (GuestAccess access = sharedInfo.access()) {
                if (tally.accessed(access.outcome())) { // otherwise at the next entry: the words stay selected
                    scan(access);
                }
            }
        }
    }

    private void scan(GuestAccess access) {
        int vcpus = machine.vm.vcpus().size();
        for (; selected != 0; selected &= selected - 1) { // bounded by the words
            int first = Long.numberOfTrailingZeros(selected) * Long.SIZE;
            long pending = access.getLong(PENDING + first / Byte.SIZE);
            for (; pending != 0; pending &= pending - 1) { // bounded by the ports of a word
                int port = first + Long.numberOfTrailingZeros(pending);
                // The other vCPUs' ports are theirs, but for the timer's, which all of them share.
                boolean mine = port % vcpus == vcpu || port >= Events.PORTS;
                if (mine && access.testAndClearBit(PENDING, port)) {
                    events.cleared(port);
                }
            }
        }
    }
}
