package io.github.pfncache.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/** The kernel of this machine, for tests that need its KVM. */
public final class LiveKernel {

    private LiveKernel() {}

    /** Names the test as not run where there is no kernel to run it on. */
    public static void assumeThere() {
        try (Kvm kvm = Kvm.open(Kvm.DEVICE)) {
            assertThat(kvm.addressSpaces()).isPositive();
        } catch (Unusable e) {
            isNotRun(e);
        }
    }

    /** The same, where the kernel has no Xen interfaces. */
    public static void assumeXen() {
        assumeThere();
        try (Kvm kvm = Kvm.open(Kvm.DEVICE)) {
            if (!kvm.hasXen()) {
                isNotRun(new Unusable("the kernel has no Xen interfaces (KVM_CAP_XEN_HVM is 0)"));
            }
        } catch (Unusable e) {
            isNotRun(e);
        }
    }

    /** Names the test as not run, and ends it. */
    public static void isNotRun(Unusable why) {
        System.out.println("the live kernel: not run: " + why.getMessage());
        assumeTrue(false, why.getMessage());
    }
}
