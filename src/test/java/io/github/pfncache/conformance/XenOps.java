package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.kvm.Observer;
import io.github.pfncache.kvm.Operation;
import io.github.pfncache.kvm.Script;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.Delivery;
import io.github.pfncache.xen.EventChannels;
import io.github.pfncache.xen.EventRoute;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.RunstateTimes;
import io.github.pfncache.xen.TimerState;
import io.github.pfncache.xen.XenConfig;
import io.github.pfncache.xen.XenVcpu;
import io.github.pfncache.xen.XenVm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The operations on the Xen interfaces of a VM: its attributes, its event channels, its guest's memory. */
final class XenOps {

    private static final int STATES = RunState.values().length;
    private static final int TYPES = 1 << 16;
    private static final long SECOND = 1_000_000_000;
    private static final long MILLISECOND = 1_000_000;
    private static final int INTERDOMAIN = 2;
    private static final int IPI = 5;
    private static final int ANY_FD = -1;
    private static final int MOST_FDS = 1024;

    private static final List<String> VM_ATTRIBUTES = List.of("lm", "si", "upv", "ev", "ver", "ruf", "sih");
    private static final List<String> VCPU_ATTRIBUTES =
            List.of("vi", "vti", "rs", "rscur", "rsdata", "rsadj", "id", "tmr", "upv", "vih");

    private final XenMachine machine;
    private final XenTime time;

    /** By GSI. */
    private final Map<Integer, EventRoute> routes = new HashMap<>();

    /** What guests sent to eventfds, in the order of {@code eve}. */
    private final List<int[]> eventfds = new ArrayList<>();

    XenOps(XenMachine machine, XenTime time) {
        this.machine = machine;
        this.time = time;
    }

    void addTo(Map<String, Operation> operations) {
        operations.put("xen", this::start);
        operations.put("xcfg", op -> accepted(() -> {
            int msr = op.has(2) ? (int) hex(op.word(2)) : XenConfig.DEFAULT_MSR;
            xen().configure(new XenConfig((int) hex(op.word(1)), msr));
            return "0";
        }));
        operations.put("xset", op -> accepted(() -> setOfVm(op)));
        operations.put("xget", this::getOfVm);
        operations.put("vset", op -> accepted(() -> setOfVcpu(op)));
        operations.put("vget", this::getOfVcpu);
        operations.put("setclk", op -> {
            machine.kvmclock().setClock(value(op, 1));
            return "0";
        });

        operations.put("xsend", this::send);
        operations.put("evb", op -> accepted(() -> bind(op)));
        operations.put("evu", op -> accepted(() -> rebind(op)));
        operations.put("eve", op -> accepted(() -> bindEventfd(op)));
        operations.put("evread", this::readEventfd);
        operations.put("evd", op -> accepted(() -> xen().events().unbind((int) value(op, 1)) ? "0" : "ENOENT"));
        operations.put("evr", op -> {
            xen().events().reset();
            return "0";
        });
        operations.put("gsi", op -> accepted(() -> {
            int port = (int) value(op, 2);
            routes.put((int) value(op, 1), xen().events().route((int) value(op, 3), port, priority(op, 4)));
            return "0";
        }));
        operations.put("irqfd", op -> "0");
        operations.put("fire", this::fire);
        operations.put("irqline", this::setLine);

        operations.put("gw", op -> write(value(op, 1), HexFormat.of().parseHex(op.word(2))));
        operations.put("gwd", op -> write(value(op, 1), littleEndian(value(op, 2), Integer.BYTES)));
        operations.put("gwq", op -> write(value(op, 1), littleEndian(value(op, 2), Long.BYTES)));
        operations.put("ports", this::writePorts);
        operations.put("portsn", this::writeManyPorts);
        operations.put("rsmem", this::readRunstate);
    }

    private XenVm xen() {
        return machine.xen();
    }

    private String start(Script.Op op) {
        boolean controller = !op.has(2) || !op.word(2).equals("noirq");
        machine.setXen(op.word(1).equals("64") ? GuestMode.NATIVE : GuestMode.COMPAT, controller);
        return "ok";
    }

    /** What a call of the host answers; one with a value that makes no sense is refused. */
    private static String accepted(Supplier<String> call) {
        try {
            return call.get();
        } catch (IllegalArgumentException refused) {
            if (refused instanceof Script.Unreadable) {
                throw refused;
            }
            return "EINVAL";
        }
    }

    private static String errno(Outcome outcome) {
        return switch (outcome) {
            case OK -> "0";
            case INVALID, INACTIVE -> "EINVAL";
            case FAULT -> "EFAULT";
            case BUSY -> "EBUSY";
        };
    }

    // ---- numbers

    private static long hex(String word) {
        return Script.parseNumber("0x" + word.replaceFirst("^0x", ""));
    }

    /** A number, also negative; a place in an arena; or the guest's clock and so many milliseconds. */
    long value(Script.Op op, int index) {
        return value(op.word(index));
    }

    private long value(String word) {
        if (word.startsWith("@")) {
            return machine.kvmclock().getClock() + signed(word.substring(1).replaceFirst("^\\+", "")) * MILLISECOND;
        }
        return Character.isUpperCase(word.charAt(0)) ? machine.arenas().address(word) : signed(word);
    }

    private static long signed(String word) {
        return word.startsWith("-") ? -Script.parseNumber(word.substring(1)) : Script.parseNumber(word);
    }

    private long valueOr(Script.Op op, int index, long otherwise) {
        return op.has(index) ? value(op, index) : otherwise;
    }

    private int priority(Script.Op op, int index) {
        return (int) valueOr(op, index, EventChannels.PRIORITY_2LEVEL);
    }

    static byte[] littleEndian(long value, int length) {
        byte[] bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
        return java.util.Arrays.copyOf(bytes, length);
    }

    // ---- attributes of the VM

    private static String attribute(String word, List<String> names) {
        if (names.contains(word)) {
            return word;
        }
        long type = signed(word) % TYPES;
        return type >= 0 && type < names.size() ? names.get((int) type) : "";
    }

    private String setOfVm(Script.Op op) {
        long value = valueOr(op, 2, 0);
        XenVm xen = xen();
        switch (attribute(op.word(1), VM_ATTRIBUTES)) {
            case "lm" -> {
                return errno(xen.setMode((byte) value != 0 ? GuestMode.NATIVE : GuestMode.COMPAT));
            }
            case "si" -> {
                machine.observer().watchWallClock();
                return errno(xen.setSharedInfoFrame(value));
            }
            case "sih" -> {
                machine.observer().watchWallClock();
                return errno(value == 0 ? xen.clearSharedInfo() : xen.setSharedInfo(new CacheTarget.ByHva(value)));
            }
            case "upv" -> xen.setUpcallVector(Byte.toUnsignedInt((byte) value));
            case "ver" -> xen.setVersion((int) value);
            case "ruf" -> xen.setRunstateUpdateFlag((byte) value != 0);
            default -> {
                return "ENOENT";
            }
        }
        return "0";
    }

    private String getOfVm(Script.Op op) {
        XenVm xen = xen();
        return switch (attribute(op.word(1), VM_ATTRIBUTES)) {
            case "lm" -> xen.mode() == GuestMode.NATIVE ? "1" : "0";
            case "si" -> "gfn=" + Long.toHexString(gpa(xen.sharedInfo()) >> 12);
            case "sih" -> "hva=" + hva(xen.sharedInfo());
            case "upv" -> Integer.toHexString(xen.upcallVector());
            case "ver" -> Integer.toHexString(xen.version());
            case "ruf" -> xen.runstateUpdateFlag() ? "1" : "0";
            default -> "ENOENT";
        };
    }

    private static long gpa(CacheTarget target) {
        return target instanceof CacheTarget.ByGpa byGpa ? byGpa.gpa() : -1;
    }

    private String hva(CacheTarget target) {
        return machine.arenas().placeOf(target instanceof CacheTarget.ByHva byHva ? byHva.hva() : 0);
    }

    // ---- attributes of a vCPU

    private String setOfVcpu(Script.Op op) {
        XenVcpu vcpu = xen().vcpu(op.integer(1));
        long value = valueOr(op, 3, 0);
        Observer observer = machine.observer();
        switch (attribute(op.word(2), VCPU_ATTRIBUTES)) {
            case "vi" -> {
                observer.watchVcpuInfo(value);
                return errno(value == -1 ? vcpu.clearVcpuInfo() : vcpu.setVcpuInfo(new CacheTarget.ByGpa(value)));
            }
            case "vih" -> {
                observer.watchVcpuInfo(value);
                return errno(value == 0 ? vcpu.clearVcpuInfo() : vcpu.setVcpuInfo(new CacheTarget.ByHva(value)));
            }
            case "vti" -> {
                observer.watchTimeInfo(value);
                return errno(value == -1 ? vcpu.clearTimeInfo() : vcpu.setTimeInfo(new CacheTarget.ByGpa(value)));
            }
            case "rs" -> {
                observer.watchRunstate(value);
                return errno(value == -1
                        ? vcpu.runstate().clear()
                        : vcpu.runstate().register(new CacheTarget.ByGpa(value)));
            }
            case "rscur" -> {
                RunState state = state(value);
                if (state == null) {
                    return "EINVAL";
                }
                vcpu.runstate().set(state);
            }
            case "rsdata" -> {
                return state(value) != null && vcpu.runstate().setTimes(times(op)) ? "0" : "EINVAL";
            }
            case "rsadj" -> {
                RunState next = value == -1 ? RunState.RUNNING : state(value);
                RunstateTimes deltas = next == null ? null : times(op, next);
                boolean done = deltas != null && vcpu.runstate().adjust(
                        value == -1 ? null : deltas.state(), deltas.entryNanos(),
                        deltas.running(), deltas.runnable(), deltas.blocked(), deltas.offline());
                return done ? "0" : "EINVAL";
            }
            case "id" -> vcpu.setGuestId((int) value);
            case "tmr" -> vcpu.setTimer(new TimerState((int) value, priority(op, 4), valueOr(op, 5, 0)));
            case "upv" -> vcpu.setUpcallVector(Byte.toUnsignedInt((byte) value));
            default -> {
                return "ENOENT";
            }
        }
        return "0";
    }

    private static RunState state(long number) {
        return number < 0 || number >= STATES ? null : RunState.values()[(int) number];
    }

    private RunstateTimes times(Script.Op op) {
        return times(op, state(value(op, 3)));
    }

    private RunstateTimes times(Script.Op op, RunState state) {
        return new RunstateTimes(state, valueOr(op, 4, 0), valueOr(op, 5, 0), valueOr(op, 6, 0), valueOr(op, 7, 0),
                valueOr(op, 8, 0));
    }

    private String getOfVcpu(Script.Op op) {
        XenVcpu vcpu = xen().vcpu(op.integer(1));
        return switch (attribute(op.word(2), VCPU_ATTRIBUTES)) {
            case "vi" -> "gpa=" + Long.toHexString(gpa(vcpu.vcpuInfo()));
            case "vti" -> "gpa=" + Long.toHexString(gpa(vcpu.timeInfo()));
            case "vih" -> "hva=" + hva(vcpu.vcpuInfo());
            case "rs" -> vcpu.runstate().target() == null ? "ENOENT"
                    : "gpa=" + Long.toHexString(gpa(vcpu.runstate().target()));
            case "rscur" -> "s" + vcpu.runstate().times().state().ordinal();
            case "rsdata" -> print(vcpu.runstate().times());
            case "rsadj" -> "EINVAL";
            case "id" -> Integer.toString(vcpu.guestId());
            case "tmr" -> print(vcpu.timer());
            case "upv" -> Integer.toHexString(vcpu.upcallVector());
            default -> "ENOENT";
        };
    }

    private String print(TimerState timer) {
        long expires = timer.expiresNanos();
        boolean future = Long.compareUnsigned(expires, machine.kvmclock().getClock()) > 0;
        return "port=" + Integer.toHexString(timer.port()) + ",prio=" + Integer.toHexString(timer.priority()) + ",exp="
                + (expires == 0 ? "0" : future ? "future" : "past");
    }

    private static String print(RunstateTimes times) {
        return print(times.state().ordinal(), times.entryNanos(), times.running(), times.runnable(), times.blocked(),
                times.offline());
    }

    private static String print(int state, long entry, long... times) {
        long entered = entry & Long.MAX_VALUE;
        long sum = 0;
        StringBuilder seconds = new StringBuilder();
        for (long each : times) { // the four of them
            sum += each;
            String whole = Long.toUnsignedString(Long.divideUnsigned(each, SECOND));
            seconds.append(seconds.isEmpty() ? "" : ",").append(whole);
        }
        return "s" + Integer.toHexString(state) + " f" + (entry >>> 63) + " sum=" + (entered == sum ? "ok" : "BAD")
                + " t=" + seconds;
    }

    // ---- events

    private String send(Script.Op op) {
        Delivery done =
                xen().events().deliverOnce((int) value(op, 2), (int) value(op, 1), priority(op, 3));
        return switch (done) {
            case INVALID, INACTIVE -> "EINVAL";
            case FAULT -> "EFAULT";
            case DEFERRED -> "EBUSY";
            default -> "0";
        };
    }

    private String bind(Script.Op op) {
        int port = (int) value(op, 1);
        int target = (int) value(op, 3);
        int vcpu = (int) value(op, 4);
        int type = (int) value(op, 2);
        if (type != INTERDOMAIN && (type != IPI || target != port)) {
            return "EINVAL";
        }
        boolean bound = type == IPI
                ? xen().events().bindIpi(port, vcpu, priority(op, 5))
                : xen().events().bindLoopback(port, vcpu, target, priority(op, 5));
        return bound ? "0" : "EEXIST";
    }

    private String rebind(Script.Op op) {
        boolean ipi = value(op, 2) == IPI;
        return xen().events().rebind((int) value(op, 1), (int) value(op, 4), (int) value(op, 3), ipi) ? "0" : "ENOENT";
    }

    private String bindEventfd(Script.Op op) {
        int[] count = new int[1];
        eventfds.add(count);
        if (value(op, 2) != INTERDOMAIN) {
            return "EINVAL";
        }
        long fd = valueOr(op, 3, ANY_FD);
        if (fd > MOST_FDS) {
            return "EBADF";
        }
        return xen().events().bindExternal((int) value(op, 1), () -> count[0]++) ? "0" : "EEXIST";
    }

    private String readEventfd(Script.Op op) {
        int[] count = eventfds.get(op.integer(1));
        String read = count[0] == 0 ? "empty" : Integer.toString(count[0]);
        count[0] = 0;
        return read;
    }

    /** The event of a device: in interrupt-like context, and what is left to do by a worker after that. */
    private String fire(Script.Op op) {
        EventRoute route = routes.get((int) value(op, 1));
        if (route != null) {
            route.signal(CallContext.ATOMIC);
            xen().events().deliverDeferred();
        }
        time.pass(30);
        return "ok";
    }

    private String setLine(Script.Op op) {
        EventRoute route = routes.get((int) value(op, 1));
        if (route == null || valueOr(op, 2, 1) == 0) {
            return "-1";
        }
        return switch (route.signal(CallContext.MAY_SLEEP)) {
            case RAISED, JOINED, PARKED -> "1";
            case COALESCED -> "0";
            default -> "-1";
        };
    }

    // ---- the guest's memory, as a debugger writes and reads it

    /** Where a guest address is in the host; 0 if nowhere. */
    private long hva(long gpa) {
        Memslot slot = machine.vm().memslots().table().find(gpa >>> Pages.PAGE_SHIFT);
        if (slot != null) {
            return slot.gfnToHva(gpa >>> Pages.PAGE_SHIFT) + Pages.offsetInPage(gpa);
        }
        return 0;
    }

    String write(long gpa, byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) { // the bytes of a word or two
            long at = hva(gpa + i);
            if (at != 0) {
                machine.vm().host().poke(at, new byte[] {bytes[i]});
            }
        }
        return "ok";
    }

    private String writePorts(Script.Op op) {
        for (int i = 2; op.has(i); i++) { // the words of the operation
            write(value(op, 1) + (i - 2) * 4L, littleEndian(value(op, i), Integer.BYTES));
        }
        return "ok";
    }

    private String writeManyPorts(Script.Op op) {
        int count = op.count(2);
        for (int i = 0; i < count; i++) { // bounded by the script
            write(value(op, 1) + i * 4L, littleEndian(value(op, 3) + i * value(op, 4), Integer.BYTES));
        }
        return "ok";
    }

    private String readRunstate(Script.Op op) {
        boolean wide = value(op, 2) == 64;
        ByteBuffer bytes = ByteBuffer.allocate(wide ? 48 : 44).order(ByteOrder.LITTLE_ENDIAN);
        byte[] each = new byte[1];
        while (bytes.hasRemaining()) { // the bytes of a runstate
            long at = hva(value(op, 1) + bytes.position());
            if (at == 0 || machine.vm().host().peek(at, each) != io.github.pfncache.host.HostResult.OK) {
                return "unreadable";
            }
            bytes.put(each);
        }
        int entry = wide ? 8 : 4;
        return print(bytes.getInt(0), bytes.getLong(entry), bytes.getLong(entry + 8), bytes.getLong(entry + 16),
                bytes.getLong(entry + 24), bytes.getLong(entry + 32));
    }
}
