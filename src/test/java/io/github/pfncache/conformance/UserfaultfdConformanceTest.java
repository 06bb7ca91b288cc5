package io.github.pfncache.conformance;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFault;
import io.github.pfncache.host.Protection;
import io.github.pfncache.kvm.LibraryHost;
import io.github.pfncache.memslot.Memslots;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What real KVM kept while a vCPU's refresh was blocked in a page fault. Of each row the fields are compared that exist
 * here; a run that a signal then ends, and the file descriptor's events, do not.
 */
final class UserfaultfdConformanceTest {

    private static final long DEADLINE_SECONDS = 300;
    private static final int OTHER_SLOT = 2;
    private static final long OTHER_GPA = 0x4000_0000;

    /** What happens in one recorded case; answers with fields of the recorded names. */
    @FunctionalInterface
    private interface Case {
        Fields run(ClockRig rig) throws Exception;
    }

    private static final Map<String, Case> CASES = Map.of(
            "uffd_missing_update", UserfaultfdConformanceTest::missingUpdate,
            "uffd_missing_register", UserfaultfdConformanceTest::missingRegister,
            "uffd_wp_update", UserfaultfdConformanceTest::writeProtectedUpdate,
            "uffd_memslot_create_other_while_blocked", rig -> slotChange(rig, false),
            "uffd_memslot_delete_other_while_blocked", rig -> slotChange(rig, true),
            "uffd_invalidate_during_fault", UserfaultfdConformanceTest::invalidateDuringFault,
            "uffd_protnone_during_fault", UserfaultfdConformanceTest::protectDuringFault);

    @Test
    void invariantsHoldWhileAFaultIsBlocked() throws Exception {
        assumeTrue(Vectors.exists(Scope.USERFAULTFD), () -> Report.absent(Scope.USERFAULTFD));
        Report report = new Report(Scope.USERFAULTFD);
        for (Vectors.Row row : Vectors.read(Scope.USERFAULTFD).rows()) { // bounded by the file
            Case known = CASES.get(row.get(0));
            if (known == null || row.columns().size() != 4) {
                report.unknown(row, known == null ? "no such case" : "not in the format of this file");
                continue;
            }
            try (ClockRig rig = new ClockRig(1, false, false)) {
                Fields actual = known.run(rig);
                report.compare(row, Fields.parse(row.get(2)).only(actual).toString(), actual.toString());
            }
        }
        report.finish();
    }

    /** A clock with version 2 in a page that is else zero. */
    private static void registered(ClockRig rig) {
        rig.register(0, ClockRig.CLOCK);
        rig.settle();
        ClockRig.done(rig.host().discard(ClockRig.HVA, 1));
        rig.update(0);
    }

    private static Fields versioned(Fields fields, ClockRig rig) {
        return fields.put("version", Long.toHexString(rig.version(ClockRig.HVA, ClockRig.CLOCK)));
    }

    private static String errno(HostResult result) {
        return LibraryHost.errno(result);
    }

    private static Fields missingUpdate(ClockRig rig) throws Exception {
        registered(rig);
        ClockRig.done(rig.host().discard(ClockRig.HVA, 1));
        try (BlockedFault blocked = new BlockedFault(rig, 0x33, true, false)) {
            PageFault fault = blocked.block(() -> rig.update(0));
            Fields fields = new Fields()
                    .put("page_off", fault.hva() - ClockRig.HVA)
                    .put("write", fault.write() ? 1 : 0)
                    .put("blocked", blocked.blocked())
                    .put("blocked_after_signal", blocked.blockedAfterSignal());
            blocked.release();
            return versioned(fields, rig);
        }
    }

    private static Fields missingRegister(ClockRig rig) throws Exception {
        ClockRig.done(rig.host().discard(ClockRig.HVA, 1));
        try (BlockedFault blocked = new BlockedFault(rig, 0, true, false)) {
            // The host writes the register: no run, and so no update, before the page is there.
            PageFault fault = blocked.block(() -> rig.hostRegister(0, ClockRig.CLOCK) ? "1" : "0");
            Fields fields = new Fields()
                    .put("write", fault.write() ? 1 : 0)
                    .put("blocked_in_SET_MSRS", blocked.blocked());
            fields.put("set_msrs", blocked.release());
            fields.put("run", rig.run(rig.vm().vcpu(0)));
            fields.put("second_event", blocked.faults() - 1);
            return versioned(fields, rig);
        }
    }

    private static Fields writeProtectedUpdate(ClockRig rig) throws Exception {
        rig.fill(ClockRig.HVA, 0xaa);
        rig.register(0, ClockRig.CLOCK);
        ClockRig.done(rig.host().writeProtect(ClockRig.HVA, 1, true));
        try (BlockedFault blocked = new BlockedFault(rig, 0, false, true)) {
            PageFault fault = blocked.block(() -> rig.update(0));
            Fields fields = new Fields()
                    .put("flags_wp", fault.reason() == PageFault.Reason.WRITE_PROTECTED ? 1 : 0)
                    .put("blocked", blocked.blocked())
                    .put("version_while_blocked",
                            Long.toHexString(rig.version(ClockRig.HVA, ClockRig.CLOCK)));
            fields.put("run", blocked.release());
            return versioned(fields, rig);
        }
    }

    /** The page was evicted, and is supplied as it was. */
    private static Fields slotChange(ClockRig rig, boolean delete) throws Exception {
        registered(rig);
        if (delete) {
            ClockRig.done(createOther(rig));
        }
        ClockRig.done(rig.host().evict(ClockRig.HVA, 1));
        try (BlockedFault blocked = new BlockedFault(rig, 0, true, false)) {
            blocked.block(() -> rig.update(0));
            Future<Memslots.Change> change =
                    blocked.start(() -> delete ? rig.memslots().delete(OTHER_SLOT) : createOther(rig));
            Future<HostResult> advice =
                    blocked.start(() -> rig.host().discard(ClockRig.HVA + Pages.PAGE_SIZE, 1));
            Fields fields = new Fields()
                    .put("madvise_other_page", errno(advice.get(DEADLINE_SECONDS, TimeUnit.SECONDS)))
                    .put("madvise_fast", blocked.blocked())
                    .put("slot_ioctl_blocked", change.isDone() ? 0 : 1); // after all that could have let it go on
            fields.put("run", blocked.release());
            Memslots.Change changed = change.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
            fields.put("slot_rc", changed == Memslots.Change.DONE ? "0" : "EBUSY");
            return versioned(fields, rig);
        }
    }

    private static Memslots.Change createOther(ClockRig rig) {
        return rig.memslots().set(OTHER_SLOT, 0, OTHER_GPA, ClockRig.SIZE, ClockRig.OTHER_HVA);
    }

    private static Fields invalidateDuringFault(ClockRig rig) throws Exception {
        registered(rig);
        ClockRig.done(rig.host().discard(ClockRig.HVA, 1));
        try (BlockedFault blocked = new BlockedFault(rig, 0x44, true, false)) {
            blocked.block(() -> rig.update(0));
            Fields fields = new Fields()
                    .put("madvise", errno(rig.host().discard(ClockRig.HVA, 1)));
            fields.put("run", blocked.release());
            return versioned(fields, rig);
        }
    }

    private static Fields protectDuringFault(ClockRig rig) throws Exception {
        registered(rig);
        ClockRig.done(rig.host().discard(ClockRig.HVA, 1));
        try (BlockedFault blocked = new BlockedFault(rig, 0, true, false)) {
            blocked.block(() -> rig.update(0));
            Fields fields = new Fields()
                    .put("mprotect", errno(rig.host().protect(ClockRig.HVA, 1, Protection.NONE)));
            fields.put("run", blocked.release()).put("run_returned", 1);
            return versioned(fields, rig);
        }
    }
}
