package io.github.pfncache.kvm;

import java.util.concurrent.TimeUnit;

/** The machine of a script on the kernel. Not thread-safe; there is one at a time, because of its addresses. */
public final class KernelMachine extends Machine {

    private final Kvm kvm;
    private final KernelHost host;
    private KernelVm vm;

    private KernelMachine(Kvm kvm, KernelHost host) {
        super(host, TimeUnit.MILLISECONDS.toSeconds(System.currentTimeMillis()));
        this.kvm = kvm;
        this.host = host;
    }

    /** The start state. */
    private static KernelMachine start(Kvm kvm) throws Unusable {
        KernelHost host = new KernelHost();
        try {
            return new KernelMachine(kvm, host);
        } catch (RuntimeException e) {
            host.close();
            throw e;
        }
    }

    /** A machine that some operations have configured. */
    static KernelMachine open(Kvm kvm, String... operations) throws Unusable {
        KernelMachine machine = start(kvm);
        try {
            for (String each : operations) { // some
                machine.perform(Script.Op.parse(each));
            }
            return machine;
        } catch (Refused e) {
            machine.close();
            throw e.why;
        } catch (RuntimeException e) {
            machine.close();
            throw e;
        }
    }

    /**
     * The kernel writes all clocks 100 ms after a register was written. Scripts sleep for longer, and must not take so
     * long otherwise.
     */
    private static final long SLOW_NANOS = TimeUnit.MILLISECONDS.toNanos(80);

    /**
     * What a script showed.
     *
     * @param observed an observation for each operation
     * @param disturbed whether other programs took time that can be seen in it
     */
    public record Answer(String observed, boolean disturbed) {}

    /** Runs a script on a machine of its own. */
    public static Answer observe(Kvm kvm, Script script) throws Unusable {
        try (KernelMachine machine = open(kvm)) {
            long begin = System.nanoTime();
            String observed = machine.run(script);
            long taken = System.nanoTime() - begin - (machine.vm == null ? 0 : machine.vm.slept());
            return new Answer(observed, taken > SLOW_NANOS || machine.vm != null && machine.vm.disturbed());
        } catch (Refused e) {
            throw e.why;
        }
    }

    /** The kernel makes no virtual machine, in the middle of a script. */
    private static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final Unusable why;

        Refused(Unusable why) {
            super(why);
            this.why = why;
        }
    }

    @Override
    protected VmCalls start(int vcpus, int ringBytes) {
        try {
            vm = new KernelVm(kvm, this, vcpus, ringBytes);
            return vm;
        } catch (Unusable e) {
            throw new Refused(e);
        }
    }

    @Override
    KernelHost host() {
        return host;
    }

    KernelVm vm() {
        calls();
        return vm;
    }

    @Override
    public void close() {
        if (vm != null) {
            vm.close();
        }
        super.close();
    }
}
