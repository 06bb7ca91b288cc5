package machine;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.pvclock.PvclockField;
import io.github.pfncache.pvclock.PvclockScale;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import io.github.pfncache.vm.Vm;

/** The guest's time since its boot, in a page: the guest adds what its {@code time} register has counted since. */
final class Clock {

    private static final PvclockScale NANOS = PvclockScale.ofFrequency(1_000_000_000);

    private final GfnPfnCache page;
    private long boot = System.nanoTime();

    Clock(Vm vm) {
        page = vm.newCache(PvclockTimeInfo.SIZE);
        page.activate(Region.CLOCK.gpa());
    }

    void tick() {
        long now = System.nanoTime();
        try (GuestAccess access = page.access()) {
            if (access.isUsable()) {
                PvclockField.ALONE.write(access, new PvclockTimeInfo(now, now - boot, NANOS, 0));
            }
        }
    }

    /** Time stands still while a machine is saved or on its way. */
    void state(State state) {
        long now = System.nanoTime();
        boot = now - state.of(now - boot);
        tick();
    }
}
