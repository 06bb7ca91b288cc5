package io.github.pfncache.sweep;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.XenVcpu;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** All that can be seen of a machine: memory, what is registered, events, clocks, the memory map, what was logged. */
final class Portrait {

    /** What is where. Words that may have any even value are one of two lines: even, odd. */
    final Map<String, String> lines = new TreeMap<>();

    /** Pages that the log has. More than were written is allowed, less is not. */
    final TreeSet<String> logged = new TreeSet<>();

    private Portrait() {}

    /** Looks at everything; what is pending is handed over before. Takes the marks out of the log. */
    static Portrait of(SweepMachine machine) {
        Portrait portrait = new Portrait();
        machine.vm.vcpus().forEach(vcpu -> vcpu.setImmediateExit(false));
        machine.vm.vcpus().forEach(vcpu -> vcpu.run(() -> {}));
        portrait.registered(machine);
        portrait.log(machine);
        portrait.memory(machine);
        return portrait;
    }

    private void registered(SweepMachine m) {
        lines.put("memory map", String.valueOf(slots(m.vm.memslots())));
        lines.put("memory map of the neighbour", String.valueOf(slots(m.neighbour.memslots())));
        lines.put("shared_info", m.xen.sharedInfo() + " " + m.xen.mode() + " " + m.xen.runstateUpdateFlag());
        lines.put("ports", m.xen.events().isBound(SweepMachine.LOOPBACK) + " "
                + m.xen.events().isBound(SweepMachine.EXTERNAL));
        lines.put("clock", String.valueOf(m.clock.getClock()));
        for (Vcpu vcpu : m.vm.vcpus()) { // bounded by the vCPUs
            XenVcpu cpu = m.cpu(vcpu.id());
            lines.put(vcpu + " registered", cpu.vcpuInfo() + " " + cpu.timeInfo() + " " + cpu.runstate().target());
            lines.put(vcpu + " runstate", String.valueOf(cpu.runstate().times()));
            lines.put(vcpu + " timer", String.valueOf(cpu.timer()));
            for (int msr : List.of(Kvmclock.MSR_SYSTEM_TIME, Kvmclock.MSR_WALL_CLOCK, StealTime.MSR_STEAL_TIME,
                    SweepMachine.MSR)) {
                lines.put(vcpu + " msr 0x" + Integer.toHexString(msr), Pages.hex(vcpu.readMsr(msr)));
            }
        }
        lines.put("caches", m.cache.state().target() + " " + m.byHva.state().target() + " " + m.area.target());
    }

    private static List<String> slots(Memslots memslots) {
        List<String> slots = new ArrayList<>();
        memslots.table().forEach(slot -> slots.add(slot.id() + " " + slot.gfns() + " flags " + slot.flags()));
        return slots;
    }

    private void log(SweepMachine m) {
        for (Memslot slot : m.vm.memslots().table()) { // bounded by the slots
            for (long gfn : m.adopter.delivered) { // bounded by the pages
                if (slot.contains(gfn)) {
                    logged.add(slot.id() + ":" + (gfn - slot.baseGfn()));
                }
            }
            for (long page : m.vm.memslots().harvestDirty(slot.id()).harvest().pages()) { // bounded by the pages
                logged.add(slot.id() + ":" + page);
            }
        }
        m.follower.deliver(gfn -> logged.add("neighbour:" + gfn));
    }

    private void memory(SweepMachine m) {
        for (Memslot slot : m.vm.memslots().table()) { // bounded by the slots
            for (long page = 0; page < slot.npages(); page++) { // bounded by the slot
                page(m, slot, page);
            }
        }
        byte[] bytes = new byte[SweepMachine.SOME_PAGES * Pages.PAGE_SIZE];
        lines.put("neighbour's memory", m.neighbour.guestMemory().read(SweepMachine.LOW, bytes) + " of it");
        words("neighbour", bytes);
        bytes = new byte[bytes.length];
        lines.put("snapshot", m.snapshot.read(SweepMachine.page(11), bytes) + " of it");
        words("snapshot", bytes);
    }

    private void page(SweepMachine m, Memslot slot, long page) {
        byte[] bytes = new byte[Pages.PAGE_SIZE];
        long gpa = Pages.gfnToGpa(slot.baseGfn() + page);
        int read = m.vm.guestMemory().read(gpa, bytes);
        if (read != bytes.length) {
            lines.put("memory " + Pages.hex(gpa), "only " + read + " bytes can be read");
        }
        ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (long version : versions()) { // bounded by the versions
            if (Pages.pageStart(version) == gpa) {
                words.putInt(Pages.offsetInPage(version), words.getInt(Pages.offsetInPage(version)) & 1);
            }
        }
        words("memory " + Pages.hex(gpa), bytes);
    }

    /** Whatever is not zero, by words. */
    private void words(String name, byte[] bytes) {
        ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        long first = words.getLong(0);
        boolean same = true;
        for (int at = 0; at < bytes.length; at += Long.BYTES) { // bounded by the bytes
            same &= words.getLong(at) == first;
        }
        if (same) {
            lines.put(name, "full of " + Pages.hex(first));
            return;
        }
        for (int at = 0; at < bytes.length; at += Long.BYTES) { // bounded by the bytes
            if (words.getLong(at) != 0) {
                lines.put(name + " + " + Pages.hex(at), Pages.hex(words.getLong(at)));
            }
        }
    }

    /** Where the versions are of what is written while the guest may look: any even number will do. */
    private static List<Long> versions() {
        List<Long> versions = new ArrayList<>(List.of(SweepMachine.WALL_CLOCK, SweepMachine.COPIES,
                SweepMachine.COPIES + 0x60, SweepMachine.COPIES + 0x80, SweepMachine.COPIES + 0xc00,
                SweepMachine.SHARED_INFO + 0xc00, SweepMachine.SHARED_INFO + 0x900));
        for (long offset = 0; offset < 0x80; offset += 0x40) { // bounded by the vCPUs
            versions.addAll(List.of(SweepMachine.SYSTEM_TIME + offset, SweepMachine.TIME_INFO + offset,
                    SweepMachine.VCPU_INFO + offset + 0x20, SweepMachine.STEAL + offset + 8));
        }
        return versions;
    }

    /** What is not as in the other; empty if all is, and all is logged that was there. */
    List<String> differencesFrom(Portrait expected) {
        List<String> differences = new ArrayList<>();
        TreeSet<String> names = new TreeSet<>(lines.keySet());
        names.addAll(expected.lines.keySet());
        for (String name : names) { // bounded by the lines
            String is = lines.getOrDefault(name, "0");
            String wanted = expected.lines.getOrDefault(name, "0");
            if (!is.equals(wanted)) {
                differences.add(name + ": " + is + ", expected " + wanted);
            }
        }
        for (String page : expected.logged) { // bounded by the pages
            if (!logged.contains(page)) {
                differences.add("page " + page + " is not in the log");
            }
        }
        return differences;
    }
}
