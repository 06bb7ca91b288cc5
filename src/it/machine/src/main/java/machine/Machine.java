package machine;

import static machine.Csrs.SOFTWARE;

import io.github.pfncache.vm.Vm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;

/** The machine: two harts, each on a thread of its own, and the devices on another. */
final class Machine implements Bus {

    private static final long ON = -1;

    final Vm vm;
    final List<Hart> harts;
    final StringBuffer console = new StringBuffer();
    final Screen screen;
    private final Clock clock;
    private final Disk disk;
    private final Map<Long, Bus> devices;

    /** What the guest has written to turn the machine off, and whether somebody has asked it to. */
    private volatile long power = ON, pressed;

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Future<?>> lives = new ArrayList<>();
    private final Semaphore kicks = new Semaphore(0);
    private volatile boolean runs;

    /** A machine on the memory of a VM; the last argument makes the memory of each hart. */
    Machine(Vm vm, BiFunction<Vm, Bus, Memory> way) {
        this.vm = vm;
        harts = List.of(new Hart(0, way.apply(vm, this)), new Hart(1, way.apply(vm, this)));
        clock = new Clock(vm);
        screen = new Screen(vm);
        disk = new Disk(vm.guestMemory(), new VirtQueue(vm), kicks::release, harts.get(0).csrs, new byte[0x8000]);
        devices = Map.of(
                Region.INTERRUPTS, (at, width, value) -> harts.get((int) at >> 2 & 1).csrs.raise(SOFTWARE, value != 0),
                Region.UART, (gpa, width, value) -> console.append((char) value),
                Region.DISK, disk,
                Region.POWER, (gpa, width, value) -> power = value);
    }

    // ------------------------------------------------------------------ the devices

    @Override public long load(long gpa, int width) {
        return gpa == Region.POWER ? pressed : deviceAt(gpa, Trap.LOAD_FAULT).load(gpa, width);
    }

    @Override public void store(long gpa, int width, long value) {
        deviceAt(gpa, Trap.STORE_FAULT).store(gpa, width, value);
    }

    private Bus deviceAt(long gpa, int otherwise) {
        Bus device = devices.get(gpa & -Region.PAGE);
        if (device == null) {
            throw new Trap(otherwise, gpa);
        }
        return device;
    }

    /** What the devices have to do now. */
    void serve() {
        disk.serve();
        clock.tick();
        screen.repaint();
    }

    private Void serveWhileItRuns() throws InterruptedException {
        while (runs) {
            kicks.tryAcquire(1, TimeUnit.MILLISECONDS);
            serve();
        }
        return null;
    }

    // ------------------------------------------------------------------ the threads

    boolean isOn() { return power == ON; }

    void pressPower() { pressed = 1; }

    void start() {
        runs = true;
        lives.add(threads.submit(this::serveWhileItRuns));
        harts.forEach(hart -> lives.add(threads.submit(() -> hart.runWhile(() -> runs))));
    }

    /** Waits until something is so, or a thread has failed, or for as long. Answers whether it is so. */
    boolean await(BooleanSupplier something, Duration patience) {
        long end = System.nanoTime() + patience.toNanos();
        while (!something.getAsBoolean() && lives.stream().noneMatch(Future::isDone) && System.nanoTime() < end) {
            LockSupport.parkNanos(100_000);
        }
        return something.getAsBoolean();
    }

    /** Everything is at rest afterwards, and no request is under way. Throws what a thread has thrown. */
    void stop() throws InterruptedException, ExecutionException {
        runs = false;
        for (Future<?> life : lives) {
            life.get();
        }
        lives.clear();
        serve();
    }

    void state(State state) {
        power = state.of(power);
        pressed = state.of(pressed);
        harts.forEach(hart -> hart.state(state));
        console.setLength((int) state.of(console.length()));
        for (int i = 0; i < console.length(); i++) {
            console.setCharAt(i, (char) state.of(console.charAt(i)));
        }
        disk.state(state);
        clock.state(state);
    }
}
