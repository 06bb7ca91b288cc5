package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
    void noHookIsNoHook() {
        assertThatThrownBy(() -> Vm.builder().build().addEntryHook(null)).isInstanceOf(NullPointerException.class);
    }
}
