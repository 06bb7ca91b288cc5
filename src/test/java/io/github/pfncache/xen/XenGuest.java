package io.github.pfncache.xen;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.pvclock.PvclockReader;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.vm.Vm;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.stream.IntStream;

/**
 * The guest: it sees its memory, page by page, and knows the ABI; nothing of the host's objects. The numbers of the ABI
 * are its own, so that a wrong one in the host's layouts is found.
 */
final class XenGuest {

    private static final int ATTEMPTS = 1_000_000;

    private final Vm vm;
    private final Map<Long, GfnPfnCache> pages = new ConcurrentHashMap<>();

    /** Switched by the test when the guest switches. */
    volatile boolean compat;

    XenGuest(Vm vm) {
        this.vm = vm;
    }

    // ---- memory, as the guest's processor accesses it

    /** Does something with the page of an address. */
    private <T> T at(long gpa, BiFunction<GuestAccess, Integer, T> body) {
        GfnPfnCache page = pages.computeIfAbsent(Pages.pageStart(gpa), start -> {
            GfnPfnCache made = vm.newCache(Pages.PAGE_SIZE);
            made.activate(start);
            return made;
        });
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) { // bounded: a page comes back when its change ends
            try (GuestAccess access = page.access()) {
                if (access.isUsable()) {
                    return body.apply(access, Pages.offsetInPage(gpa));
                }
            }
        }
        throw new AssertionError("the guest has no memory at " + Pages.hex(gpa));
    }

    int byteAt(long gpa) {
        return at(gpa, GuestAccess::getByte) & 0xff;
    }

    int intAt(long gpa) {
        return (int) word(gpa, Integer.BYTES);
    }

    long longAt(long gpa) {
        return word(gpa, Long.BYTES);
    }

    private long word(long gpa, int width) {
        if (Pages.fitsInPage(gpa, width)) { // as the processor does it: in one piece
            return width == Long.BYTES ? at(gpa, GuestAccess::getLong) : at(gpa, GuestAccess::getInt);
        }
        long value = 0;
        for (int i = width - 1; i >= 0; i--) {
            value = value << 8 | byteAt(gpa + i);
        }
        return value;
    }

    void putByte(long gpa, int value) {
        at(gpa, (access, offset) -> {
            access.putByte(offset, (byte) value);
            return 0;
        });
    }

    void putInt(long gpa, int value) {
        for (int i = 0; i < Integer.BYTES; i++) {
            putByte(gpa + i, value >>> 8 * i);
        }
    }

    void putLong(long gpa, long value) {
        putInt(gpa, (int) value);
        putInt(gpa + 4, (int) (value >>> 32));
    }

    void fill(long gpa, int length, int value) {
        for (int i = 0; i < length; i++) {
            putByte(gpa + i, value);
        }
    }

    boolean testBit(long mapGpa, int bit) {
        return (byteAt(mapGpa + bit / 8) >> bit % 8 & 1) != 0;
    }

    boolean testAndClearBit(long mapGpa, int bit) {
        return at(mapGpa + bit / 8, (access, offset) -> access.testAndClearBit(offset, bit % 8));
    }

    void setBit(long mapGpa, int bit) {
        at(mapGpa + bit / 8, (access, offset) -> access.testAndSetBit(offset, bit % 8));
    }

    // ---- events

    private int wordBits() {
        return compat ? 32 : 64;
    }

    private long selector(long vcpuInfo) {
        return vcpuInfo + (compat ? 4 : 8);
    }

    private long maskMap(long sharedInfo) {
        return sharedInfo + (compat ? 0x880 : 0xa00);
    }

    boolean isUpcallPending(long vcpuInfo) {
        return byteAt(vcpuInfo) != 0;
    }

    boolean isPending(long sharedInfo, int port) {
        return testBit(sharedInfo + 0x800, port);
    }

    boolean isSelected(long vcpuInfo, int word) {
        return testBit(selector(vcpuInfo), word);
    }

    void select(long vcpuInfo, int word) {
        setBit(selector(vcpuInfo), word);
    }

    void clearPending(long sharedInfo, int port) {
        testAndClearBit(sharedInfo + 0x800, port);
    }

    void mask(long sharedInfo, int port) {
        setBit(maskMap(sharedInfo), port);
    }

    /** Unmasks a port, and looks at it: an edge on a masked port raised nothing. True if it was pending. */
    boolean unmask(long sharedInfo, int port) {
        testAndClearBit(maskMap(sharedInfo), port);
        VarHandle.fullFence(); // unmasked before the look, as the processor's locked instructions do it
        return isPending(sharedInfo, port);
    }

    /** The interrupt handler: clears the upcall, then takes the selector, then scans; the ports that it handled. */
    List<Integer> handleUpcall(long vcpuInfo, long sharedInfo) {
        List<Integer> handled = new ArrayList<>();
        if (!isUpcallPending(vcpuInfo)) {
            return handled;
        }
        putByte(vcpuInfo, 0);
        VarHandle.fullFence(); // cleared before the scan: what comes later raises it again
        for (int word = 0; word < wordBits(); word++) {
            if (testAndClearBit(selector(vcpuInfo), word)) {
                scan(sharedInfo, word, handled);
            }
        }
        return handled;
    }

    /**
     * The same of a 64-bit guest, both of whose structures lie in one page, for the words of some ports: the page is
     * held throughout, so that threads switch between the steps and not inside them.
     */
    List<Integer> handleUpcallAtOnePage(long vcpuInfo, long sharedInfo, int... ports) {
        return at(sharedInfo, (access, offset) -> {
            int info = Pages.offsetInPage(vcpuInfo);
            List<Integer> handled = new ArrayList<>();
            if (access.getByte(info) == 0) {
                return handled;
            }
            Interleaving.reached("guest saw its upcall");
            access.putByte(info, (byte) 0);
            Interleaving.reached("guest cleared its upcall");
            for (int word : IntStream.of(ports).map(port -> port / Long.SIZE).distinct().toArray()) {
                boolean selected = access.testAndClearBit(info + Long.BYTES, word);
                Interleaving.reached("guest took a selector bit");
                for (int port : ports) {
                    if (selected && port / Long.SIZE == word && !access.testBit(offset + 0xa00, port)
                            && access.testAndClearBit(offset + 0x800, port)) {
                        handled.add(port);
                    }
                }
            }
            return handled;
        });
    }

    private void scan(long sharedInfo, int word, List<Integer> handled) {
        for (int port = word * wordBits(); port < (word + 1) * wordBits(); port++) {
            if (isPending(sharedInfo, port) && !testBit(maskMap(sharedInfo), port)
                    && testAndClearBit(sharedInfo + 0x800, port)) {
                handled.add(port);
            }
        }
    }

    // ---- time

    /** Reads a clock structure by the version protocol. */
    PvclockTimeInfo clock(long gpa) {
        PvclockReader.Reading reading = new PvclockReader(offset -> intAt(gpa + offset)).read();
        assertThat(reading.status()).isEqualTo(PvclockReader.Status.OK);
        assertThat(reading.version()).as("version").isNotZero().matches(version -> version % 2 == 0, "even");
        return reading.time();
    }

    /** The wall clock: nanoseconds since 1970 when the guest's clock read zero. */
    long wallClock(long sharedInfo) {
        long at = sharedInfo + (compat ? 0x900 : 0xc00);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            int version = intAt(at);
            long seconds = intAt(at + 4) & 0xffff_ffffL | (long) intAt(sharedInfo + (compat ? 0x924 : 0xc0c)) << 32;
            long nanos = intAt(at + 8) & 0xffff_ffffL;
            if ((version & 1) == 0 && version == intAt(at)) {
                assertThat(version).isNotZero();
                return seconds * 1_000_000_000L + nanos;
            }
        }
        throw new AssertionError("the wall clock is never stable");
    }

    /** Runstate as read once. */
    record Runstate(int state, long entry, long running, long runnable, long blocked, long offline) {

        long sum() {
            return running + runnable + blocked + offline;
        }

        boolean isBeingWritten() {
            return entry < 0;
        }
    }

    Runstate rawRunstate(long gpa) {
        long entry = gpa + (compat ? 4 : 8);
        long times = entry + 8;
        return new Runstate(
                intAt(gpa), longAt(entry), longAt(times), longAt(times + 8), longAt(times + 16), longAt(times + 24));
    }

    /** Reads the runstate by its protocol: again while it is being written. */
    Runstate runstate(long gpa) {
        long entry = gpa + (compat ? 4 : 8);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            long before = longAt(entry);
            VarHandle.loadLoadFence();
            Runstate read = rawRunstate(gpa);
            VarHandle.loadLoadFence();
            if (before >= 0 && read.entry() == before && longAt(entry) == before) {
                return read;
            }
        }
        throw new AssertionError("the runstate is never stable");
    }

    // ---- arguments of hypercalls

    /** Builds a poll's argument, and its array of ports somewhere; returns the argument's address. */
    long schedPoll(long gpa, long portsGpa, long timeout, int... ports) {
        for (int i = 0; i < ports.length; i++) {
            putInt(portsGpa + 4L * i, ports[i]);
        }
        return schedPollOf(gpa, portsGpa, timeout, ports.length);
    }

    long schedPollOf(long gpa, long portsGpa, long timeout, int portCount) {
        if (compat) {
            putInt(gpa, (int) portsGpa);
            putInt(gpa + 4, portCount);
            putLong(gpa + 8, timeout);
        } else {
            putLong(gpa, portsGpa);
            putInt(gpa + 8, portCount);
            putLong(gpa + 16, timeout);
        }
        return gpa;
    }
}
