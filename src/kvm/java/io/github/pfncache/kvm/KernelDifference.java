package io.github.pfncache.kvm;

import java.util.List;
import java.util.Set;

/**
 * Where a kernel does otherwise than this library and nothing is wrong: a rule that changed with the kernel's version,
 * a fact of the host, or what a vendor has added. Each has a probe, so a report says of each whether it is this
 * kernel's. The guide's table is made of these.
 */
public enum KernelDifference {

    HOST_WRITE(
            "the host's write of a clock register on vCPU 0, where flags bit 0 of the clock is set",
            "one vendor's kernel clears the bit at once, with the version protocol",
            "as the stock kernel: a host's write touches no guest memory",
            "slot 1 0x100000 4 A0 -;greg 0 0x100101;reg 0 0x100101",
            "ok W@A0+100:aaaaaaac>aaaaaaae/f2") {
        @Override
        boolean concerns(List<Script.Op> ops, int index) {
            Script.Op op = ops.get(index);
            boolean host = op.name().equals("reg") || op.name().equals("reg_old")
                    || op.name().equals("msr") && CLOCKS.contains(op.number(2));
            return host && op.number(1) == 0;
        }
    },

    STEAL_TIME_AT_WRITE(
            "steal time after the guest's own write of its register",
            "the stock kernel writes it before the same <code>KVM_RUN</code> returns; one vendor's at the next entry",
            "at the next entry",
            "slot 1 0x100000 4 A0 -;gstreg 0 0x100041",
            "ok S@A0+40:aaaaaaaa>aaaaaaac/p0") {
        @Override
        boolean concerns(List<Script.Op> ops, int index) {
            return ops.get(index).name().equals("gstreg");
        }
    },

    STOPPED_KEPT(
            "<code>KVM_KVMCLOCK_CTRL</code> before an update that is lost",
            "before 6.15 kept until an update lands; consumed since",
            "consumed",
            "slot 1 0x100000 4 A0 -;poison A0 1 0;greg 0 0x100101;del 1;ctrl 0;run 0;slot 1 0x100000 4 A0 -;clk;run 0",
            "IOf8 W@A0+100:2>4/f3") {
        @Override
        boolean concerns(List<Script.Op> ops, int index) {
            return ops.subList(0, index).stream().anyMatch(op -> op.name().equals("ctrl"));
        }
    },

    HOST_IN_RING(
            "what a host's register write marks, in a dirty ring",
            "marked in the ring of the vCPU",
            "marked in no ring: the vCPU does not run",
            "ring 65536;slot 1 0x100000 4 A0 l;msr 0 0x4b564d00 0x101200;ringget 0",
            "{1:1 1:1 1:1} reset=3") {
        @Override
        boolean concerns(List<Script.Op> ops, int index) {
            return logsInRing(ops, index, "msr");
        }
    },

    WALL_CLOCK_IN_RING(
            "a wall clock, in a dirty ring",
            "an entry for each of the three writes that it is made of",
            "one entry, as for the other clocks",
            "ring 65536;slot 1 0x100000 4 A0 l;gmsr 0 0x4b564d00 0x101200;ringget 0",
            "{1:1 1:1 1:1} reset=3") {
        @Override
        boolean concerns(List<Script.Op> ops, int index) {
            return logsInRing(ops, index, "gmsr") || logsInRing(ops, index, "msr");
        }
    },

    MOVE_OF_SEVERAL(
            "<code>mremap</code> over a hole or over several mappings",
            "before 6.17 <code>EFAULT</code>; done since",
            "done",
            "unmap A7 1;mv A6 2 B8",
            "EFAULT") {
        @Override
        boolean concerns(List<Script.Op> ops, int index) {
            return ops.get(index).name().equals("mv") && ops.get(index).number(2) > 1;
        }
    },

    SLOT_END(
            "a memslot above the host's physical address width",
            "<code>EINVAL</code> with two-dimensional paging; up to 2^52 with shadow paging",
            "up to 2^52",
            "slot 1 0x8000000000000 4 A0 -",
            "EINVAL") {
        @Override
        boolean concerns(List<Script.Op> ops, int index) {
            Script.Op op = ops.get(index);
            return op.name().equals("slot") && Long.compareUnsigned(op.number(2), SMALLEST_WIDTH) >= 0;
        }
    },

    SECOND_SPACE(
            "a memslot of a second address space",
            "there with <code>CONFIG_KVM_SMM</code>",
            "<code>EINVAL</code>: there is one",
            "slot 0x10001 0x100000 4 A0 -",
            "0") {
        @Override
        boolean concerns(List<Script.Op> ops, int index) {
            Script.Op op = ops.get(index);
            return Set.of("slot", "del", "dlog").contains(op.name()) && op.number(1) >= 1 << 16;
        }
    };

    private static final Set<Long> CLOCKS = Set.of(0x12L, 0x4b564d01L);

    /** No host addresses fewer bytes. */
    private static final long SMALLEST_WIDTH = (1L << 36) - (1L << 20);

    private final String subject;
    private final String kernel;
    private final String here;
    private final Script probe;
    private final String theirs;

    KernelDifference(String subject, String kernel, String here, String probe, String theirs) {
        this.subject = subject;
        this.kernel = kernel;
        this.here = here;
        this.probe = Script.parse(probe);
        this.theirs = theirs;
    }

    /** Whether an operation, after those before it, is one in which they differ. */
    abstract boolean concerns(List<Script.Op> ops, int index);

    private static boolean logsInRing(List<Script.Op> ops, int index, String name) {
        List<Script.Op> before = ops.subList(0, index + 1);
        return before.stream().anyMatch(op -> op.name().equals("ring"))
                && before.stream().anyMatch(op -> op.name().equals(name));
    }

    /** Shows in its last operation what a kernel does. */
    public Script probe() {
        return probe;
    }

    /** Whether a kernel that answers the probe so is one that differs. */
    public boolean isShownBy(String observed) {
        String[] answers = observed.split(" ; ", -1);
        return (answers[answers.length - 1] + " ").startsWith(theirs + " ");
    }

    /** A line of the guide's table. */
    public String toMarkdown() {
        return "| " + code(subject) + " | " + code(kernel) + " | " + code(here) + " |";
    }

    private static String code(String text) {
        return text.replaceAll("</?code>", "`");
    }

    @Override
    public String toString() {
        return code(subject) + ": " + code(kernel);
    }
}
