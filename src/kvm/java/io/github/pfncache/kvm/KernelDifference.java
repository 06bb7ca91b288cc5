package io.github.pfncache.kvm;

import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

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
            "ok W@A0+100:aaaaaaac>aaaaaaae/f2",
            so -> so.is("reg", "reg_old", "msr") && so.last().number(1) == 0
                    && (!so.is("msr") || Probes.CLOCKS.contains(so.last().number(2)))),

    STEAL_TIME_AT_WRITE(
            "steal time after the guest's own write of its register",
            "the stock kernel writes it before the same <code>KVM_RUN</code> returns; one vendor's at the next entry",
            "at the next entry",
            "slot 1 0x100000 4 A0 -;gstreg 0 0x100041",
            "ok S@A0+40:aaaaaaaa>aaaaaaac/p0",
            so -> so.is("gstreg")),

    STOPPED_KEPT(
            "<code>KVM_KVMCLOCK_CTRL</code> before an update that is lost",
            "before 6.15 kept until an update lands; consumed since",
            "consumed",
            "slot 1 0x100000 4 A0 -;poison A0 1 0;greg 0 0x100101;del 1;ctrl 0;run 0;slot 1 0x100000 4 A0 -;clk;run 0",
            "IOf8 W@A0+100:2>4/f3",
            so -> so.before().has("ctrl")),

    HOST_IN_RING(
            "what a host's register write marks, in a dirty ring",
            "marked in the ring of the vCPU",
            "marked in no ring: the vCPU does not run",
            "ring 65536;slot 1 0x100000 4 A0 l;msr 0 0x4b564d00 0x101200;ringget 0",
            "{1:1 1:1 1:1} reset=3",
            so -> so.has("ring") && so.has("msr")),

    WALL_CLOCK_IN_RING(
            "a wall clock, in a dirty ring",
            "an entry for each of the three writes that it is made of",
            "one entry, as for the other clocks",
            "ring 65536;slot 1 0x100000 4 A0 l;gmsr 0 0x4b564d00 0x101200;ringget 0",
            "{1:1 1:1 1:1} reset=3",
            so -> so.has("ring") && so.has("gmsr", "msr")),

    MOVE_OF_SEVERAL(
            "<code>mremap</code> over a hole or over several mappings",
            "before 6.17 <code>EFAULT</code>; done since",
            "done",
            "unmap A7 1;mv A6 2 B8",
            "EFAULT",
            so -> so.is("mv") && so.last().number(2) > 1),

    SLOT_END(
            "a memslot above the host's physical address width",
            "<code>EINVAL</code> with two-dimensional paging; up to 2^52 with shadow paging",
            "up to 2^52",
            "slot 1 0x8000000000000 4 A0 -",
            "EINVAL",
            so -> so.is("slot") && Long.compareUnsigned(so.last().number(2), Probes.SMALLEST_WIDTH) >= 0),

    SECOND_SPACE(
            "a memslot of a second address space",
            "there with <code>CONFIG_KVM_SMM</code>",
            "<code>EINVAL</code>: there is one",
            "slot 0x10001 0x100000 4 A0 -",
            "0",
            so -> so.is("slot", "del", "dlog") && so.last().number(1) >= 1 << 16),

    // Of the Xen interfaces.

    DIRTY(
            "dirty marking of shared_info, and of vcpu_info on direct delivery",
            "never",
            "each page written is marked",
            Probes.XEN + "xset si 0x100;dlog 1",
            "{}",
            so -> so.isXen() && so.is("dlog")),

    STALE_VCPU_INFO(
            "event for a vCPU whose vcpu_info was invalidated, or after any memslot change",
            "parked until the next entry",
            "delivered at once if its own page can be had without waiting",
            Probes.EVENTS + "slot 2 0x200000 1 B0 -;xsend 5 0",
            "0 b@A0+800:00>20",
            so -> so.isXen() && so.is(Situation.EVENT) && so.sinceRun().has(Situation.CHANGE)),

    PARKED_AGAIN(
            "parked events after a try that failed",
            "tried again only when the entry loop turns",
            "tried again at each entry, and when a vcpu_info is registered",
            Probes.EVENTS + "none A1 1;xsend 5 0;irun 0;rw A1 1;irun 0",
            "IOf8",
            so -> so.isXen() && so.before().has(Situation.EVENT)
                    && (so.sinceRegistered().has(Situation.CHANGE) || so.after(Situation.EVENT).has("vi", "vih"))),

    RUNNABLE(
            "runstate <code>runnable</code> set by the host's call while the area is stale",
            "not written",
            "written; in atomic context by the next entry",
            Probes.XEN + "vset 0 rs 0x102000;slot 2 0x200000 1 B0 -;vset 0 rscur 1",
            "0",
            so -> so.is("rscur") && so.last().words().contains("1") && so.sinceRegistered().has(Situation.CHANGE)),

    FRAME(
            "shared_info at a frame number of 2^52 or more",
            "taken modulo 2^52",
            "refused",
            "xen 64;xset si 0x10000000000100",
            "EFAULT",
            so -> so.is("si") && so.last().words().get(2).length() > "0xfffffffffffff".length()),

    POLL_OF_STALE_PAGE(
            "poll after shared_info was invalidated, or after any memslot change",
            "ends at once",
            "the page is looked at again, then the poll waits",
            Probes.EVENTS + "slot 2 0x200000 1 B0 -;ports 0x103000 7;poll 0 0x103000 1 30000000000 30",
            "rax=0",
            so -> so.is(Situation.POLL) && so.sinceRegistered().has(Situation.CHANGE)),

    POLL_OF_PENDING_WORD(
            "poll of an unmasked port whose selector word is pending already",
            "sleeps for ever",
            "woken, as by Xen",
            Probes.EVENTS + "ports 0x103000 7;xsend 5 0;vset 0 tmr 7 0xffffffff @+40;poll 0 0x103000 1 -1 150",
            "BLOCKED b@A0+800:20>a0",
            so -> so.is(Situation.POLL) && so.before().has(Situation.EVENT)),

    POLL_WITH_OWN_VECTOR(
            "poll with interrupts off and a vector of the vCPU's own",
            "not woken by an unmasked event",
            "woken",
            Probes.EVENTS + "xset upv 0;vset 0 upv 0x51;ports 0x103000 7;vset 0 tmr 7 0xffffffff @+40;"
                    + "poll 0 0x103000 1 -1 150",
            "BLOCKED",
            so -> so.is(Situation.POLL) && so.has("upv")),

    LOST_PAGE(
            "timer expiry, or a device's event, while shared_info is off or has no memory",
            "dropped",
            "kept until it can be delivered",
            Probes.EVENTS + "del 1;vset 0 tmr 5 0xffffffff @-10;slot 1 0x100000 4 A0 l;run 0",
            "IOf8",
            so -> so.has(Situation.EXPIRY)
                    && (so.sinceRegistered().has(Situation.CHANGE) || so.sinceRegistered().has("si", "sih"))),

    STALE_PAGE(
            "timer expiry after a change of a memslot that is not shared_info's",
            "kept until the vCPU's next entry or a look at the timer",
            "delivered at once",
            Probes.EVENTS + "vset 0 tmr 5 0xffffffff @+40;slot 2 0x200000 1 B0 -;sleep 70",
            "ok",
            so -> so.has(Situation.EXPIRY) && so.sinceRegistered().has(Situation.CHANGE)),

    MODE_SWITCH(
            "parked events when the guest changes between 32 and 64 bits",
            "taken for other ports",
            "re-scaled at the switch",
            Probes.EVENTS + "none A1 1;xsend 64 0;rw A1 1;xset lm 0;irun 0",
            "INT41 b@A1+0:00>01,b@A1+4:00>02",
            so -> so.after(Situation.EVENT).has("lm")),

    STOPPED_IN_OTHERS(
            "<code>GUEST_STOPPED</code> that is left in the memory of one clock, and the vCPU's other clocks",
            "before 6.15 shown by those as well that are written after it",
            "shown by that one alone",
            "xen 64;slot 1 0x100000 4 A0 -;poison A1 1 0;vset 0 vi 0x101040;greg 0 0x102f81",
            "IOe9 W@A1+60:0>4/f3,W@A2+f80:aaaaaaaa>aaaaaaac/f3",
            so -> so.isXen() && so.has("vti", "greg", "reg", "greg_old", "reg_old"));

    /** What the constants are made of. */
    private static final class Probes {
        private static final String XEN =
                "xen 64;xcfg 22;slot 1 0x100000 4 A0 l;poison A0 4 0;xset lm 1;xset upv 0x41;";
        private static final String EVENTS = XEN + "xset si 0x100;vset 0 vi 0x101000;run 0;";
        private static final Set<Long> CLOCKS = Set.of(0x12L, 0x4b564d01L);

        /** No host addresses fewer bytes. */
        private static final long SMALLEST_WIDTH = (1L << 36) - (1L << 20);
    }

    private final String subject;
    private final String kernel;
    private final String here;
    private final Script probe;
    private final String theirs;
    private final Predicate<Situation> where;

    KernelDifference(
            String subject, String kernel, String here, String probe, String theirs, Predicate<Situation> where) {
        this.subject = subject;
        this.kernel = kernel;
        this.here = here;
        this.probe = Script.parse(probe);
        this.theirs = theirs;
        this.where = where;
    }

    /** Whether an operation, after those before it, is one in which they differ. */
    boolean concerns(List<Script.Op> ops, int index) {
        return where.test(new Situation(ops.subList(0, index + 1)));
    }

    /** Whether it is of the Xen interfaces, where this library does otherwise than the kernel on purpose. */
    public boolean isXen() {
        return new Situation(probe.ops()).isXen();
    }

    /** All that are. */
    public static Set<KernelDifference> ofXen() {
        return Stream.of(values()).filter(KernelDifference::isXen).collect(Collectors.toUnmodifiableSet());
    }

    /** Shows in its last operation what a kernel does. */
    public Script probe() {
        return probe;
    }

    /** Whether a kernel that answers the probe so is one that differs. A clock may be written at any time. */
    public boolean isShownBy(String observed) {
        String[] answers = observed.split(" ; ", -1);
        String last = answers[answers.length - 1];
        String otherwise = theirs.contains("W@") ? last : last.replaceAll("W@[^, ]*,?", "").replaceAll("[ ,]$", "");
        return otherwise.equals(theirs) || !isXen() && last.startsWith(theirs + " ");
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
