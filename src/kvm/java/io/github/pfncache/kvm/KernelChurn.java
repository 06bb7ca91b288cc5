package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.Protection;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/**
 * A vCPU whose clock is written again and again, while another thread takes its page away and gives it back: on the
 * kernel, with the invariants that its recordings have. After an entry no version is odd; a page that was moved away is
 * written no more; the dirty log says what was written; afterwards the clock is as good as new. Used by one thread.
 */
final class KernelChurn {

    private static final long GPA = 0x10_0000;
    private static final int OFFSET = 0x100;
    private static final int SECOND_OFFSET = 0x200;
    private static final int SLOT = 1;
    private static final int LOGGED = 1;
    private static final int CLOCK = 0x4b564d01;
    private static final int SLOT_PAGES = 4;

    /** By then the update of all vCPUs is due that a write of a register brings about later. */
    private static final long SETTLED_MILLIS = 200;

    /** So many of these may come late to a vCPU, if other programs take the time: two registers are written at most. */
    private static final int MOST_LATE = 2;

    private static final Protection ALL = Protection.READ_WRITE;

    private final Kvm kvm;
    private final PrintStream out;
    private final int updates;
    private final BooleanSupplier interrupted;
    private int cases;
    private long done;
    private int violations;

    KernelChurn(Kvm kvm, PrintStream out, int updates, BooleanSupplier interrupted) {
        this.kvm = kvm;
        this.out = out;
        this.updates = updates;
        this.interrupted = interrupted;
    }

    /** What the log of the updates has to be like. */
    private enum Log {
        /** Each update lands, whatever happens. */
        EACH,
        /** Those that land: the page keeps its contents. */
        LANDED,
        /** Whatever: the slot, and its log, or the page comes and goes. */
        ANY
    }

    /** What the other thread does to the page of the clock. */
    private record Case(String name, char arena, Log log, Step step) {}

    /** One round of it, that ends with a page that can be written. */
    @FunctionalInterface
    private interface Step {
        void on(Rig rig);
    }

    private static final List<Case> CASES = List.of(
            new Case("none", 'A', Log.EACH, rig -> Thread.onSpinWait()),
            new Case("dontneed", 'A', Log.EACH, rig -> rig.host.advise(HostCalls.Advice.DISCARD, rig.page, 1)),
            new Case("punch", 'M', Log.EACH, rig -> rig.host.punchHole(0, 1)),
            new Case("mapfixed", 'A', Log.EACH, rig -> rig.host.mapAnonymous(rig.page, 1, ALL)),
            new Case("protro", 'A', Log.LANDED, rig -> rig.protect(Protection.READ)),
            new Case("protnone", 'A', Log.LANDED, rig -> rig.protect(Protection.NONE)),
            new Case("munmap", 'A', Log.ANY, Rig::unmap),
            new Case("mremap", 'A', Log.ANY, Rig::move),
            new Case("slot_delete", 'A', Log.ANY, rig -> rig.deleteAndAdd(rig.page)),
            new Case("slot_swap", 'A', Log.ANY, rig -> {
                rig.deleteAndAdd(rig.spare);
                rig.deleteAndAdd(rig.page);
            }),
            new Case("slot_other", 'A', Log.EACH, rig -> {
                rig.vm.setSlot(2, 0, 0x20_0000, Pages.PAGE_SIZE, rig.spare);
                rig.vm.setSlot(2, 0, 0x20_0000, 0, 0);
            }),
            new Case("slot_flags", 'A', Log.ANY, rig -> {
                rig.vm.setSlot(SLOT, 0, GPA, (long) SLOT_PAGES * Pages.PAGE_SIZE, rig.page);
                rig.vm.setSlot(SLOT, LOGGED, GPA, (long) SLOT_PAGES * Pages.PAGE_SIZE, rig.page);
            }));

    /** A machine, and the places in it. */
    private static final class Rig {
        private final KernelMachine machine;
        private final KernelVm vm;
        private final KernelHost host;
        private final long page;
        private final long spare;

        /** Counted by the thread that takes the page away; read when it has ended. */
        private long rounds;
        private int late;
        private int torn;

        Rig(KernelMachine machine, char arena) {
            this.machine = machine;
            this.vm = machine.vm();
            this.host = machine.host();
            this.page = machine.arenas().byName(arena).address(0);
            this.spare = machine.arenas().byName('B').address(0);
        }

        int version(long hva) {
            byte[] bytes = new byte[Integer.BYTES];
            return host.peek(hva, bytes) ? ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt() : 0;
        }

        void protect(Protection less) {
            host.protect(page, 1, less);
            host.protect(page, 1, ALL);
        }

        void unmap() {
            host.unmap(page, 1);
            host.mapAnonymous(page, 1, ALL);
        }

        /** Nobody may write where the page went. */
        void move() {
            host.move(page, 1, spare);
            byte[] first = new byte[Pages.PAGE_SIZE];
            byte[] then = new byte[Pages.PAGE_SIZE];
            host.peek(spare, first);
            host.mapAnonymous(page, 1, ALL);
            host.peek(spare, then);
            late += Arrays.equals(first, then) ? 0 : 1;
            torn += first[OFFSET] & 1; // the version
        }

        void deleteAndAdd(long hva) {
            vm.setSlot(SLOT, 0, GPA, 0, 0);
            vm.setSlot(SLOT, LOGGED, GPA, (long) SLOT_PAGES * Pages.PAGE_SIZE, hva);
        }
    }

    /** All cases; whether nothing was violated. */
    boolean run() throws Unusable {
        for (Case each : CASES) { // some
            if (!interrupted.getAsBoolean()) {
                run(each);
            }
        }
        for (boolean same : new boolean[] {false, true}) { // two
            if (!interrupted.getAsBoolean()) {
                runTwo(same);
            }
        }
        out.println((interrupted.getAsBoolean() ? "interrupted\n" : "")
                + "kvm: " + cases + " cases, " + done + " updates, " + violations + " violations");
        return violations == 0;
    }

    private void violated(boolean wrong, String name, String what) {
        if (wrong) {
            violations++;
            out.println(name + ": " + what);
        }
    }

    private void run(Case each) throws Unusable {
        try (KernelMachine machine = KernelMachine.open(kvm, "slot 1 0x100000 4 " + each.arena + "0 l")) {
            Rig rig = new Rig(machine, each.arena);
            rig.vm.guestWriteMsr(0, CLOCK, GPA + OFFSET + 1);
            rig.vm.harvest(SLOT);
            boolean[] stop = new boolean[1];
            CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
                while (!isSet(stop)) { // until the updates are done
                    each.step.on(rig);
                    rig.rounds++;
                }
            }, task -> new Thread(task, "churn").start());
            try {
                update(each, rig);
            } finally {
                set(stop);
                other.join(); // rounds end by themselves
            }
            violated(rig.late > 0, each.name, rig.late + " writes into a page that had moved away");
            violated(rig.torn > 0, each.name, rig.torn + " pages moved away with an odd version");
            int before = rig.version(rig.page + OFFSET);
            rig.vm.setClock();
            String exit = rig.vm.run(0);
            int after = rig.version(rig.page + OFFSET);
            violated(!exit.equals("IOf8") || after - before != 2 && after - before != 4, each.name, // the later update
                    "afterwards " + exit + ", version " + before + " to " + after);
        }
    }

    private static boolean isSet(boolean[] flag) {
        synchronized (flag) {
            return flag[0];
        }
    }

    private static void set(boolean[] flag) {
        synchronized (flag) {
            flag[0] = true;
        }
    }

    private void update(Case each, Rig rig) {
        int errors = 0;
        int odd = 0;
        int logged = 0;
        int landed = 0;
        int strange = 0;
        int version = rig.version(rig.page + OFFSET);
        int count = 0;
        for (; count < updates && (count % 64 != 0 || !interrupted.getAsBoolean()); count++) { // bounded by the updates
            rig.vm.setClock();
            errors += rig.vm.run(0).equals("IOf8") ? 0 : 1;
            int next = rig.version(rig.page + OFFSET);
            odd += next & 1;
            landed += next != version ? 1 : 0; // by more than one update, where the later one is due within the entry
            version = next;
            String log = rig.vm.harvest(SLOT);
            logged += log.equals("{0}") ? 1 : 0;
            strange += log.equals("{0}") || log.equals("{}") || log.equals("ENOENT") ? 0 : 1;
        }
        cases++;
        done += count;
        out.printf("churn %-12s %6d updates, %6d in the log, %6d rounds of the other thread%n",
                each.name, count, logged, rig.rounds);
        violated(errors > 0, each.name, errors + " entries failed");
        violated(odd > 0, each.name, odd + " odd versions after an entry");
        violated(strange > 0, each.name, strange + " logs of other pages");
        violated(each.log == Log.EACH && logged != count, each.name, logged + " of " + count + " updates in the log");
        violated(each.log == Log.LANDED && logged != landed, each.name, logged + " logged and " + landed + " landed");
    }

    /** Two vCPUs at once, whose clocks are in one page, or are one. */
    private void runTwo(boolean same) throws Unusable {
        String name = same ? "two_vcpus_same" : "two_vcpus";
        try (KernelMachine machine = KernelMachine.open(kvm, "vcpus 2", "slot 1 0x100000 4 A0 l")) {
            Rig rig = new Rig(machine, 'A');
            int[] offsets = {OFFSET, same ? OFFSET : SECOND_OFFSET};
            for (int id = 0; id < 2; id++) { // two
                rig.vm.guestWriteMsr(id, CLOCK, GPA + offsets[id] + 1);
            }
            rig.vm.sleep(SETTLED_MILLIS);
            rig.vm.run(0);
            rig.vm.run(1);
            int[] before = IntStream.of(offsets).map(offset -> rig.version(rig.page + offset)).toArray();
            List<CompletableFuture<Integer>> both = new ArrayList<>();
            for (int id = 0; id < 2; id++) { // two
                int vcpu = id;
                both.add(CompletableFuture.supplyAsync(
                        () -> updateOne(rig, vcpu), task -> new Thread(task, "vcpu-" + vcpu).start()));
            }
            int errors = both.stream().mapToInt(CompletableFuture::join).sum();
            cases++;
            done += 2L * updates;
            out.printf("churn %-12s %6d updates of each%n", name, updates);
            violated(errors > 0, name, errors + " entries failed");
            for (int id = 0; id < 2; id++) { // two
                int version = rig.version(rig.page + offsets[id]);
                int increments = (version - before[id]) / 2;
                violated((version & 1) != 0, name, "an odd version afterwards");
                violated(increments > (same ? 2 : 1) * (updates + MOST_LATE) || !same && increments < updates
                        && !interrupted.getAsBoolean(), name, increments + " updates of vCPU " + id);
            }
        }
    }

    private int updateOne(Rig rig, int vcpu) {
        int errors = 0;
        for (int i = 0; i < updates && (i % 64 != 0 || !interrupted.getAsBoolean()); i++) { // bounded by the updates
            rig.vm.guestStopped(vcpu);
            errors += rig.vm.run(vcpu).equals("IOf8") ? 0 : 1;
        }
        return errors;
    }
}
