package machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.pfncache.host.HostMemory;
import io.github.pfncache.stress.Adversary;
import io.github.pfncache.stress.ForgetfulDrops;
import io.github.pfncache.vm.Vm;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The guest computes the same, bit for bit, as on plain arrays: whatever the host and the machine's owner do. */
final class MachineTest {

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int CHUNK = 1 << 16;

    /** Pages that the guest uses most: its program, variables, the virtqueue, data, the screen, the clock. */
    private static final long[] IN_USE = {Region.ROM.gpa, 0x4000_0000, 0x4000_1000, 0x4000_3000, 0x4000_5000,
        0x4010_0000, 0x4030_0000, Region.SCREEN.gpa, Region.CLOCK.gpa};

    private static byte[] rom;
    private static Machine plain;

    private final List<Adversary> hosts = new ArrayList<>();

    /** How the harts get their memory. */
    enum Way {
        TLB(TlbMemory::new),
        HELD(HeldMemory::new);

        private final BiFunction<Vm, Bus, Memory> memory;

        Way(BiFunction<Vm, Bus, Memory> memory) {
            this.memory = memory;
        }
    }

    @BeforeAll
    static void runOnPlainArrays() {
        rom = Assembler.assemble("guest.s", Region.ROM.gpa, Region.ROM.pages * Region.PAGE);
        Vm vm = Vm.builder().build();
        byte[][] arrays = new byte[Region.values().length][];
        for (Region region : Region.values()) {
            arrays[region.ordinal()] = new byte[region.pages * Region.PAGE];
            vm.ram().add(region.ordinal(), region.flags, region.gpa, arrays[region.ordinal()]);
        }
        plain = new Machine(vm, rom, (of, devices) -> new PlainMemory(arrays, devices));
        while (plain.isOn()) { // the program ends
            plain.harts.forEach(Hart::turn);
            plain.serve();
        }
        assertTrue(plain.console.toString().startsWith("booted\ncounted\nsieved\n"), plain.console.toString());
    }

    /** A machine on a host that moves and evicts its pages as fast as one thread can, often those in use. */
    private Machine machine(BiFunction<Vm, Bus, Memory> way) {
        HostMemory host = HostMemory.builder().checked(true).build(); // what is freed is filled with a pattern
        Machine machine = new Machine(Region.plugInto(Vm.builder().host(host).build()), rom, way);
        long[] hvas = LongStream.of(IN_USE).map(gpa -> gpa / Region.PAGE)
                .map(gfn -> machine.vm.memslots().table().find(gfn).gfnToHva(gfn)).toArray();
        AtomicInteger next = new AtomicInteger();
        hosts.add(Adversary.of(machine.vm).migrating().resting(Duration.ZERO)
                .preferring(() -> hvas[next.getAndIncrement() % hvas.length]).start());
        hosts.add(Adversary.of(machine.vm).evicting().perSecond(1000).preferring(() -> hvas[0]).start());
        return machine;
    }

    private Machine runningUntil(String printed, Way way) {
        Machine machine = machine(way.memory);
        machine.start();
        assertTrue(machine.await(() -> machine.console.indexOf(printed) >= 0, PATIENCE), machine.console::toString);
        return machine;
    }

    private static void assertEndsAsOnPlainArrays(Machine machine) throws Exception {
        assertEndsAsOnPlainArrays(machine, PATIENCE);
    }

    private static void assertEndsAsOnPlainArrays(Machine machine, Duration patience) throws Exception {
        machine.await(() -> !machine.isOn(), patience);
        machine.stop();
        assertEquals(plain.console.toString(), machine.console.toString());
        for (Region region : List.of(Region.RAM, Region.SCREEN)) {
            for (long gpa = region.gpa; gpa < region.end(); gpa += CHUNK) {
                assertEquals(-1, Arrays.mismatch(bytes(plain, gpa), bytes(machine, gpa)), "in " + gpa);
            }
        }
        assertArrayEquals(bytes(plain, Region.SCREEN.gpa), machine.screen.picture);
    }

    private static byte[] bytes(Machine machine, long gpa) {
        byte[] bytes = new byte[CHUNK];
        assertEquals(CHUNK, machine.vm.guestMemory().read(gpa, bytes));
        return bytes;
    }

    @AfterEach
    void hostsHaveMovedPages() {
        hosts.forEach(Adversary::close);
        hosts.forEach(host -> assertTrue(host.actions().values().stream().anyMatch(times -> times > 100)));
    }

    @ParameterizedTest
    @EnumSource
    void runs(Way way) throws Exception {
        assertEndsAsOnPlainArrays(runningUntil("booted", way));
    }

    @ParameterizedTest
    @EnumSource
    void goesBackToASnapshot(Way way) throws Exception {
        Machine machine = runningUntil("counted", way);
        machine.stop();
        try (Moment moment = Moment.of(machine)) {
            machine.start();
            assertEndsAsOnPlainArrays(machine);
            moment.rewind(machine);
        }
        machine.start();
        assertEndsAsOnPlainArrays(machine);
    }

    @ParameterizedTest
    @EnumSource
    void isSavedAndLoaded(Way way, @TempDir Path directory) throws Exception {
        Machine machine = runningUntil("counted", way);
        machine.stop();
        try (Moment moment = Moment.of(machine)) {
            moment.save(directory.resolve("saved"));
        }
        Machine loaded = machine(way.memory);
        Moment.load(directory.resolve("saved"), loaded);
        loaded.start();
        assertEndsAsOnPlainArrays(loaded);
    }

    @ParameterizedTest
    @EnumSource
    void migratesWhileItRuns(Way way) throws Exception {
        Machine to = machine(way.memory);
        Migration.move(runningUntil("counted", way), to);
        to.start();
        assertEndsAsOnPlainArrays(to);
    }

    /** The control: a hart that is not told of every page of the screen that goes paints into memory that has gone. */
    @Test
    void aForgottenPageIsNoticed() {
        List<ForgetfulDrops> forgetful = new ArrayList<>();
        Machine machine = machine((vm, devices) -> new HeldMemory(vm, devices, drop -> {
            ForgetfulDrops ofScreen = new ForgetfulDrops(drop, 100);
            forgetful.add(ofScreen);
            return gpa -> (gpa >= Region.SCREEN.gpa && gpa < Region.SCREEN.end() ? ofScreen : drop).dropped(gpa);
        }));
        machine.start();
        assertThrows(Throwable.class, () -> assertEndsAsOnPlainArrays(machine, Duration.ofSeconds(10)));
        assertTrue(forgetful.stream().anyMatch(each -> each.forgotten() > 0));
        hosts.clear(); // they may have found it, too
    }
}
