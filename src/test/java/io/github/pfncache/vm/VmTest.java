package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.HostRule;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.rules.RuleViolation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

class VmTest {

    @Test
    void aRingOfBadSizeIsRefusedAndZeroMeansBitmaps() {
        assertThatThrownBy(() -> Vm.builder().dirtyRing(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("entries=-1");
        assertThatThrownBy(() -> Vm.builder().dirtyRing(100).build()).isInstanceOf(IllegalArgumentException.class);
        assertThat(Vm.builder().dirtyRing(0).build().vcpu(0).dirtyRing()).isNull();
        assertThat(Vm.builder().dirtyRing(256).build().vcpu(0).dirtyRing().softLimit()).isEqualTo(192);
    }

    @Test
    void aHookThatThrowsLeavesTheVcpuFitToRun() {
        Vm vm = Vm.builder().dirtyRing(128).build();
        Vcpu vcpu = vm.vcpu(0);
        boolean[] fails = {true};
        vm.addEntryHook(new EntryHook() {
            @Override
            public void beforeEntry(Vcpu entering) {
                if (fails[0]) {
                    throw new IllegalStateException("no");
                }
            }
        });
        assertThatThrownBy(() -> vcpu.run(() -> {})).hasMessage("no");
        fails[0] = false;
        assertThat(vcpu.run(() -> {})).isEqualTo(Vcpu.Exit.GUEST);
        VmAudit.atRest(vm);
    }

    @Test
    void aRunIsInGuestModeAndARegisterWriteIsNot() {
        Vm vm = Vm.builder().build();
        vm.host().mapAnonymous(0x7f00_0000_0000L, 2, Protection.READ_WRITE);
        vm.memslots().set(0, 0, 0x1000, 0x2000, 0x7f00_0000_0000L);
        Vcpu vcpu = vm.vcpu(0);
        GuestMode mode = vm.newGuestMode(gpa -> {});
        vcpu.setGuestMode(mode);
        List<Boolean> inside = new ArrayList<>();
        vm.addEntryHook(new EntryHook() {
            @Override
            public void beforeEntry(Vcpu entering) {
                inside.add(mode.isInside());
            }
        });
        vm.handleMsr(7, new MsrHandler() {
            @Override
            public boolean write(Vcpu writer, int index, long value) {
                inside.add(mode.isInside());
                assertThat(vm.host().migrate(0x7f00_0000_0000L)).isEqualTo(HostResult.OK);
                return true;
            }

            @Override
            public long read(Vcpu reader, int index) {
                return 0;
            }
        });
        vcpu.run(() -> {
            HeldPage page = mode.hold(0x1000, true);
            assertThat(vcpu.guestWriteMsr(7, 1)).isTrue();
            assertThat(page.isHeld()).as("moved meanwhile").isFalse();
            inside.add(mode.isInside());
        });
        assertThat(inside).containsExactly(false, false, false, true);
        assertThat(mode.isInside()).isFalse();
        assertThatThrownBy(() -> vcpu.run(() -> {
            throw new IllegalStateException("trap");
        })).hasMessage("trap");
        assertThat(mode.isInside()).isFalse();
        mode.close();
        VmAudit.atRest(vm);
    }

    @Test
    void aRunCallsTheHooksOfRunsThenThoseOfEntriesThenTheGuest() {
        Vm vm = Vm.builder().build();
        Vcpu vcpu = vm.vcpu(0);
        List<String> called = new ArrayList<>();
        for (String name : List.of("first", "second")) {
            vm.addEntryHook(new EntryHook() {
                @Override
                public void beforeRun(Vcpu running) {
                    called.add("run " + name);
                }

                @Override
                public void beforeEntry(Vcpu entering) {
                    called.add("entry " + name);
                }
            });
        }
        vm.handleMsr(7, new MsrHandler() {
            @Override
            public boolean write(Vcpu writer, int index, long value) {
                called.add("write");
                return value == 1;
            }

            @Override
            public long read(Vcpu reader, int index) {
                return 0;
            }
        });
        vcpu.run(() -> {
            called.add("guest");
            assertThat(vcpu.guestWriteMsr(7, 1)).isTrue();
            assertThat(vcpu.guestWriteMsr(7, 2)).isFalse();
            vcpu.enterAgain();
        });
        assertThat(called).containsExactly(
                "run first", "run second", "entry first", "entry second", "guest", "write", "entry first",
                "entry second", "write", "entry first", "entry second", "entry first", "entry second");
    }

    @Test
    void aFullRingKeepsTheGuestOutWhoeverFilledIt() {
        Vm vm = Vm.builder().dirtyRing(128).build();
        int pages = vm.vcpu(0).dirtyRing().softLimit();
        vm.host().mapAnonymous(0x7f00_0000_0000L, pages, Protection.READ_WRITE);
        vm.memslots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0, pages * 4096L, 0x7f00_0000_0000L);
        List<String> called = new ArrayList<>();
        boolean[] fills = new boolean[1];
        vm.addEntryHook(new EntryHook() {
            @Override
            public void beforeRun(Vcpu running) {
                called.add("run");
            }

            @Override
            public void beforeEntry(Vcpu entering) {
                called.add("entry");
                for (int page = 0; fills[0] && page < pages; page++) { // as many as the ring's soft limit
                    vm.guestMemory().write(page * 4096L, new byte[1]);
                }
            }
        });
        Vcpu vcpu = vm.vcpu(0);
        assertThat(vcpu.run(() -> called.add("guest"))).isEqualTo(Vcpu.Exit.GUEST);
        fills[0] = true;
        assertThat(vcpu.run(() -> called.add("guest"))).as("by the entry").isEqualTo(Vcpu.Exit.DIRTY_RING_FULL);
        fills[0] = false;
        assertThat(vcpu.run(() -> called.add("guest"))).as("before").isEqualTo(Vcpu.Exit.DIRTY_RING_FULL);
        assertThat(called).containsExactly("run", "entry", "guest", "run", "entry");
        vcpu.setImmediateExit(true);
        assertThat(vcpu.run(() -> called.add("guest"))).isEqualTo(Vcpu.Exit.INTERRUPTED);
        assertThat(called).hasSize(5);
        VmAudit.atRest(vm);
    }

    @Test
    void aVcpuThatIsToldNotToEnterDoesNothing() {
        for (int entries : new int[] {0, 128}) { // without a ring, and with one
            Vm vm = Vm.builder().dirtyRing(entries).build();
            vm.vcpu(0).setImmediateExit(true);
            assertThat(vm.vcpu(0).run(() -> {
                throw new AssertionError("the guest runs");
            })).isEqualTo(Vcpu.Exit.INTERRUPTED);
        }
    }

    @Test
    void noHookIsNoHook() {
        assertThatThrownBy(() -> Vm.builder().build().addEntryHook(null)).isInstanceOf(NullPointerException.class);
    }

    /** Registers of which the second cannot be taken, for whatever reason. */
    @Test
    void anInterfaceIsAddedWholeOrNotAtAll() {
        MsrHandler handler = new MsrHandler() {
            @Override
            public long read(Vcpu reader, int index) {
                return index;
            }

            @Override
            public boolean write(Vcpu writer, int index, long value) {
                return false;
            }
        };
        Map<Integer, MsrHandler> without = new LinkedHashMap<>();
        without.put(1, handler);
        without.put(2, null);
        Map<Integer, MsrHandler> endless = new HashMap<>(Map.of(1, handler)) {
            private static final long serialVersionUID = 1;

            @Override
            public void forEach(BiConsumer<? super Integer, ? super MsrHandler> action) {
                super.forEach(action);
                throw new OutOfMemoryError("not for two");
            }
        };
        Vm vm = Vm.builder().build();
        vm.handleMsr(3, handler);
        AtomicInteger entries = new AtomicInteger();
        EntryHook hook = new EntryHook() {
            @Override
            public void beforeEntry(Vcpu entering) {
                entries.incrementAndGet();
            }
        };
        assertThatThrownBy(() -> vm.addInterface(without, hook)).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> vm.addInterface(endless, hook)).isInstanceOf(OutOfMemoryError.class);
        assertThatThrownBy(() -> vm.addInterface(Map.of(1, handler, 3, handler), hook))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("0x3");
        assertThatThrownBy(() -> vm.addInterface(Map.of(1, handler), null)).isInstanceOf(NullPointerException.class);
        vm.vcpu(0).run(() -> {});
        assertThat(entries).hasValue(0);
        assertThatThrownBy(() -> vm.vcpu(0).readMsr(1)).isInstanceOf(IllegalArgumentException.class);
        vm.addInterface(Map.of(1, handler, 2, handler), hook);
        vm.vcpu(0).run(() -> {});
        assertThat(entries).hasValue(1);
        assertThat(vm.vcpu(0).readMsr(1) + vm.vcpu(0).readMsr(2) + vm.vcpu(0).readMsr(3)).isEqualTo(6);
    }

    @Test
    void theAuditLooksAtTheHostToo() {
        Vm vm = Vm.builder().build();
        vm.host().mapAnonymous(0x7f00_0000_0000L, 1, Protection.READ_WRITE);
        List<Throwable> found = new ArrayList<>();
        HostMemory relative = vm.host().fork(); // whose invalidations the VM's caches do not hear of
        relative.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                found.add(catchThrowable(() -> VmAudit.atRest(vm)));
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                assertThat(found).isNotEmpty();
            }
        });
        relative.discard(0x7f00_0000_0000L, 1);
        assertThat(found).isNotEmpty().allSatisfy(each -> assertThat(each)
                .isInstanceOfSatisfying(RuleViolation.class,
                        violation -> assertThat(violation.rule()).isEqualTo(HostRule.NOTIFIER_PAIRED)));
        relative.close();
        VmAudit.atRest(vm);
    }

    @Test
    void theMemoryMapCanBeRead() {
        Vm machine = Vm.builder().build();
        machine.ram().add(3, Memslot.FLAG_READONLY, 0x1_0000_0000L, 16);
        machine.ram().add(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0x1000, 4);
        machine.guestMemory().write(0x2ffe, new byte[] {1, 2, 3, 4});
        try (DirtyReader reader = machine.memslots().newDirtyReader()) {
            reader.follow(machine.memslots().table().byId(1));
            reader.harvest((slot, pages) -> { });
            machine.guestMemory().write(0x2ffe, new byte[] {1}); // marked again, where the first mark is kept elsewhere
        }
        assertThat(machine.describe().lines().map(line -> line.replaceAll(" +", " ").replaceAll("[0-9a-f]+$", "HVA")))
                .containsExactly("gpa slot pages resident dirty flags hvHVA",
                        "0000000000001000-0000000000004fff 1 4 2 2 L HVA",
                        "0000000100000000-000000010000ffff 3 16 0 0 R HVA");
    }
}
