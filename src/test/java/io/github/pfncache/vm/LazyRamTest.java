package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.memslot.Memslots.Change;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** RAM that a fault handler fills when it is first touched, and snapshots of it. */
class LazyRamTest {

    private static final int PAGE = 4096;

    private final Vm vm = Vm.builder().build();
    private final List<Change> changes = new ArrayList<>();
    private boolean refuses;

    LazyRamTest() {
        vm.ram().add(0, 0, 0, 4);
        long hva = vm.memslots().table().byId(0).hva();
        vm.host().registerFaultHandler(HvaRange.ofPages(hva, 4), fault -> {
            if (refuses) {
                return PageFaultHandler.Decision.REFUSE;
            }
            changes.add(vm.memslots().setFlags(0, 0));
            fault.page().put(0, (byte) ((fault.hva() - hva) / PAGE + 1));
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
    }

    private static int read(RamSnapshot snapshot, long gpa) {
        byte[] bytes = new byte[1];
        assertThat(snapshot.read(gpa, bytes)).isEqualTo(1);
        return bytes[0];
    }

    @Test
    void aSnapshotHasWhatTheGuestWouldRead() {
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            assertThat(read(snapshot, 0x2000)).isEqualTo(3);
            GfnPfnCache cache = vm.newCache(1);
            assertThat(cache.activate(0x2000)).isEqualTo(Outcome.OK);
            assertThat(cache.loadByte(0, (byte) -1)).isEqualTo((byte) 3);
            assertThat(cache.storeByte(0, (byte) 9)).isEqualTo(Outcome.OK);
            assertThat(read(snapshot, 0x2000)).isEqualTo(3);
            assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.OK);
            assertThat(cache.loadByte(0, (byte) -1)).isEqualTo((byte) 3);
            assertThat(changes).hasSize(4);
            cache.deactivate();
        }
        vm.close();
    }

    @Test
    void aHandlerThatRefusesMeansNoSnapshot() {
        refuses = true;
        assertThatIllegalStateException().isThrownBy(() -> vm.ram().snapshot()).withMessageContaining("REFUSED");
        assertThat(vm.host().framesInUse()).isZero();
        assertThat(vm.stillOpen()).isEmpty();
        refuses = false;
        vm.ram().snapshot().close();
        assertThat(vm.memslots().delete(0)).as("no read section was left open").isEqualTo(Change.DONE);
        vm.close();
    }
}
