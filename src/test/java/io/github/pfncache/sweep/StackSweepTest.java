package io.github.pfncache.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.AtomicOp;
import io.github.pfncache.cache.GuestAccess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Where the stack ends inside a load, a store or a slow path: no page stays held, what was written is in the log, and
 * no reader of the memory map is forgotten. Run as a program, with the number of sweeps, it says what they found: for a
 * JVM that only interprets.
 */
final class StackSweepTest {

    private static final int WARM = 15_000;
    private static final int SLOWER = 20;
    private static final int MANY_MINUTES = 600;

    private static final Map<String, StackSweep.Attempt> ATTEMPTS = new LinkedHashMap<>(Map.of(
            "cache.storeByte", (sweep, page) -> sweep.cache(page).storeByte(0, (byte) 1),
            "cache.storeShort", (sweep, page) -> sweep.cache(page).storeShort(0, (short) 1),
            "cache.storeInt", (sweep, page) -> sweep.cache(page).storeInt(0, 1),
            "cache.storeLong", (sweep, page) -> sweep.cache(page).storeLong(0, 1),
            "cache.loadInt", (sweep, page) -> sweep.cache(page).loadInt(0, 1),
            "cache.loadLong", (sweep, page) -> sweep.cache(page).loadLong(0, 1),
            "cache.access", StackSweepTest::access,
            "tlb.storeByte", (sweep, page) -> sweep.tlb().storeByte(StackSweep.gpa(page), (byte) 1),
            "tlb.storeLong", (sweep, page) -> sweep.tlb().storeLong(StackSweep.gpa(page), 1),
            "tlb.loadLong", (sweep, page) -> sweep.tlb().loadLong(StackSweep.gpa(page))));

    /** Each of them takes the slow way: its page was taken away before. */
    private static final Map<String, StackSweep.Attempt> SLOW_ATTEMPTS = new LinkedHashMap<>(Map.of(
            "cache.refresh", (sweep, page) -> sweep.cache(page).refresh(),
            "cache.storeLong", (sweep, page) -> sweep.cache(page).storeLong(0, 1),
            "cache.loadLong", (sweep, page) -> sweep.cache(page).loadLong(0, 1),
            "cache.atomicLong", (sweep, page) -> sweep.cache(page).atomicLong(AtomicOp.OR, 0, 1),
            "cache.deactivate", (sweep, page) -> sweep.cache(page).deactivate(),
            "cache.activate", (sweep, page) -> sweep.cache(page).activate(StackSweep.gpa(page)),
            "area.activate", (sweep, page) -> sweep.area(page).activate(StackSweep.gpa(page), 8),
            "area.deactivate", (sweep, page) -> sweep.area(page).deactivate(),
            "tlb.storeLong", (sweep, page) -> sweep.tlb().storeLong(StackSweep.gpa(page), 1),
            "tlb.loadLong", (sweep, page) -> sweep.tlb().loadLong(StackSweep.gpa(page))));

    private static void access(StackSweep sweep, int page) {
        try (GuestAccess access = sweep.cache(page).access()) {
            if (access.isUsable()) {
                access.putLong(0, 1);
            }
        }
    }

    @Test
    void someDepths() {
        assertThat(sweep(1, WARM)).isEmpty();
        assertThat(sweep(1, 0)).isEmpty();
    }

    @Test
    @Tag("deep")
    @Timeout(MANY_MINUTES)
    void everyDepth() {
        assertThat(sweep(40, WARM)).isEmpty();
        assertThat(sweep(10, 0)).isEmpty();
    }

    /** Interpreted only, and without rules, the frames and so the depths are the same each time. */
    @Test
    void someDepthsInterpreted() throws IOException, InterruptedException {
        assertThat(sweepInterpreted(1)).isEqualTo("[]");
    }

    @Test
    @Tag("deep")
    @Timeout(MANY_MINUTES)
    void everyDepthInterpreted() throws IOException, InterruptedException {
        assertThat(sweepInterpreted(10)).isEqualTo("[]");
    }

    private static String sweepInterpreted(int paddings) throws IOException, InterruptedException {
        Process jvm = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xint",
                "-XX:-StackTraceInThrowable", "-cp", System.getProperty("java.class.path"),
                StackSweepTest.class.getName(), Integer.toString(paddings))
                .redirectErrorStream(true)
                .start();
        String said = new String(jvm.getInputStream().readAllBytes());
        assertThat(jvm.waitFor(MANY_MINUTES, TimeUnit.SECONDS)).as("it has ended").isTrue();
        return said.strip();
    }

    /** Where no stack is short, the sweep would see nothing. */
    @Test
    void theStackEnds() {
        StackSweep sweep = new StackSweep(ATTEMPTS.get("cache.storeLong"), 0);
        assertThat(sweep.run(0)).isEmpty();
        assertThat(sweep.overflows()).isPositive();
    }

    /** The page moves, and both areas and caches are where they are not wanted. */
    private static void disturb(StackSweep sweep, int page) {
        sweep.cache(page).activate(StackSweep.gpa(page));
        sweep.area(page).activate(StackSweep.gpa(0), 8);
        sweep.migrate(page);
    }

    private static List<String> sweep(int paddings, int warmUp) {
        List<String> faults = new ArrayList<>();
        ATTEMPTS.forEach((name, attempt) -> {
            for (int padding = 0; padding < paddings; padding++) { // bounded by the caller
                new StackSweep(attempt, warmUp).run(padding).forEach(fault -> faults.add(name + ": " + fault));
            }
        });
        SLOW_ATTEMPTS.forEach((name, attempt) -> {
            for (int padding = 0; padding < paddings; padding++) { // bounded by the caller
                new StackSweep(StackSweepTest::disturb, attempt, warmUp / SLOWER)
                        .run(padding)
                        .forEach(fault -> faults.add("slow " + name + ": " + fault));
            }
        });
        return faults;
    }

    /** Says what was found. */
    public static void main(String[] args) {
        System.out.println(sweep(Integer.parseInt(args[0]), 100));
    }
}
