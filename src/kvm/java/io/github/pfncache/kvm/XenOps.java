package io.github.pfncache.kvm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** The operations on the Xen interfaces of a VM: its attributes, its event channels, its guest's memory. */
public final class XenOps {

    private static final int DEFAULT_MSR = 0x4000_0200;
    private static final int TWO_LEVELS = -1;
    private static final int TYPES = 1 << 16;
    private static final long SECOND = 1_000_000_000;
    private static final long MILLISECOND = 1_000_000;

    private static final List<String> VM_ATTRIBUTES = List.of("lm", "si", "upv", "ev", "ver", "ruf", "sih");
    private static final List<String> VCPU_ATTRIBUTES =
            List.of("vi", "vti", "rs", "rscur", "rsdata", "rsadj", "id", "tmr", "upv", "vih");

    private final Machine machine;

    XenOps(Machine machine) {
        this.machine = machine;
    }

    void addTo(Map<String, Operation> operations) {
        operations.put("xen", op -> {
            machine.setXen(op.word(1).equals("64"), !op.has(2) || !op.word(2).equals("noirq"));
            return "ok";
        });
        operations.put("xcfg", op -> xen().configure((int) hex(op.word(1)),
                op.has(2) ? (int) hex(op.word(2)) : DEFAULT_MSR));
        operations.put("xset", this::setOfVm);
        operations.put("xget", this::getOfVm);
        operations.put("vset", this::setOfVcpu);
        operations.put("vget", this::getOfVcpu);
        operations.put("setclk", op -> xen().setClock(value(op, 1)));

        operations.put("xsend", op -> xen().send(integer(op, 1), integer(op, 2), priority(op, 3)));
        operations.put("evb", op -> bind(value(op, 1), value(op, 2), 0, value(op, 3), value(op, 4), priority(op, 5)));
        operations.put("evu", op -> bind(
                value(op, 1), value(op, 2), XenCalls.UPDATE, value(op, 3), value(op, 4), priority(op, 5)));
        operations.put("eve", op -> {
            int eventfd = xen().newEventfd();
            return bind(value(op, 1), value(op, 2), 0, 0, valueOr(op, 3, eventfd));
        });
        operations.put("evread", op -> xen().readEventfd(op.integer(1)));
        operations.put("evd", op -> bind(value(op, 1), 0, XenCalls.DEASSIGN));
        operations.put("evr", op -> bind(0, 0, XenCalls.RESET));
        operations.put("evraw", op -> bind(value(op, 1), valueOr(op, 2, 0), valueOr(op, 3, 0), valueOr(op, 4, 0),
                valueOr(op, 5, 0), valueOr(op, 6, 0)));
        operations.put("gsi", op -> xen().route(integer(op, 1), integer(op, 2), integer(op, 3), priority(op, 4)));
        operations.put("irqfd", op -> xen().openLine(integer(op, 1)));
        operations.put("fire", op -> xen().fire(integer(op, 1)));
        operations.put("irqline", op -> xen().setLine(integer(op, 1), (int) valueOr(op, 2, 1)));

        operations.put("gw", op -> write(value(op, 1), HexFormat.of().parseHex(op.word(2))));
        operations.put("gwd", op -> write(value(op, 1), littleEndian(value(op, 2), Integer.BYTES)));
        operations.put("gwq", op -> write(value(op, 1), littleEndian(value(op, 2), Long.BYTES)));
        operations.put("ports", this::writePorts);
        operations.put("portsn", this::writeManyPorts);
        operations.put("rsmem", this::readRunstate);
    }

    private XenCalls xen() {
        return machine.xen();
    }

    // ---- numbers

    private static long hex(String word) {
        return Script.parseNumber("0x" + word.replaceFirst("^0x", ""));
    }

    /** A number, also negative; a place in an arena; or the guest's clock and so many milliseconds. */
    public long value(Script.Op op, int index) {
        String word = op.word(index);
        if (word.startsWith("@")) {
            return xen().clock() + signed(word.substring(1).replaceFirst("^\\+", "")) * MILLISECOND;
        }
        return Character.isUpperCase(word.charAt(0)) ? machine.arenas().address(word) : signed(word);
    }

    private static long signed(String word) {
        return word.startsWith("-") ? -Script.parseNumber(word.substring(1)) : Script.parseNumber(word);
    }

    private long valueOr(Script.Op op, int index, long otherwise) {
        return op.has(index) ? value(op, index) : otherwise;
    }

    private int integer(Script.Op op, int index) {
        return (int) value(op, index);
    }

    private int priority(Script.Op op, int index) {
        return (int) valueOr(op, index, TWO_LEVELS);
    }

    static byte[] littleEndian(long value, int length) {
        byte[] bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
        return java.util.Arrays.copyOf(bytes, length);
    }

    static ByteBuffer newValue() {
        return ByteBuffer.allocate(XenCalls.VALUE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }

    // ---- attributes

    /** The number of an attribute's name, or a number. */
    private static int type(String word, List<String> names) {
        return names.contains(word) ? names.indexOf(word) : Math.floorMod(signed(word), TYPES);
    }

    private String setOfVm(Script.Op op) {
        int type = type(op.word(1), VM_ATTRIBUTES);
        long number = valueOr(op, 2, 0);
        if (type == XenCalls.SHARED_INFO || type == XenCalls.SHARED_INFO_HVA) {
            machine.observer().watchWallClock();
        }
        ByteBuffer value = switch (type) {
            case XenCalls.LONG_MODE, XenCalls.VM_VECTOR, XenCalls.RUNSTATE_FLAG -> newValue().put(0, (byte) number);
            case XenCalls.VERSION -> newValue().putInt(0, (int) number);
            default -> newValue().putLong(0, number);
        };
        return xen().set(XenCalls.OF_VM, type, value);
    }

    private String getOfVm(Script.Op op) {
        int type = type(op.word(1), VM_ATTRIBUTES);
        ByteBuffer value = newValue();
        String answer = xen().get(XenCalls.OF_VM, type, value);
        return !answer.equals("0") ? answer : switch (type) {
            case XenCalls.SHARED_INFO -> "gfn=" + Long.toHexString(value.getLong(0));
            case XenCalls.SHARED_INFO_HVA -> "hva=" + machine.arenas().placeOf(value.getLong(0));
            case XenCalls.VERSION -> Integer.toHexString(value.getInt(0));
            default -> Integer.toHexString(Byte.toUnsignedInt(value.get(0)));
        };
    }

    private String setOfVcpu(Script.Op op) {
        int type = type(op.word(2), VCPU_ATTRIBUTES);
        long number = valueOr(op, 3, 0);
        ByteBuffer value = newValue().putLong(0, number);
        Observer observer = machine.observer();
        switch (type) {
            case XenCalls.VCPU_INFO, XenCalls.VCPU_INFO_HVA -> observer.watchVcpuInfo(number);
            case XenCalls.TIME_INFO -> observer.watchTimeInfo(number);
            case XenCalls.RUNSTATE -> observer.watchRunstate(number);
            case XenCalls.RUNSTATE_DATA, XenCalls.RUNSTATE_ADJUST -> {
                for (int i = 1; i < 6; i++) { // the entry and four times
                    value.putLong(i * Long.BYTES, valueOr(op, 3 + i, 0));
                }
            }
            case XenCalls.TIMER -> value.putInt(4, priority(op, 4)).putLong(8, valueOr(op, 5, 0));
            default -> { }
        }
        return xen().set(machine.vcpu(op.integer(1)), type, value);
    }

    private String getOfVcpu(Script.Op op) {
        int type = type(op.word(2), VCPU_ATTRIBUTES);
        ByteBuffer value = newValue();
        String answer = xen().get(machine.vcpu(op.integer(1)), type, value);
        return !answer.equals("0") ? answer : switch (type) {
            case XenCalls.VCPU_INFO, XenCalls.TIME_INFO, XenCalls.RUNSTATE ->
                "gpa=" + Long.toHexString(value.getLong(0));
            case XenCalls.VCPU_INFO_HVA -> "hva=" + machine.arenas().placeOf(value.getLong(0));
            case XenCalls.RUNSTATE_CURRENT -> "s" + Long.toHexString(value.getLong(0));
            case XenCalls.RUNSTATE_DATA -> printTimes(value.getLong(0), value, 8);
            case XenCalls.VCPU_ID -> Integer.toUnsignedString(value.getInt(0));
            case XenCalls.TIMER -> "port=" + Integer.toHexString(value.getInt(0)) + ",prio="
                    + Integer.toHexString(value.getInt(4)) + ",exp=" + expiry(value.getLong(8));
            case XenCalls.VCPU_VECTOR -> Integer.toHexString(Byte.toUnsignedInt(value.get(0)));
            default -> "ok";
        };
    }

    private String expiry(long nanos) {
        return nanos == 0 ? "0" : Long.compareUnsigned(nanos, xen().clock()) > 0 ? "future" : "past";
    }

    /** A state, and behind it in a structure when it was entered, and four times. */
    private static String printTimes(long state, ByteBuffer from, int at) {
        long entry = from.getLong(at);
        long sum = 0;
        StringBuilder seconds = new StringBuilder();
        for (int i = 1; i <= 4; i++) { // the four of them
            long each = from.getLong(at + i * Long.BYTES);
            sum += each;
            seconds.append(i == 1 ? "" : ",").append(Long.toUnsignedString(Long.divideUnsigned(each, SECOND)));
        }
        return "s" + Long.toHexString(state) + " f" + (entry >>> 63) + " sum="
                + ((entry & Long.MAX_VALUE) == sum ? "ok" : "BAD") + " t=" + seconds;
    }

    /** A binding of an event channel: the words of its structure. */
    private String bind(long... words) {
        ByteBuffer value = newValue();
        for (int i = 0; i < words.length; i++) { // at most six
            value.putInt(i * Integer.BYTES, (int) words[i]);
        }
        return xen().set(XenCalls.OF_VM, XenCalls.EVTCHN, value);
    }

    // ---- the guest's memory, as a debugger writes and reads it

    String write(long gpa, byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) { // the bytes of a word or two
            long at = machine.hva(gpa + i);
            if (at != 0) {
                machine.host().poke(at, new byte[] {bytes[i]});
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
            long at = machine.hva(value(op, 1) + bytes.position());
            if (at == 0 || !machine.host().peek(at, each)) {
                return "unreadable";
            }
            bytes.put(each);
        }
        return printTimes(Integer.toUnsignedLong(bytes.getInt(0)), bytes, wide ? 8 : 4);
    }
}
