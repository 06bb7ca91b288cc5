package io.github.pfncache.xen;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GuestMemory;
import io.github.pfncache.cache.Outcome;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * One vCPU's hypercalls: those that these interfaces answer themselves. All others are the emulator's.
 *
 * <p>Kernel counterpart: {@code kvm_xen_hypercall()}, {@code kvm_xen_write_hypercall_page()}.
 */
final class Hypercalls {

    private static final long SET_TIMER_OP = 15;
    private static final long XEN_VERSION = 17;
    private static final long VCPU_OP = 24;
    private static final long SCHED_OP = 29;
    private static final long EVENT_CHANNEL_OP = 32;

    private static final long VERSION = 0;
    private static final long YIELD = 0;
    private static final long POLL = 3;
    private static final long SEND = 4;
    private static final long SET_SINGLESHOT_TIMER = 8;
    private static final long STOP_SINGLESHOT_TIMER = 9;

    /** An entry of the hypercall page: mov eax, number; the trap; ret; and int3 where nothing is executed. */
    private static final int ENTRY_BYTES = 32;

    private static final int TRAP_BYTES = 3;
    private static final byte MOV_EAX = (byte) 0xb8;
    private static final byte RET = (byte) 0xc3;
    private static final byte INT3 = (byte) 0xcc;

    private final XenVm xen;
    private final XenVcpu vcpu;

    Hypercalls(XenVm xen, XenVcpu vcpu) {
        this.xen = xen;
        this.vcpu = vcpu;
    }

    HypercallResult handle(Hypercall call) {
        if (!xen.config().has(XenConfig.INTERCEPT_HYPERCALLS)) {
            return HypercallResult.done(HypercallResult.KVM_ENOSYS);
        }
        long number = call.mode() == GuestMode.COMPAT ? Integer.toUnsignedLong((int) call.number()) : call.number();
        if (number == XEN_VERSION && call.argument(0) == VERSION && xen.version() != 0) {
            return HypercallResult.done(Integer.toUnsignedLong(xen.version()));
        } else if (number == SCHED_OP) {
            return schedule(call);
        } else if (number == VCPU_OP) {
            return vcpuOperation(call);
        } else if (number == SET_TIMER_OP) {
            return setTimer(call);
        } else if (number == EVENT_CHANNEL_OP && call.argument(0) == SEND) {
            return send(call);
        }
        return HypercallResult.EMULATOR;
    }

    private GuestMemory memory() {
        return xen.vm().guestMemory();
    }

    private HypercallResult schedule(Hypercall call) {
        boolean yields = call.argument(0) == POLL && !xen.config().has(XenConfig.SEND_EVENTS);
        if (call.argument(0) == YIELD || yields) {
            return HypercallResult.done(0);
        }
        if (call.argument(0) != POLL) {
            return HypercallResult.EMULATOR;
        }
        HypercallLayout.SchedPoll argument =
                call.mode().hypercall().readSchedPoll(memory(), call.argument(1));
        return switch (vcpu.poller().start(xen.mode(), argument, call.interruptible())) {
            case FAULT -> HypercallResult.done(HypercallResult.EFAULT);
            case INVALID -> HypercallResult.done(HypercallResult.EINVAL);
            case BUSY -> new HypercallResult(HypercallResult.Kind.HALTED, 0);
            case WOKEN, TIMED_OUT -> HypercallResult.done(0);
        };
    }

    private HypercallResult vcpuOperation(Hypercall call) {
        long operation = call.argument(0);
        if (!vcpu.singleShot().hasPort() || operation != SET_SINGLESHOT_TIMER && operation != STOP_SINGLESHOT_TIMER) {
            return HypercallResult.EMULATOR;
        }
        if (call.argument(1) != vcpu.guestId()) {
            return HypercallResult.done(HypercallResult.EINVAL);
        }
        if (operation == STOP_SINGLESHOT_TIMER) {
            vcpu.stopSingleShotTimer();
            return HypercallResult.done(0);
        }
        Long expires = call.mode().hypercall().readSingleShot(memory(), call.argument(2));
        return expires == null
                ? HypercallResult.done(HypercallResult.EFAULT)
                : answered(vcpu.setSingleShotTimer(expires));
    }

    private HypercallResult setTimer(Hypercall call) {
        if (!vcpu.singleShot().hasPort()) {
            return HypercallResult.EMULATOR;
        }
        // A compat guest passes the time in two halves.
        long timeout = call.mode() == GuestMode.COMPAT
                ? call.argument(0) | call.argument(1) << Integer.SIZE
                : call.argument(0);
        return answered(vcpu.setTimerOp(timeout));
    }

    private static HypercallResult answered(Outcome outcome) {
        return outcome == Outcome.INACTIVE ? HypercallResult.EMULATOR : HypercallResult.done(0);
    }

    private HypercallResult send(Hypercall call) {
        byte[] port = new byte[Integer.BYTES];
        if (memory().read(call.argument(1), port) != port.length) {
            return HypercallResult.done(HypercallResult.EFAULT);
        }
        return switch (xen.events().send(
                ByteBuffer.wrap(port).order(ByteOrder.LITTLE_ENDIAN).getInt())) {
            case UNBOUND, INVALID, INACTIVE, FAULT -> HypercallResult.EMULATOR;
            default -> HypercallResult.done(0);
        };
    }

    Outcome writePage(GuestMode writer, long value, byte[] trap) {
        if (trap.length != TRAP_BYTES) {
            throw new IllegalArgumentException("an instruction of length=" + trap.length + ", it has 3 bytes");
        }
        if (!xen.latchMode(writer)) {
            return Outcome.BUSY;
        }
        if (!Pages.isPageAligned(value)) { // the index of the page: there is one
            return Outcome.FAULT;
        }
        ByteBuffer page = ByteBuffer.allocate(Pages.PAGE_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        Arrays.fill(page.array(), INT3);
        for (int at = 0; at < Pages.PAGE_SIZE; at += ENTRY_BYTES) { // bounded by the page
            page.position(at);
            page.put(MOV_EAX).putInt(at / ENTRY_BYTES).put(trap).put(RET);
        }
        return memory().write(value, page.array()) == Pages.PAGE_SIZE ? Outcome.OK : Outcome.FAULT;
    }
}
