package consumer;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** An emulator that is a module. Its RAM is the library's, whose host migrates the page between accesses. */
final class Main {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int NPAGES = 16;
    private static final int MIGRATIONS = 1000;

    private Main() {}

    public static void main(String[] args) {
        Vm vm = Vm.builder().vcpus(1).build();
        vm.host().mapAnonymous(HVA, NPAGES, Protection.READ_WRITE);
        vm.memslots().set(0, 0, GPA, NPAGES * 4096, HVA);
        GfnPfnCache cache = vm.newCache(8);
        require(cache.activate(GPA) == Outcome.OK, "activated");
        long value = 0;
        for (int i = 0; i < MIGRATIONS; i++) { // bounded by its count
            require(vm.host().migrate(HVA) == HostResult.OK, "migrated");
            require(!cache.check(), "a cache whose page has gone is stale");
            try (GuestAccess access = cache.access()) {
                value = access.getLong(0) + 1;
                access.putLong(0, value);
            }
        }
        long refreshes = vm.caches().stats().refreshes();
        cache.deactivate();
        VmAudit.atRest(vm);

        Set<String> modules = ModuleLayer.boot().modules().stream()
                .map(Module::getName)
                .filter(name -> !name.startsWith("java.") && !name.startsWith("jdk."))
                .collect(Collectors.toCollection(TreeSet::new));
        System.out.println("module path: " + value + " writes after " + MIGRATIONS + " migrations, "
                + (refreshes >= MIGRATIONS ? "each refreshed" : "refreshes missing: " + refreshes) + ", " + modules
                + ", " + Vm.class.getModule().isNamed());
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException("not so: " + what);
        }
    }
}
