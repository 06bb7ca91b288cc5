package machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pfncache.host.HostMemory;
import io.github.pfncache.stress.Adversary;
import io.github.pfncache.stress.ForgetfulDrops;
import io.github.pfncache.vm.RamSnapshot;
import io.github.pfncache.vm.Vm;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The guest computes the same, bit for bit, as on plain arrays: whatever the host and the machine's owner do. */
final class MachineTest {

    /** Pages that the guest uses most: its program, variables, the virtqueue, data, the screen, the clock. */
    private static final long[] IN_USE = {Region.ROM.gpa(), 0x4000_0000, 0x4000_1000, 0x4000_3000, 0x4000_5000,
        0x4010_0000, 0x4030_0000, Region.SCREEN.gpa(), Region.CLOCK.gpa()};

    private static byte[] rom;
    private static Machine plain;
    private static RamSnapshot plainEnd;

    private final List<Adversary> hosts = new ArrayList<>();
    private Duration patience = Duration.ofMinutes(1);

    /** How the harts get their memory. */
    enum Way {
        TLB(TlbMemory::new),
        HELD(HeldMemory::new);

        private final BiFunction<Vm, Bus, Memory> memory;

        Way(BiFunction<Vm, Bus, Memory> memory) { this.memory = memory; }
    }

    @BeforeAll
    static void runOnPlainArrays() throws IOException {
        rom = Assembler.assemble("guest.s", Region.ROM.gpa(), Region.ROM.bytes());
        Vm vm = Vm.builder().build();
        byte[][] arrays = Region.ALL.stream().map(region -> new byte[region.bytes()]).toArray(byte[][]::new);
        arrays[0] = rom;
        Region.ALL.forEach(region -> vm.ram().add(region.slot(), region.flags(), region.gpa(), arrays[region.slot()]));
        plain = new Machine(vm, (of, devices) -> new PlainMemory(arrays, devices));
        plain.pressPower();
        while (plain.isOn()) { // the program ends
            plain.harts.forEach(Hart::turn);
            plain.serve();
        }
        assertTrue(plain.console.toString().startsWith("booted\ncounted\nsieved\n"), plain.console.toString());
        plainEnd = vm.ram().snapshot();
    }

    private static Vm newVm() {
        return Vm.builder().host(HostMemory.builder().checked(true).build()).build(); // what is freed is poisoned
    }

    private Machine newMachine(BiFunction<Vm, Bus, Memory> way) {
        return onMovingHost(new Machine(Region.plugInto(newVm(), rom), way));
    }

    /** The host moves pages as fast as one thread can, often those in use; and evicts some. */
    private Machine onMovingHost(Machine machine) {
        AtomicInteger next = new AtomicInteger();
        hosts.add(Adversary.of(machine.vm).migrating().resting(Duration.ZERO)
                .preferring(() -> IN_USE[next.getAndIncrement() % IN_USE.length]).start());
        hosts.add(Adversary.of(machine.vm).evicting().perSecond(1000).preferring(() -> Region.RAM.gpa()).start());
        return machine;
    }

    private Machine runningUntil(String printed, Way way) {
        Machine machine = newMachine(way.memory);
        machine.start();
        assertTrue(machine.await(() -> machine.console.indexOf(printed) >= 0, patience), machine.console::toString);
        return machine;
    }

    private void assertEndsAsOnPlainArrays(Machine machine) throws Exception {
        machine.pressPower(); // until then it goes on
        machine.await(() -> !machine.isOn(), patience);
        machine.stop();
        assertEquals(plain.console.toString(), machine.console.toString());
        assertIsButForTheTime(plainEnd, machine);
        assertArrayEquals(new Screen(plain.vm).picture(), machine.screen.picture());
    }

    /** All memory, page by page: of the same VM, only what was written since is looked at. */
    private static void assertIsButForTheTime(RamSnapshot memory, Machine machine) {
        try (RamSnapshot now = machine.vm.ram().snapshot()) {
            assertArrayEquals(new long[] {Region.CLOCK.gpa() / Region.PAGE}, now.pagesChangedSince(memory).toArray());
        }
    }

    @AfterEach
    void hostsHaveMovedPages() {
        hosts.forEach(Adversary::close);
        hosts.forEach(host -> assertTrue(host.actions().values().stream().anyMatch(times -> times > 10)));
    }

    @ParameterizedTest @EnumSource
    void runs(Way way) throws Exception {
        assertEndsAsOnPlainArrays(runningUntil("booted", way));
    }

    @ParameterizedTest @EnumSource
    void goesBackToASnapshot(Way way) throws Exception {
        Machine machine = runningUntil("counted", way);
        machine.stop();
        try (Moment moment = Moment.of(machine)) {
            machine.start();
            assertEndsAsOnPlainArrays(machine);
            moment.rewind(machine);
            assertIsButForTheTime(moment.memory(), machine);
        }
        machine.start();
        assertEndsAsOnPlainArrays(machine);
    }

    @ParameterizedTest @EnumSource
    void isSavedAndLoaded(Way way, @TempDir Path directory) throws Exception {
        Machine machine = runningUntil("counted", way);
        machine.stop();
        try (Moment moment = Moment.of(machine)) {
            moment.save(directory.resolve("saved"));
        }
        Machine loaded = onMovingHost(Moment.load(directory.resolve("saved"), newVm(), way.memory));
        loaded.start();
        assertEndsAsOnPlainArrays(loaded);
    }

    @ParameterizedTest @EnumSource
    void migratesWhileItRuns(Way way) throws Exception {
        Machine to = newMachine(way.memory);
        Migration.move(runningUntil("booted", way), to);
        to.start();
        assertEndsAsOnPlainArrays(to);
    }

    /** The control: a hart that is not told of every page of the screen that goes paints into memory that has gone. */
    @Test
    void aForgottenPageIsNoticed() {
        List<ForgetfulDrops> forgetful = new ArrayList<>();
        Machine machine = newMachine((vm, devices) -> new HeldMemory(vm, devices, drop -> {
            ForgetfulDrops ofScreen = new ForgetfulDrops(drop, 100);
            forgetful.add(ofScreen);
            return gpa -> (Region.SCREEN.contains(gpa) ? ofScreen : drop).dropped(gpa);
        }));
        machine.start();
        patience = Duration.ofSeconds(10); // it may be lost for good
        assertThrows(Throwable.class, () -> assertEndsAsOnPlainArrays(machine));
        assertTrue(forgetful.stream().anyMatch(each -> each.forgotten() > 0));
        hosts.clear(); // they may have found it, too
    }
}
