package io.github.pfncache.sweep;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.RunstateArea;
import io.github.pfncache.xen.UpcallListener;
import io.github.pfncache.xen.XenVm;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/**
 * Structures whose fields lie across a page's end, and each allocation of an update fails: a guest never finds one that
 * is half written, as its reader would wait for the rest for ever.
 */
public final class CrossingSweep implements Function<String[], List<String>> {

    private static final long GPA = 0x10_0000;
    private static final int PAGE = 4096;
    /** Longer than any field, shorter than a runstate's times. */
    private static final int FARTHEST = 20;
    /** The last byte of the entry time in either mode's layout: its top bit says that an update is under way. */
    private static final int[] UPDATE = {11, 15};

    private final List<String> found = new ArrayList<>();
    private int failed;

    static List<String> run() {
        return AllocationLoader.counting(CrossingSweep.class).apply(new String[0]);
    }

    /** What was left half written; empty if nothing was. */
    @Override
    public List<String> apply(String[] none) {
        for (int before = 1; before <= FARTHEST; before++) {
            long gpa = GPA + PAGE - before;
            sweep("wall clock", before, vm -> {
                Kvmclock.attach(vm);
                return () -> vm.vcpu(0).writeMsr(Kvmclock.MSR_WALL_CLOCK, gpa);
            }, vm -> (byteAt(vm, gpa) & 1) != 0);
            sweep("runstate", before, vm -> {
                RunstateArea runstate = runstate(vm);
                runstate.register(new CacheTarget.ByGpa(gpa));
                return () -> runstate.set(RunState.BLOCKED);
            }, vm -> byteAt(vm, gpa + UPDATE[0]) < 0 || byteAt(vm, gpa + UPDATE[1]) < 0);
        }
        if (failed == 0) {
            found.add("no update was cut short");
        }
        return found;
    }

    private static RunstateArea runstate(Vm vm) {
        XenVm xen = XenVm.attach(vm, Kvmclock.attach(vm), new UpcallListener() {
            @Override
            public void kick(Vcpu vcpu) {}
        });
        xen.setRunstateUpdateFlag(true);
        return xen.vcpu(0).runstate();
    }

    private static byte byteAt(Vm vm, long gpa) {
        byte[] one = new byte[1];
        vm.guestMemory().read(gpa, one);
        return one[0];
    }

    private interface HalfWritten {
        boolean isThere(Vm vm);
    }

    private void sweep(String what, int before, Function<Vm, Runnable> prepare, HalfWritten half) {
        int all = update(what, before, Integer.MAX_VALUE, prepare, half);
        for (int number = 0; number < all; number++) { // the allocations of one update
            update(what, before, number, prepare, half);
        }
    }

    /** One update, with one allocation that fails; how many there were. */
    private int update(String what, int before, int number, Function<Vm, Runnable> prepare, HalfWritten half) {
        AtomicInteger count = new AtomicInteger();
        Vm vm = Vm.builder().clock(new HostClock.Manual(0)).build(); // a time past 2^31 would look like a flag
        vm.ram().add(0, 0, GPA, 4);
        Runnable update = prepare.apply(vm);
        try {
            Allocations.failing(number, () -> {
                update.run();
                return true;
            }, count::set);
        } catch (OutOfMemoryError expected) {
            failed++;
        }
        if (half.isThere(vm)) {
            found.add(what + " " + before + " bytes before a page's end: " + Allocations.place());
        }
        vm.close();
        return count.get();
    }
}
