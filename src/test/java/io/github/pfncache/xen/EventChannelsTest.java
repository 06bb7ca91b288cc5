package io.github.pfncache.xen;

import static io.github.pfncache.xen.XenWorld.GPA;
import static io.github.pfncache.xen.XenWorld.SHARED_INFO;
import static io.github.pfncache.xen.XenWorld.VCPU_INFO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.Protection;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Events from outside and from the guest itself, as the guest gets them. */
final class EventChannelsTest {

    private static final long OTHER_HVA = 0x7e00_0000_0000L;

    /** An unrelated slot comes and goes: every translation by gpa is of another generation. */
    private static void changeMemslots(XenWorld world, int id) {
        world.host.mapAnonymous(OTHER_HVA, 1, Protection.READ_WRITE);
        world.vm.memslots().set(id, 0, 0x1000_0000L + (long) id * Pages.PAGE_SIZE, Pages.PAGE_SIZE, OTHER_HVA);
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anUpcallThatTheHostRaisesReachesTheGuest(By by) { // S3
        XenWorld world = XenWorld.registered(by);
        assertThat(world.cpu.hasInterrupt(CallContext.MAY_SLEEP)).isFalse();
        world.guest.select(VCPU_INFO, 0); // as if the emulator wrote it
        world.guest.putByte(VCPU_INFO, 1);
        assertThat(world.cpu.hasInterrupt(CallContext.MAY_SLEEP)).isTrue();
        assertThat(world.cpu.hasInterrupt(CallContext.ATOMIC)).isTrue();
        assertThat(world.runAndHandle()).isEmpty();
        assertThat(world.guest.isUpcallPending(VCPU_INFO)).isFalse();
        assertThat(world.guest.isSelected(VCPU_INFO, 0)).isFalse();
        assertThat(world.cpu.hasInterrupt(CallContext.MAY_SLEEP)).isFalse();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aMaskedPortBecomesPendingWithoutAnInterrupt(By by) { // S9, S10
        XenWorld world = XenWorld.registered(by);
        world.guest.mask(SHARED_INFO, 15);
        assertThat(world.send(15)).isEqualTo(Delivery.MASKED);
        assertThat(world.guest.isPending(SHARED_INFO, 15)).isTrue();
        assertThat(world.guest.isUpcallPending(VCPU_INFO)).isFalse();
        assertThat(world.kicks).hasValue(0);
        assertThat(world.guest.unmask(SHARED_INFO, 15)).as("the guest looks when it unmasks").isTrue();
        assertThat(world.send(66)).isEqualTo(Delivery.RAISED);
        assertThat(world.kicks).hasValue(1);
        assertThat(world.runAndHandle()).containsExactly(66);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anUnrelatedMemslotDoesNotKeepAnEventFromTheGuest(By by) { // S11, S12
        XenWorld world = XenWorld.registered(by);
        try (EventRoute device = world.xen.events().route(world.cpu, 15)) {
            changeMemslots(world, 5);
            // Interrupt-like context cannot translate again, and need not: a slot change concerns its own caches only.
            assertThat(device.signal(CallContext.ATOMIC)).isEqualTo(Delivery.RAISED);
            assertThat(world.runAndHandle()).containsExactly(15);
        }
        assertThat(world.send(66)).isEqualTo(Delivery.RAISED);
        assertThat(world.runAndHandle()).containsExactly(66);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void whatTheGuestSendsArrivesWhereThePortLeads(By by) { // S13, S14, S15, S26
        XenWorld world = XenWorld.registered(by);
        EventChannels events = world.xen.events();
        EventRoute external = events.route(world.cpu, 66);
        List<Delivery> forwarded = new ArrayList<>();
        assertThat(events.bindLoopback(127, world.cpu, 15)).isTrue();
        assertThat(events.bindExternal(197, () -> forwarded.add(external.signal(CallContext.ATOMIC)))).isTrue();
        assertThat(events.bindLoopback(127, world.cpu, 66)).as("bound already").isFalse();
        world.run(() -> assertThat(events.send(127)).isEqualTo(Delivery.RAISED));
        assertThat(world.runAndHandle()).containsExactly(15);
        changeMemslots(world, 5);
        world.run(() -> assertThat(events.send(127)).isEqualTo(Delivery.RAISED));
        assertThat(world.runAndHandle()).containsExactly(15);
        world.run(() -> assertThat(events.send(197)).isEqualTo(Delivery.FORWARDED));
        assertThat(forwarded).containsExactly(Delivery.RAISED);
        assertThat(world.runAndHandle()).containsExactly(66);
        events.reset();
        assertThat(events.isBound(127)).isFalse();
        assertThat(events.send(127)).isEqualTo(Delivery.UNBOUND);
        assertThat(events.send(197)).isEqualTo(Delivery.UNBOUND);
        external.close();
        assertThat(external.signal(CallContext.MAY_SLEEP)).isEqualTo(Delivery.UNBOUND);
        assertThat(world.runAndHandle()).isEmpty();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void twoEventsOnOnePortAreOne(By by) {
        XenWorld world = XenWorld.registered(by);
        assertThat(world.send(66)).isEqualTo(Delivery.RAISED);
        assertThat(world.send(66)).isEqualTo(Delivery.COALESCED);
        assertThat(world.send(67)).as("in the same word").isEqualTo(Delivery.JOINED);
        assertThat(world.send(15)).as("in another word").isEqualTo(Delivery.RAISED);
        assertThat(world.kicks).hasValue(2);
        assertThat(world.runAndHandle()).containsExactly(15, 66, 67);
        assertThat(world.send(66)).isEqualTo(Delivery.RAISED);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(GuestMode.class)
    void thePortBelowTheLimitIsTheLast(GuestMode mode) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setMode(mode);
        world.guest.compat = mode == GuestMode.COMPAT;
        int limit = mode == GuestMode.COMPAT ? 1024 : 4096;
        assertThat(world.send(limit - 1)).isEqualTo(Delivery.RAISED);
        assertThat(world.runAndHandle()).containsExactly(limit - 1);
        byte[] before = world.bytes();
        for (int port : new int[] {limit, limit + 1, 0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertThat(world.send(port)).as("port %d", port).isEqualTo(Delivery.INVALID);
            assertThat(world.sendAtomic(port)).as("port %d", port).isEqualTo(Delivery.INVALID);
            assertThat(world.xen.events().send(port)).as("port %d", port).isEqualTo(Delivery.INVALID);
        }
        assertThat(world.bytes()).isEqualTo(before);
        world.audit();
    }

    @Test
    void aPortThatIsNoneCannotBeBound() {
        XenWorld world = new XenWorld(By.GPA);
        EventChannels events = world.xen.events();
        for (int port : new int[] {0, -1, 4096}) {
            assertThatThrownBy(() -> events.route(world.cpu, port)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> events.bindLoopback(port, world.cpu, 1))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> events.bindLoopback(1, world.cpu, port))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> events.deliver(new XenWorld(By.GPA).cpu, 1, CallContext.ATOMIC))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(events.isBound(1)).isFalse();
        assertThat(events.bindExternal(1, () -> {})).isTrue();
        assertThat(events.unbind(1)).isTrue();
        assertThat(events.unbind(1)).isFalse();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anEventThatFindsNoSharedPageIsKept(By by) {
        XenWorld world = new XenWorld(by);
        assertThat(world.send(15)).as("never set").isEqualTo(Delivery.DEFERRED);
        world.register();
        assertThat(world.runAndHandle()).containsExactly(15);
        world.xen.clearSharedInfo();
        assertThat(world.sendAtomic(66)).as("taken away").isEqualTo(Delivery.DEFERRED);
        assertThat(world.runAndHandle()).isEmpty();
        assertThat(world.xen.setSharedInfo(world.target(SHARED_INFO))).isEqualTo(Outcome.OK);
        assertThat(world.guest.handleUpcall(VCPU_INFO, SHARED_INFO)).containsExactly(66);
        world.host.discard(XenWorld.hva(GPA), 1); // private or shared, the page has to be resolved anew
        assertThat(world.sendAtomic(67)).as("invalidated").isEqualTo(Delivery.DEFERRED);
        assertThat(world.kicks).as("kicked, so that an entry follows").hasPositiveValue();
        world.xen.events().deliverDeferred();
        assertThat(world.guest.handleUpcall(VCPU_INFO, SHARED_INFO)).containsExactly(67);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anEventThatFindsNoVcpuInfoIsParked(By by) {
        XenWorld world = XenWorld.registered(by);
        long elsewhere = XenWorld.TIME_INFO + 0x100;
        world.cpu.setVcpuInfo(world.target(elsewhere));
        world.makeUnwritable(elsewhere);
        assertThat(world.send(15)).isEqualTo(Delivery.PARKED);
        assertThat(world.sendAtomic(66)).isEqualTo(Delivery.PARKED);
        assertThat(world.kicks).hasValue(2);
        assertThat(world.cpu.hasInterrupt(CallContext.ATOMIC)).isTrue();
        world.makeWritable(elsewhere);
        world.guest.select(elsewhere, 5); // what is there stays
        world.run();
        assertThat(world.guest.isSelected(elsewhere, 0)).isTrue();
        assertThat(world.guest.isSelected(elsewhere, 1)).isTrue();
        assertThat(world.guest.isSelected(elsewhere, 5)).isTrue();
        assertThat(world.guest.handleUpcall(elsewhere, SHARED_INFO)).containsExactly(15, 66);
        world.run();
        assertThat(world.guest.isUpcallPending(elsewhere)).as("injected once").isFalse();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void parkedEventsKeepTheirMeaningWhenTheModeChanges(By by) {
        for (int port : new int[] {1, 31, 32, 63, 64, 1000, 1023}) {
            for (GuestMode from : GuestMode.values()) {
                for (boolean usable : new boolean[] {false, true}) {
                    parkedEventKeepsItsMeaning(by, port, from, usable);
                }
            }
        }
    }

    private static void parkedEventKeepsItsMeaning(By by, int port, GuestMode from, boolean usableAtTheSwitch) {
        XenWorld world = XenWorld.registered(by);
        world.xen.setMode(from);
        world.cpu.clearVcpuInfo();
        assertThat(world.send(port)).isEqualTo(Delivery.PARKED);
        GuestMode to = from == GuestMode.NATIVE ? GuestMode.COMPAT : GuestMode.NATIVE;
        world.guest.compat = to == GuestMode.COMPAT;
        if (!usableAtTheSwitch) {
            world.xen.setMode(to);
        }
        world.cpu.vcpu().setImmediateExit(true); // nothing but what is called here delivers
        long info = VCPU_INFO;
        if (usableAtTheSwitch) {
            world.makeUnwritable(info);
            world.cpu.setVcpuInfo(world.target(info));
            world.makeWritable(info);
            world.xen.setMode(to);
            world.xen.events().deliverDeferred();
        } else {
            world.cpu.setVcpuInfo(world.target(info));
        }
        assertThat(world.guest.handleUpcall(info, SHARED_INFO)).as("%s to %s", from, to).containsExactly(port);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(CallContext.class)
    void aVcpuWithoutAVcpuInfoHasNoInterruptOfItsOwn(CallContext context) {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        assertThat(world.cpu.hasInterrupt(context)).isFalse();
        world.send(15);
        assertThat(world.cpu.hasInterrupt(context)).as("parked").isTrue();
    }

    @Test
    void aSenderTriesAgainOnceTheVcpuInfoWasThere() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.xen.setSharedInfo(world.target(XenWorld.SCRATCH & -4096)); // in another page than the vcpu_info
        world.makeUnwritable(VCPU_INFO);
        assertThat(world.send(15)).as("tried in vain").isEqualTo(Delivery.PARKED);
        world.makeWritable(VCPU_INFO);
        assertThat(world.send(16)).as("left to the entry").isEqualTo(Delivery.PARKED);
        world.run();
        assertThat(world.guest.isUpcallPending(VCPU_INFO)).isTrue();
        world.host.migrate(XenWorld.hva(XenWorld.GPA));
        assertThat(world.send(64)).as("in another word, tried at once").isEqualTo(Delivery.RAISED);
        world.audit();
    }

    @Test
    void aPortThatTheNewModeDoesNotHaveIsForgotten() {
        XenWorld world = XenWorld.registered(By.GPA);
        world.cpu.clearVcpuInfo();
        assertThat(world.send(2000)).isEqualTo(Delivery.PARKED);
        world.xen.clearSharedInfo();
        assertThat(world.send(3000)).isEqualTo(Delivery.DEFERRED);
        world.xen.setMode(GuestMode.COMPAT);
        world.guest.compat = true;
        world.xen.setSharedInfo(world.target(SHARED_INFO));
        world.cpu.setVcpuInfo(world.target(VCPU_INFO));
        world.run();
        assertThat(world.guest.isUpcallPending(VCPU_INFO)).isFalse();
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anUpcallBeforeTheInterruptControllerIsOnIsSentWhenItIs(By by) {
        XenWorld world = XenWorld.registered(by);
        world.cpu.setUpcallVector(0xf3);
        assertThat(world.send(15)).isEqualTo(Delivery.RAISED);
        assertThat(world.interrupts).as("nowhere to go").hasValue(0);
        world.cpu.setInterruptControllerEnabled(true);
        assertThat(world.interrupts).as("sent again").hasValue(1);
        assertThat(world.runAndHandle()).containsExactly(15);
        assertThat(world.send(15)).isEqualTo(Delivery.RAISED);
        assertThat(world.interrupts).hasValue(2);
        assertThat(world.runAndHandle()).containsExactly(15);
        world.cpu.setInterruptControllerEnabled(false);
        world.cpu.setInterruptControllerEnabled(true);
        assertThat(world.interrupts).as("nothing waits").hasValue(2);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void anUpcallThatCannotBeLookedAtWhenTheControllerComesOnIsSentLater(By by) {
        XenWorld world = XenWorld.registered(by);
        long elsewhere = XenWorld.TIME_INFO + 0x100;
        world.cpu.setVcpuInfo(world.target(elsewhere));
        world.cpu.setUpcallVector(0xf3);
        assertThat(world.send(15)).isEqualTo(Delivery.RAISED);
        world.makeUnwritable(elsewhere);
        world.cpu.setInterruptControllerEnabled(true);
        assertThat(world.interrupts).hasValue(0);
        assertThat(world.cpu.hasInterrupt(CallContext.ATOMIC)).as("it cannot look").isTrue();
        world.makeWritable(elsewhere);
        world.run();
        assertThat(world.interrupts).hasValue(1);
        world.audit();
    }

    @ParameterizedTest
    @EnumSource(By.class)
    void aDeferredEventIsAnInterruptThatWaits(By by) { // a halted vCPU that is kicked asks, and must not halt again
        XenWorld world = XenWorld.registered(by);
        long elsewhere = XenWorld.TIME_INFO + 0x100;
        world.cpu.setVcpuInfo(world.target(elsewhere));
        world.makeUnwritable(XenWorld.SHARED_INFO);
        assertThat(world.sendAtomic(66)).isEqualTo(Delivery.DEFERRED);
        for (CallContext context : CallContext.values()) {
            assertThat(world.cpu.hasInterrupt(context)).as("%s", context).isTrue();
        }
        world.makeWritable(XenWorld.SHARED_INFO);
        world.run(() -> assertThat(world.guest.handleUpcall(elsewhere, XenWorld.SHARED_INFO)).containsExactly(66));
        for (CallContext context : CallContext.values()) {
            assertThat(world.cpu.hasInterrupt(context)).as("%s", context).isFalse();
        }
        world.audit();
    }

    @Test
    void aVectorThatIsNoneIsRefused() {
        XenWorld world = new XenWorld(By.GPA);
        for (int vector : new int[] {-1, 1, 15, 256}) {
            assertThatThrownBy(() -> world.cpu.setUpcallVector(vector)).isInstanceOf(IllegalArgumentException.class);
        }
        world.cpu.setUpcallVector(16);
        world.cpu.setUpcallVector(255);
        world.cpu.setUpcallVector(0);
        assertThat(world.interrupts).hasValue(0);
    }
}
