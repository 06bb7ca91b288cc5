package io.github.pfncache.kvm;

import com.sun.jna.Memory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;

/** The Xen interfaces of a virtual machine of the kernel. Not thread-safe, but for operations of other vCPUs. */
final class KernelXen implements XenCalls, AutoCloseable {

    private static final long CONFIG = 0x4038ae7aL;
    private static final long GET_ATTR = 0xc048aec8L;
    private static final long SET_ATTR = 0x4048aec9L;
    private static final long VCPU_GET_ATTR = 0xc048aecaL;
    private static final long VCPU_SET_ATTR = 0x4048aecbL;
    private static final long EVTCHN_SEND = 0x400caed0L;
    private static final long SET_GSI_ROUTING = 0x4008ae6aL;
    private static final long IRQFD = 0x4020ae76L;
    private static final long IRQ_LINE_STATUS = 0xc008ae67L;

    private static final int ATTRIBUTE_HEAD = 8;
    static final int CONFIG_BYTES = 56;
    static final int EVENT_BYTES = 12;
    static final int LINE_BYTES = 8;
    private static final int ROUTE_BYTES = 48;
    private static final int XEN_ROUTE = 5;
    private static final int NONBLOCK = 0x800;
    private static final int PAUSE = 30;

    private final KernelVm vm;
    private final List<KernelXenVcpu> vcpus;

    /** By line: port, vCPU and priority. */
    private final Map<Integer, int[]> routes = new LinkedHashMap<>();

    private final Map<Integer, Integer> lines = new HashMap<>();
    private final List<FutureTask<String>> others = new ArrayList<>();
    private final List<Integer> eventfds = new ArrayList<>();

    KernelXen(KernelVm vm, List<KernelXenVcpu> vcpus) {
        this.vm = vm;
        this.vcpus = vcpus;
    }

    @Override
    public String configure(int flags, int msr) {
        try (Memory config = words(CONFIG_BYTES, flags, msr)) {
            return Linux.answer(vm.ioctl(CONFIG, config));
        }
    }

    /** The structure of a call for an attribute: its type, and from its eighth byte on its value. */
    static Memory attribute(int type, ByteBuffer value) {
        Memory attribute = new Memory(ATTRIBUTE_HEAD + VALUE_BYTES);
        attribute.clear();
        attribute.setShort(0, (short) type);
        attribute.write(ATTRIBUTE_HEAD, value.array(), 0, VALUE_BYTES);
        return attribute;
    }

    @Override
    public String set(int vcpu, int type, ByteBuffer value) {
        try (Memory attribute = attribute(type, value)) {
            return Linux.answer(vcpu == OF_VM
                    ? vm.ioctl(SET_ATTR, attribute)
                    : vcpus.get(vcpu).vcpu().ioctl(VCPU_SET_ATTR, attribute));
        }
    }

    @Override
    public String get(int vcpu, int type, ByteBuffer value) {
        try (Memory attribute = attribute(type, value)) {
            String answer = Linux.answer(vcpu == OF_VM
                    ? vm.ioctl(GET_ATTR, attribute)
                    : vcpus.get(vcpu).vcpu().ioctl(VCPU_GET_ATTR, attribute));
            attribute.read(ATTRIBUTE_HEAD, value.array(), 0, VALUE_BYTES);
            return answer;
        }
    }

    /** Some words, one after the other. */
    static Memory words(int bytes, int... words) {
        Memory all = new Memory(bytes);
        all.clear();
        all.write(0, words, 0, words.length);
        return all;
    }

    private static String number(int result) {
        return result < 0 ? Linux.name(Linux.errno()) : Integer.toString(result);
    }

    @Override
    public String send(int port, int vcpu, int priority) {
        try (Memory event = words(EVENT_BYTES, port, vcpu, priority)) {
            return number(vm.ioctl(EVTCHN_SEND, event));
        }
    }

    @Override
    public String route(int gsi, int port, int vcpu, int priority) {
        int[] before = routes.put(gsi, new int[] {port, vcpu, priority});
        try (Memory table = table(routes)) {
            String answer = Linux.answer(vm.ioctl(SET_GSI_ROUTING, table));
            if (!answer.equals("0") && before == null) {
                routes.remove(gsi);
            }
            return answer;
        }
    }

    /** The structure of the call for all routes. */
    static Memory table(Map<Integer, int[]> routes) {
        Memory table = words(8 + routes.size() * ROUTE_BYTES, routes.size());
        int at = 8;
        for (Map.Entry<Integer, int[]> each : routes.entrySet()) { // bounded by the script
            table.setInt(at, each.getKey());
            table.setInt(at + 4, XEN_ROUTE);
            table.write(at + 16, each.getValue(), 0, 3);
            at += ROUTE_BYTES;
        }
        return table;
    }

    @Override
    public String openLine(int gsi) {
        int fd = Linux.eventfd(0, 0);
        lines.put(gsi, fd);
        eventfds.add(fd);
        try (Memory irqfd = words(32, fd, gsi)) {
            return Linux.answer(vm.ioctl(IRQFD, irqfd));
        }
    }

    @Override
    public String fire(int gsi) {
        boolean written = Linux.write(lines.getOrDefault(gsi, -1), XenOps.littleEndian(1, Long.BYTES), Long.BYTES) > 0;
        vm.sleep(PAUSE);
        return written ? "ok" : "fail";
    }

    @Override
    public String setLine(int gsi, int level) {
        try (Memory line = words(LINE_BYTES, gsi, level)) {
            return vm.ioctl(IRQ_LINE_STATUS, line) < 0
                    ? Linux.name(Linux.errno())
                    : Integer.toString(line.getInt(0));
        }
    }

    @Override
    public int newEventfd() {
        eventfds.add(Linux.eventfd(0, NONBLOCK));
        return eventfds.get(eventfds.size() - 1);
    }

    @Override
    public String readEventfd(int index) {
        byte[] count = new byte[Long.BYTES];
        List<Integer> own = eventfds.stream().filter(fd -> !lines.containsValue(fd)).toList();
        if (index >= own.size()) {
            throw new Script.Unreadable("no eventfd " + index);
        }
        return Linux.read(own.get(index), count, count.length) == count.length
                ? Long.toString(ByteBuffer.wrap(count).order(ByteOrder.LITTLE_ENDIAN).getLong())
                : "empty";
    }

    @Override
    public long clock() {
        return vm.clock();
    }

    @Override
    public String setClock(long nanos) {
        return vm.setClock(nanos);
    }

    @Override
    public void later(int millis, Supplier<String> what) {
        FutureTask<String> task = new FutureTask<>(() -> {
            KernelVm.pause(millis);
            return what.get();
        });
        others.add(task);
        new Thread(task, "script-later").start();
    }

    @Override
    public List<String> join() {
        long begin = System.nanoTime();
        List<String> answers = new ArrayList<>();
        for (FutureTask<String> each : others) { // bounded by the script
            try {
                answers.add(each.get());
            } catch (InterruptedException | ExecutionException e) {
                throw new IllegalStateException("an operation of another thread", e);
            }
        }
        others.clear();
        vm.hasSlept(System.nanoTime() - begin);
        return answers;
    }

    @Override
    public KernelXenVcpu guest(int vcpu) {
        return vcpus.get(vcpu);
    }

    @Override
    public void close() {
        join(); // they use the virtual machine
        eventfds.forEach(Linux::close);
        eventfds.clear();
    }
}
