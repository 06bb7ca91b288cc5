package io.github.pfncache.stress;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import org.junit.jupiter.api.Test;

/** How an emulator tests itself with this package: a device counts in guest memory, on a host that gives no rest. */
final class AdversaryExampleTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;

    @Test
    void aCounterInGuestMemoryLosesNoCount() {
        Vm vm = Vm.builder().build();
        vm.host().mapAnonymous(HVA, 16, Protection.READ_WRITE);
        vm.memslots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 16 * 4096, HVA);
        ReferenceModel model = ReferenceModel.of(vm.host(), HVA, 16); // what is no lane must stay zero
        StampedField counter = model.lane(0x3ff8, 8); // written by one thread: the device
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA + 0x3ff8);
        try (Adversary adversary =
                Adversary.of(vm).seed(42).migrating().evicting().forking().followingDirtyLog(0).start()) {
            for (int i = 0; i < 20_000 && !adversary.hasFailed(); i++) {
                try (GuestAccess access = cache.access()) {
                    counter.judge(counter.mark(), access.getLong(0)); // the last value written, or it counts as lost
                    access.putLong(0, counter.next());
                    counter.written();
                }
            }
        } // throws what went wrong in the adversary, or if a page written is missing in the dirty log
        assertThat(model.verify()).matches(Verdict::isClean);
        VmAudit.atRest(vm);
    }
}
