package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/**
 * When the guest of a stock kernel sees that a vCPU is preempted, sampled by another thread: while it is off its
 * processor and would run, never while it runs or halts, and still after a run that ended before it entered. Shares
 * count as none, some or all of the samples; how much time was stolen, as some or none.
 */
final class PreemptedConformanceTest {

    private static final long HVA = 0x7f00_0000_0000L;
    private static final long GPA = 0x10_0000;
    private static final int TURNS = 10;
    private static final long MILLISECOND = 1_000_000;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Vm vm = Vm.builder().host(host).build();
    private final StealTime steal = StealTime.attach(vm);
    private final Vcpu vcpu = vm.vcpu(0);

    private int marked;
    private int unmarked;

    @Test
    void theMarkIsThatOfAStockKernel() throws IOException {
        assumeTrue(Vectors.exists(Scope.PREEMPTED), () -> Report.absent(Scope.PREEMPTED));
        Report report = new Report(Scope.PREEMPTED);
        for (Vectors.Row row : Vectors.read(Scope.PREEMPTED).rows()) { // bounded by the file
            Fields recorded = Fields.parse(row.get(2));
            Fields actual = new PreemptedConformanceTest().run(row.get(0));
            if (actual == null) {
                report.unknown(row, "no such case");
            } else {
                report.compare(row, expected(recorded).only(actual).toString(), actual.toString());
            }
        }
        report.finish();
    }

    private static Fields expected(Fields recorded) {
        return new Fields()
                .put("unmarked", share(recorded.number("preempted0_pct"), 100))
                .put("marked", share(recorded.number("preempted1_pct"), 100))
                .put("stolen", recorded.number("steal_delta_ms") > TURNS ? "some" : "none")
                .put("preempted_after_exit", recorded.number("preempted_after_exit"));
    }

    private static String share(long part, long whole) {
        return part == 0 ? "none" : part >= whole - 1 ? "all" : "some"; // shares were rounded down
    }

    private Fields run(String name) {
        host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
        vm.memslots().set(1, 0, GPA, 4096, HVA);
        vcpu.guestWriteMsr(StealTime.MSR_STEAL_TIME, GPA | StealTime.ENABLE);
        boolean exitsInside = false;
        switch (name) {
            case "steal_preempted_spin_alone" -> vcpu.run(this::sampleOften);
            case "steal_preempted_hlt_in_kernel", "steal_preempted_hlt_in_kernel_competitor" -> {
                vcpu.run(() -> {});
                sampleOften(); // who halts does not want the processor, whoever has it
            }
            case "steal_preempted_spin_with_competitor" -> takeTurns(true);
            case "steal_preempted_spin_sampler_on_same_cpu" -> {
                takeTurns(false);
                preempt();
                exitsInside = true;
            }
            default -> {
                return null;
            }
        }
        vcpu.setImmediateExit(exitsInside);
        assertThat(vcpu.run(() -> {})).isEqualTo(exitsInside ? Vcpu.Exit.INTERRUPTED : Vcpu.Exit.GUEST);
        Fields fields = new Fields()
                .put("unmarked", share(unmarked, marked + unmarked))
                .put("marked", share(marked, marked + unmarked))
                .put("stolen", memory().getLong(0) >= TURNS * MILLISECOND ? "some" : "none")
                .put("preempted_after_exit", memory().get(16));
        assertThat(memory().getInt(8) & 1).as("version").isZero();
        host.close();
        return fields;
    }

    /** The vCPU and something else have the processor by turns. */
    private void takeTurns(boolean samplesWhileItRuns) {
        for (int turn = 0; turn < TURNS; turn++) { // bounded by the constant
            vcpu.run(samplesWhileItRuns ? this::sample : () -> {});
            preempt();
            sample();
            steal.addSteal(vcpu, 2 * MILLISECOND);
        }
        vcpu.run(() -> {});
    }

    private void preempt() {
        steal.preempted(vcpu);
    }

    private void sampleOften() {
        for (int i = 0; i < TURNS; i++) { // bounded by the constant
            sample();
        }
    }

    private void sample() {
        if (memory().get(16) == 0) {
            unmarked++;
        } else {
            marked++;
        }
    }

    private ByteBuffer memory() {
        byte[] bytes = new byte[StealTime.SIZE];
        host.peek(HVA, bytes);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
