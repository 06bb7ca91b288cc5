package io.github.pfncache.sweep;

import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.vm.Vm;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;

/** Lets each allocation fail of attaching an interface. Speaks in strings, as {@link MemorySweep} does. */
public final class AttachSweep implements Function<String[], List<String>> {

    private static final Map<String, Consumer<Vm>> INTERFACES =
            Map.of("kvmclock", Kvmclock::attach, "steal time", StealTime::attach);

    /** What is wrong; empty if nothing is. */
    static List<String> run() {
        return AllocationLoader.counting(AttachSweep.class).apply(new String[0]);
    }

    @Override
    public List<String> apply(String[] none) {
        List<String> faults = new ArrayList<>();
        INTERFACES.forEach((name, attach) -> {
            AtomicInteger count = new AtomicInteger();
            isAttached(attach, Vm.builder().build(), Integer.MAX_VALUE, count);
            if (count.get() == 0) {
                faults.add(name + " allocates nothing");
            }
            for (int number = 0; number < count.get(); number++) { // bounded by the allocations
                Vm vm = Vm.builder().build();
                boolean attached = isAttached(attach, vm, number, new AtomicInteger());
                boolean again = isAttached(attach, vm, Integer.MAX_VALUE, new AtomicInteger());
                if (attached == again) {
                    faults.add(name + ", allocation " + number + ": first " + attached + ", then " + again);
                }
            }
        });
        return faults;
    }

    private static boolean isAttached(Consumer<Vm> attach, Vm vm, int failAt, AtomicInteger count) {
        try {
            return Allocations.failing(failAt, () -> {
                attach.accept(vm);
                return true;
            }, count::set);
        } catch (OutOfMemoryError | IllegalStateException refused) {
            return false;
        }
    }
}
