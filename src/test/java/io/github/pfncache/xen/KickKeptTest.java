package io.github.pfncache.xen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** An event that waits has a kick that no entry has used up: an entry that could not find the event has used none. */
class KickKeptTest {

    private final Vm vm = Vm.builder().vcpus(2).build();
    private final AtomicInteger kicks = new AtomicInteger();
    private volatile boolean refuses;
    /** Runs in the next kick. */
    private Runnable kicked = () -> {};
    private final XenVm xen;
    private final XenVcpu cpu;
    private int asked;

    KickKeptTest() {
        vm.ram().add(0, 0, 0x10000, 2);
        xen = XenVm.attach(vm, Kvmclock.attach(vm), new UpcallListener() {
            @Override
            public void kick(Vcpu vcpu) {
                if (refuses) {
                    throw new IllegalStateException("no kick now");
                }
                kicks.incrementAndGet();
                Runnable once = kicked;
                kicked = () -> {};
                once.run();
            }

            @Override
            public void interrupt(Vcpu vcpu, int vector) {
                kick(vcpu);
            }
        });
        cpu = xen.vcpu(0);
        assertThat(xen.setSharedInfo(new CacheTarget.ByGpa(0x10000))).isEqualTo(Outcome.OK);
        assertThat(cpu.setVcpuInfo(new CacheTarget.ByGpa(0x11000))).isEqualTo(Outcome.OK);
        vm.vcpu(0).run(() -> {});
    }

    /** The shared page goes; who needs it first does something on another thread before it is answered. */
    private void evictAndAsk(Supplier<PageFaultHandler.Decision> first) {
        long hva = vm.memslots().table().byId(0).hva();
        vm.host()
                .registerFaultHandler(
                        HvaRange.ofPages(hva, 1),
                        fault -> asked++ == 0
                                ? CompletableFuture.supplyAsync(first).join()
                                : PageFaultHandler.Decision.RESOLVE,
                        true,
                        false);
        assertThat(vm.host().evict(hva, 1)).isEqualTo(HostResult.OK);
        assertThat(xen.events().deliver(cpu, 66, CallContext.ATOMIC)).isEqualTo(Delivery.DEFERRED);
    }

    @Test
    void anEventThatAWorkerHadAndCouldNotDeliverIsKickedForAgain() {
        evictAndAsk(() -> {
            vm.vcpu(0).run(() -> {});
            kicks.set(0); // used up by that entry, which found the event taken
            return PageFaultHandler.Decision.REFUSE;
        });
        xen.events().deliverDeferred();

        assertThat(cpu.hasInterrupt(CallContext.ATOMIC)).isTrue();
        assertThat(kicks).hasPositiveValue();
    }

    @Test
    void anEntryServesNoKickThatWasRefusedAfterItHadLooked() {
        evictAndAsk(() -> {
            refuses = true;
            assertThatThrownBy(() -> xen.events().deliver(cpu, 5, CallContext.ATOMIC)).hasMessage("no kick now");
            refuses = false;
            return PageFaultHandler.Decision.RESOLVE;
        });
        vm.vcpu(0).run(() -> {});
        kicks.set(0);

        assertThat(xen.events().deliver(cpu, 66, CallContext.MAY_SLEEP)).isEqualTo(Delivery.COALESCED);
        assertThat(kicks).hasPositiveValue();
    }

    @Test
    void theNextEventOfTheWordSaysWhatTheEmulatorRefusedToHear() {
        refuses = true;
        assertThatThrownBy(() -> xen.events().deliver(cpu, 66, CallContext.ATOMIC)).hasMessage("no kick now");
        refuses = false;
        assertThat(xen.events().deliver(cpu, 67, CallContext.ATOMIC)).isEqualTo(Delivery.JOINED);
        assertThat(kicks).hasPositiveValue();
    }

    @Test
    void theNextEventSaysByAKickWhatAnInterruptThatIsNoMoreCouldNotSay() {
        cpu.setUpcallVector(0x40);
        cpu.setInterruptControllerEnabled(true);
        refuses = true;
        assertThatThrownBy(() -> xen.events().deliver(cpu, 66, CallContext.ATOMIC)).hasMessage("no kick now");
        refuses = false;
        cpu.setUpcallVector(0);
        assertThat(xen.events().deliver(cpu, 67, CallContext.ATOMIC)).isEqualTo(Delivery.JOINED);
        assertThat(kicks).hasValue(1);
    }

    @Test
    void aNewPageServesEveryVcpuAlthoughTheEmulatorRefusesTheFirstKick() {
        assertThat(xen.vcpu(1).setVcpuInfo(new CacheTarget.ByGpa(0x11040))).isEqualTo(Outcome.OK);
        for (boolean places : new boolean[] {true, false}) {
            xen.clearSharedInfo();
            for (int id = 0; id < 2; id++) {
                int port = places ? 66 + id : 130 + 64 * id;
                assertThat(xen.events().deliver(xen.vcpu(id), port, CallContext.ATOMIC)).isEqualTo(Delivery.DEFERRED);
            }
            if (!places) {
                xen.shared().activate(new CacheTarget.ByGpa(0x10000));
            }
            refuses = true;
            assertThatThrownBy(() -> {
                if (places) {
                    xen.setSharedInfo(new CacheTarget.ByGpa(0x10000));
                } else {
                    xen.setMode(GuestMode.COMPAT);
                }
            }).hasMessage("no kick now");
            refuses = false;
            assertThat(xen.vcpu(0).hasWork()).isFalse();
            assertThat(xen.vcpu(1).hasWork()).isFalse();
            vm.host().poke(vm.memslots().table().byId(0).hva() + 0x1000, new byte[0x80]); // the guest has looked
        }
    }

    @Test
    void aPollOfAnotherVcpuEndsAlthoughTheEmulatorRefusesTheKick() {
        vm.host().poke(vm.memslots().table().byId(0).hva() + 0x1800, bytesOfAPoll(66));
        assertThat(xen.vcpu(1).startPoll(0x11800, false)).isEqualTo(PollOutcome.BUSY);
        refuses = true;
        assertThatThrownBy(() -> xen.events().deliver(cpu, 66, CallContext.ATOMIC)).hasMessage("no kick now");
        assertThat(xen.vcpu(1).awaitPoll(Duration.ZERO)).isEqualTo(PollOutcome.WOKEN);
        assertThat(xen.vcpu(1).poller().foundUntold()).as("wake-ups that were lost").isZero();
    }

    /** The argument, then its only port. */
    private static byte[] bytesOfAPoll(int port) {
        return ByteBuffer.allocate(28).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(0x11818).putInt(1).putInt(0).putLong(0).putInt(port).array();
    }

    /** Whether the emulator may wait when it is called is up to the sender. */
    @Test
    void aKickOfAtomicContextMayNotWait() {
        Runnable waits = () -> vm.guestMemory().read(0x10000, new byte[1]);
        kicked = waits;
        assertThatThrownBy(() -> xen.events().deliver(cpu, 66, CallContext.ATOMIC))
                .hasMessageContaining("NO_WAIT_IN_ATOMIC_CONTEXT");
        kicked = waits;
        assertThat(xen.events().deliver(cpu, 130, CallContext.MAY_SLEEP)).isEqualTo(Delivery.RAISED);
    }
}
