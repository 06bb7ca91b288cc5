package io.github.pfncache.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** What operations on Xen interfaces ask for, without a kernel: the bytes are those of the recorder in C. */
final class XenCallsTest {

    private static final String RECORDER = "/kvm/xen-ioctls.tsv";

    /** Of the recorder's memory from 0x2000 to 0xefff: the guest's code and tables. */
    private static final String CODE = "1b4631dafb22b1b9ef079b5e94dcccfcbe4ffdd0f93f13c07a6efb5abba627a9";

    private static final HexFormat HEX = HexFormat.of();

    /** Notes what would be given to the kernel. */
    private static final class Noted implements XenCalls {

        private String call = "";

        private String note(String request, Memory structure) {
            try (structure) {
                byte[] bytes = structure.getByteArray(0, (int) structure.size());
                int length = bytes.length;
                while (length > 0 && bytes[length - 1] == 0) { // the bytes of a structure
                    length--;
                }
                call = request + "\t" + bytes.length + "\t" + HEX.formatHex(Arrays.copyOf(bytes, length));
            }
            return "0";
        }

        @Override
        public String configure(int flags, int msr) {
            return note("4038ae7a", KernelXen.words(KernelXen.CONFIG_BYTES, flags, msr));
        }

        @Override
        public String set(int vcpu, int type, ByteBuffer value) {
            return note(vcpu == OF_VM ? "4048aec9" : "4048aecb", KernelXen.attribute(type, value));
        }

        @Override
        public String get(int vcpu, int type, ByteBuffer value) {
            return note(vcpu == OF_VM ? "c048aec8" : "c048aeca", KernelXen.attribute(type, value));
        }

        @Override
        public String send(int port, int vcpu, int priority) {
            return note("400caed0", KernelXen.words(KernelXen.EVENT_BYTES, port, vcpu, priority));
        }

        @Override
        public String route(int gsi, int port, int vcpu, int priority) {
            return note("4008ae6a", KernelXen.table(Map.of(gsi, new int[] {port, vcpu, priority})));
        }

        @Override
        public String openLine(int gsi) {
            return "0";
        }

        @Override
        public String fire(int gsi) {
            return "ok";
        }

        @Override
        public String setLine(int gsi, int level) {
            return note("c008ae67", KernelXen.words(KernelXen.LINE_BYTES, gsi, level));
        }

        @Override
        public int newEventfd() {
            return 9;
        }

        @Override
        public String readEventfd(int index) {
            return "empty";
        }

        @Override
        public long clock() {
            return 1_000_000_000;
        }

        @Override
        public String setClock(long nanos) {
            return "0";
        }

        @Override
        public void later(int millis, Supplier<String> what) {
            call = what.get();
        }

        @Override
        public List<String> join() {
            return List.of("a", "b");
        }

        @Override
        public Guest guest(int vcpu) {
            return new Guest() {
                @Override
                public boolean isWide() {
                    return vcpu == 0;
                }

                @Override
                public void setWide(boolean wide) {
                    call = "wide " + wide;
                }

                @Override
                public String run(Code code, boolean interruptible, int limit) {
                    return code + " " + interruptible + " " + limit;
                }

                @Override
                public String writeMsr(int index, long value) {
                    return "IOe9";
                }

                @Override
                public String hypercall(long number, List<Long> arguments, int limit) {
                    return number + " " + arguments + " " + limit;
                }

                @Override
                public String goOn(int limit) {
                    return "on " + limit;
                }

                @Override
                public String interrupts() {
                    return "irr: isr:";
                }
            };
        }
    }

    /** A machine of this library, whose Xen interfaces only note what they are asked for. */
    private static final class NotingMachine extends LibraryMachine {

        private final Noted noted = new Noted();

        private NotingMachine() {
            operation(Script.Op.parse("vcpus 2")).run(Script.Op.parse("vcpus 2"));
        }

        @Override
        XenCalls xen() {
            return noted;
        }

        private String call(String op) {
            noted.call = "";
            perform(Script.Op.parse(op));
            return noted.call;
        }
    }

    @Test
    void theBytesAreThoseOfTheRecorder() throws IOException {
        List<String> rows = new String(
                XenCallsTest.class.getResourceAsStream(RECORDER).readAllBytes(), StandardCharsets.UTF_8).lines()
                .filter(line -> !line.startsWith("#")).toList();
        assertThat(rows).hasSizeGreaterThan(30);
        try (NotingMachine machine = new NotingMachine()) {
            List<String> ours = new ArrayList<>();
            for (String row : rows) {
                String op = row.substring(0, row.indexOf('\t'));
                ours.add(op + "\t" + machine.call(op));
            }
            assertThat(ours).containsExactlyElementsOf(rows);
        }
    }

    @Test
    void anEventfdAndATimeByTheClockAreNumbersOfTheBinding() {
        try (NotingMachine machine = new NotingMachine()) {
            assertThat(machine.call("eve 5 2")).endsWith("0300000000000000" + "0500000002000000000000000000000009");
            assertThat(machine.call("eve 5 2 7")).endsWith("07");
            assertThat(machine.call("vset 0 tmr 5 0xffffffff @+2")).endsWith("05000000ffffffff804eb93b");
            assertThat(machine.call("vset 0 tmr 5 0xffffffff @-1000")).as("at 0").endsWith("05000000ffffffff");
        }
    }

    /** The recorder's guests: which code they run, for how long, and what their registers hold. */
    @Test
    void guestsRunAndCallAsTheRecorders() {
        try (NotingMachine machine = new NotingMachine()) {
            assertThat(List.of("irun 0", "hlt 0", "hlt 0 40", "hltcli 0", "spin 0", "hcgo 0", "hc 0 99 1 -1",
                    "send 0 70", "poll 0 0x6300 1 1", "sst 0 1 5 0", "sstop 0 1", "sto 0 -1", "sto 1 -1", "lapic 0",
                    "join"))
                    .extracting(op -> op, op -> machine.perform(Script.Op.parse(op)))
                    .containsExactly(
                            tuple("irun 0", "LEAVE true 400"),
                            tuple("hlt 0", "HALT true 300"),
                            tuple("hlt 0 40", "HALT true 40"),
                            tuple("hltcli 0", "HALT false 300"),
                            tuple("spin 0", "SPIN true 100"),
                            tuple("hcgo 0", "on 400"),
                            tuple("hc 0 99 1 -1", "99 [1, -1, 0, 0, 0, 0] 400"),
                            tuple("send 0 70", "32 [4, 24832, 0, 0, 0, 0] 400"),
                            tuple("poll 0 0x6300 1 1", "29 [3, 24576, 0, 0, 0, 0] 500"),
                            tuple("sst 0 1 5 0", "24 [8, 1, 25088, 0, 0, 0] 400"),
                            tuple("sstop 0 1", "24 [9, 1, 0, 0, 0, 0] 400"),
                            tuple("sto 0 -1", "15 [-1, 0, 0, 0, 0, 0] 400"),
                            tuple("sto 1 -1", "15 [4294967295, 4294967295, 0, 0, 0, 0] 400"),
                            tuple("lapic 0", "irr: isr:"),
                            tuple("join", "[a] [b]"));
            assertThat(machine.call("gm 0 32")).isEqualTo("wide false");
            assertThat(machine.call("later 5 lapic 0")).isEqualTo("irr: isr:");
        }
    }

    @Test
    void theGuestsCodeIsTheRecorders() throws NoSuchAlgorithmException {
        try (LibraryMachine machine = new LibraryMachine()) {
            XenGuestCode.write(machine.host(), machine.arenas().code());
            byte[] code = new byte[0xd000];
            assertThat(machine.host().peek(machine.arenas().code() + 0x2000, code)).isTrue();
            assertThat(HEX.formatHex(MessageDigest.getInstance("SHA-256").digest(code))).isEqualTo(CODE);
        }
    }

    /** A binding to no port and to no eventfd: the port is looked at first, as the live kernel does. */
    @Test
    void aBindingIsRefusedForItsPortBeforeItsEventfd() {
        assertThat(LibraryMachine.observe(Script.parse("xen 32;evb 0 2 0 0;evb 1024 2 0 0;evb 5 2 0 3")))
                .isEqualTo("ok ; EINVAL ; EINVAL ; EBADF");
    }

    /** Found by the live comparison: arguments are looked at only if events are configured. */
    @Test
    void aPollIsAYieldIfEventsAreNotConfigured() {
        String polls = ";poll 0 0x6300 129 1;poll 0 0x900000 1 1;ports 0x7000 4096;poll 0 0x7000 1 1";
        assertThat(LibraryMachine.observe(Script.parse("xen 64;xcfg 2" + polls)))
                .isEqualTo("ok ; 0 ; rax=0 ; rax=0 ; ok ; rax=0");
        assertThat(LibraryMachine.observe(Script.parse("xen 64;xset lm 1;xcfg 22" + polls)))
                .isEqualTo("ok ; 0 ; 0 ; rax=-22 ; rax=-14 ; ok ; rax=-22");
        assertThat(LibraryMachine.observe(Script.parse("xen 64;xcfg 20" + polls)))
                .isEqualTo("ok ; 0 ; rax=-1000 ; rax=-1000 ; ok ; rax=-1000");
    }

    @Test
    void whatIsNoOperationIsUnreadable() {
        for (String script : List.of("xget si", "xen 64;vset 7 vi 0", "xen 64;later 5 nothing", "xen 64;later 5",
                "xen 64;xset", "xen 64;vset 0 tmr x", "xen 64;evb 1", "xen 64;irun 0;xen 32", "xen 64;evread 0")) {
            assertThatThrownBy(() -> LibraryMachine.observe(Script.parse(script))).as(script)
                    .isInstanceOf(Script.Unreadable.class);
        }
    }
}
