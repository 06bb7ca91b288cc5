package consumer;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.Exploration;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.Protection;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.trace.BundledTraces;
import io.github.pfncache.trace.MemslotTrace;
import io.github.pfncache.trace.Replay;
import io.github.pfncache.trace.ReplayObserver;
import io.github.pfncache.trace.ReplayResult;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.xen.XenVm;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** An emulator with Xen guests that uses the test kit, linked with it into a run-time image of its own. */
final class Main {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;

    private Main() {}

    public static void main(String[] args) throws Exception {
        Vm vm = machine();
        XenVm xen = XenVm.attach(vm, Kvmclock.attach(vm), vcpu -> { });
        require(xen.setSharedInfo(new CacheTarget.ByGpa(GPA)) == Outcome.OK, "shared info");

        Exploration races = new ScheduleExplorer(Main::accessAgainstMigration).exhaustive(3, 500).explore();
        races.requireNoFailure();
        require(races.schedules() > 1, "more than one schedule");

        List<MemslotTrace> traces = BundledTraces.traces();
        ReplayResult first = Replay.compare(traces.get(0), BundledTraces.table(traces), new ReplayObserver() {});
        Set<String> modules = ModuleLayer.boot().modules().stream()
                .map(Module::getName)
                .collect(Collectors.toCollection(TreeSet::new));
        System.out.println("test kit: races explored, " + first.differ() + " of " + first.probes()
                + " probes differ, shared info at " + xen.sharedInfo() + ", " + modules);
    }

    private static Vm machine() {
        Vm vm = Vm.builder().vcpus(1).build();
        vm.host().mapAnonymous(HVA, 16, Protection.READ_WRITE);
        vm.memslots().set(0, 0, GPA, 16 * 4096, HVA);
        return vm;
    }

    private static void accessAgainstMigration(ScenarioRun stage) {
        Vm vm = machine();
        GfnPfnCache cache = vm.newCache(8);
        require(cache.activate(GPA) == Outcome.OK, "activated");
        stage.thread("write", () -> {
            try (GuestAccess access = cache.access()) {
                require(access.isUsable(), "usable");
                access.putLong(0, 1);
            }
        });
        stage.thread("migrate", () -> vm.host().migrate(HVA));
        stage.afterwards(() -> {
            try (GuestAccess access = cache.access()) {
                require(access.getLong(0) == 1, "the write moved along");
            }
        });
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException("not so: " + what);
        }
    }
}
