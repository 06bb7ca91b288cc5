package io.github.pfncache.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import com.dylibso.chicory.runtime.ByteBufferMemory;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import io.github.pfncache.wasm.Wat2Wasm.Machine;
import io.github.pfncache.wasm.Wat2Wasm.Result;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real program runs to the same end, byte for byte, whatever the host does to its pages meanwhile. */
final class RealGuestTest {

    private static final long SEED = Long.getLong("wasm.seed", 1);

    /** Exit codes that the program does not have. */
    private static final int TRAP = -1;

    private static final int NO_END = -2;

    @TempDir
    private Path directory;

    /** A run on moving memory, and how often what happened. */
    private record Moved(Result result, long accesses, int growths, long crossings, long misses, long migrations,
            long evictions) {}

    private Result plain(Wat2Wasm program) {
        Result plain = program.run(ByteBufferMemory::new);
        assertThat(plain.errors()).isEmpty();
        assertThat(plain.exitCode()).isZero();
        assertThat(plain.output()).startsWith(0, 'a', 's', 'm');
        return plain;
    }

    private static Moved moved(Wat2Wasm program, int entries, long seed, boolean inside) throws InterruptedException {
        HostMemory host = HostMemory.builder().checked(true).build(); // frames are poisoned when they are freed
        Vm vm = Vm.builder().host(host).build();
        TlbRam ram = new TlbRam(vm, entries, inside);
        LinearMemory[] memory = new LinearMemory[1];
        Result result;
        MovingHost moving = inside
                ? new MovingHost(host, seed, Long.MAX_VALUE, ram::hotHva, ram::poll)
                : new MovingHost(host, seed, Long.MAX_VALUE);
        try (moving) {
            result = program.run(limits -> memory[0] = new LinearMemory(ram, limits, moving));
            ram.leave();
        }
        VmAudit.atRest(vm);
        ram.requireEveryWriteLogged();
        Moved moved = new Moved(result, memory[0].accesses(), memory[0].growths(), ram.crossings(),
                ram.tlb().misses(), moving.migrations(), moving.evictions());
        ram.tlb().deactivate();
        assertThat(host.liveMappings()).isZero();
        VmAudit.atRest(vm);
        host.audit();
        return moved;
    }

    private void runsToTheSameEnd(Machine machine, int functions, int entries, long atLeast, boolean inside)
            throws IOException, InterruptedException {
        Wat2Wasm program = new Wat2Wasm(machine, directory, Wat2Wasm.text(functions));
        Result plain = plain(program);
        Moved moved = moved(program, entries, SEED, inside);
        System.out.println(machine + " guest: " + moved);
        assertThat(moved.result.errors()).isEmpty();
        assertThat(moved.result.exitCode()).isZero();
        assertThat(moved.result.output()).isEqualTo(plain.output());
        assertThat(moved.accesses).isGreaterThan(atLeast);
        assertThat(moved.growths).isPositive();
        assertThat(moved.crossings).isGreaterThan(atLeast / 10_000);
        assertThat(moved.misses).isGreaterThan(entries);
        assertThat(moved.migrations).isGreaterThan(atLeast / 65);
        assertThat(moved.evictions).isGreaterThan(atLeast / 2_000);
    }

    @Test
    void itRunsToTheSameEndWhileItsPagesMove() throws IOException, InterruptedException {
        runsToTheSameEnd(Machine.COMPILED, 180, 64, 2_000_000, false);
    }

    @Test
    void inGuestModeItRunsToTheSameEndWhileThePageUsedLastMoves() throws IOException, InterruptedException {
        runsToTheSameEnd(Machine.COMPILED, 180, 64, 2_000_000, true);
    }

    @Test
    @Tag("deep")
    void aLongRunEndsTheSameToo() throws IOException, InterruptedException {
        runsToTheSameEnd(Machine.COMPILED, 1_500, 128, 15_000_000, true);
    }

    /**
     * The control of the machine: on its own memory, with nothing of ours. Compiled by the optimizing compiler of JDK
     * 17.0.15 the guest's memcpy now and then does not stop, and the guest traps at the end of its memory; so that
     * function is not compiled (see {@code guest.flags} of the build). Without the flag this fails in most runs, alone.
     */
    @Test
    @Tag("deep")
    void theMachineItselfIsRight() throws IOException {
        plain(new Wat2Wasm(Machine.COMPILED, directory, Wat2Wasm.text(3_000)));
    }

    @Test
    @Tag("deep")
    void interpretedItEndsTheSameToo() throws IOException, InterruptedException {
        runsToTheSameEnd(Machine.INTERPRETED, 250, 16, 2_000_000, true);
    }

    /**
     * The control: the same guest, the same host, and an emulator that keeps its pointers because nobody tells it that
     * a page has gone. It writes where something else is by now, and reads what something else has written. (Frames are
     * not poisoned here: the host would find the stray writes before the guest comes to grief.)
     */
    @Test
    void withoutInvalidationItComesToGrief() throws IOException, InterruptedException {
        Wat2Wasm program = new Wat2Wasm(Machine.COMPILED, directory, Wat2Wasm.text(30));
        Result plain = plain(program);
        Result still = onKeptPointers(program, false);
        assertThat(still.output()).as("on a host that stands still").isEqualTo(plain.output());
        Result moved = onKeptPointers(program, true);
        System.out.println("guest without invalidation: " + moved);
        assertThat(moved.exitCode() == 0 && Arrays.equals(moved.output(), plain.output()))
                .as("ends well all the same").isFalse();
    }

    /** A run on pointers that are kept, with a bound of accesses and of time; a trap is an exit code. */
    @SuppressWarnings("try") // the host waits for its thread
    private static Result onKeptPointers(Wat2Wasm program, boolean moves) throws InterruptedException {
        HostMemory host = HostMemory.builder().checked(false).build();
        NaiveRam ram = new NaiveRam(host);
        Result[] result = {new Result(NO_END, new byte[0], "still running after a minute")};
        try (MovingHost moving = new MovingHost(host, SEED, 20_000_000)) {
            LinearMemory.Companion companion = moves ? moving : new LinearMemory.Companion() {
                @Override
                public void grown(long bytes) {}

                @Override
                public void reached(long accesses) {}
            };
            Thread guest = new Thread(() -> {
                try {
                    result[0] = program.run(limits -> new LinearMemory(ram, limits, companion));
                } catch (RuntimeException | StackOverflowError trap) {
                    result[0] = new Result(TRAP, new byte[0], trap.toString());
                }
            }, "guest");
            guest.start();
            guest.join(60_000);
            guest.interrupt(); // the machine looks for it in every loop
            guest.join();
        }
        ram.close();
        host.audit();
        return result[0];
    }
}
