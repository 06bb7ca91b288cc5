package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.vm.RamSnapshot;
import io.github.pfncache.vm.Vm;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Memory that is there and cannot be had now is BUSY, and no fault of the guest's. */
final class BusyPageTest {

    private static final long GPA = 0x10000;

    private final Vm vm = Vm.builder()
            .slotChangeTimeout(Duration.ofMillis(20))
            .retry(new RetryPolicy(4, Duration.ofMillis(20)))
            .build();
    private final CountDownLatch held = new CountDownLatch(1);
    private final CountDownLatch end = new CountDownLatch(1);
    private final GuestMode late = vm.newGuestMode(gpa -> { });
    private final Thread vcpu = new Thread(this::holdWithoutPolling);
    private HostMemory child;

    private void holdWithoutPolling() {
        late.enter();
        late.hold(GPA, false);
        held.countDown();
        try {
            end.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        late.leave();
    }

    /** A page that is shared with a child, so that to write it takes an invalidation, which the vCPU holds up. */
    @BeforeEach
    void holdASharedPage() throws InterruptedException {
        vm.ram().add(0, 0, GPA, 1);
        vm.guestMemory().write(GPA, new byte[] {3});
        child = vm.host().fork();
        vcpu.start();
        held.await();
    }

    @AfterEach
    void letGo() throws InterruptedException {
        end.countDown();
        vcpu.join();
        late.close();
        child.close();
        vm.close();
    }

    @Test
    void aHoldForWritingIsBusy() {
        GuestMode other = vm.newGuestMode(gpa -> { });
        other.enter();
        try {
            assertThat(other.hold(GPA, true).outcome()).isEqualTo(Outcome.BUSY);
        } finally {
            other.leave();
        }
        other.close();
    }

    @Test
    void aCacheIsBusyAndHeals() throws InterruptedException {
        GfnPfnCache cache = vm.newCache(8);
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.BUSY);
        assertThat(cache.access().outcome()).isEqualTo(Outcome.BUSY);
        end.countDown();
        vcpu.join();
        assertThat(cache.loadByte(0, (byte) 9)).isEqualTo((byte) 3);
        cache.deactivate();
    }

    @Test
    void theHostTellsTheTwoApart() {
        long hva = vm.memslots().table().byId(0).hva();
        assertThat(vm.host().hvaToPage(hva, true)).isSameAs(HostPage.BUSY).hasToString("no page now");
        assertThat(vm.host().hvaToPage(hva)).isNull();
        assertThat(vm.host().hvaToPage(0x1234_5000L, true)).isNull();
        assertThatThrownBy(() -> vm.host().map(HostPage.BUSY)).isInstanceOf(IllegalStateException.class);
    }

    /** Each of them asks the vCPU once, and waits as long as a change of the slots does. */
    @Test
    void aSnapshotAndARewindAreRefusedAfterOneWait() {
        end.countDown();
        try (RamSnapshot before = snapshotWithNobodyInside()) {
            vm.guestMemory().write(GPA, new byte[] {4});
            GuestMode again = vm.newGuestMode(gpa -> { });
            CountDownLatch inside = new CountDownLatch(1);
            CountDownLatch out = new CountDownLatch(1);
            Thread other = new Thread(() -> {
                again.enter();
                again.hold(GPA, true);
                inside.countDown();
                try {
                    out.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                again.leave();
            });
            other.start();
            inside.await();
            long kicks = vm.caches().stats().invalidations();
            assertThatThrownBy(() -> vm.ram().snapshot()).isInstanceOf(IllegalStateException.class);
            assertThat(vm.ram().rewind(before)).isEqualTo(HostResult.BUSY);
            assertThat(vm.caches().stats().invalidations() - kicks).as("invalidations").isEqualTo(2);
            out.countDown();
            other.join();
            assertThat(vm.ram().rewind(before)).isEqualTo(HostResult.OK);
            again.close();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private RamSnapshot snapshotWithNobodyInside() throws InterruptedException {
        vcpu.join();
        return vm.ram().snapshot();
    }
}
