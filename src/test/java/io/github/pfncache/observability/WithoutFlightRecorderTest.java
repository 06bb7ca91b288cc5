package io.github.pfncache.observability;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Nobody records, or nobody can: events cost nothing and are not needed. */
final class WithoutFlightRecorderTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int ACCESSES = 100_000;
    private static final long PATIENCE_SECONDS = 300;

    /** What another JVM runs: everything that would report, on an image of the base module alone. */
    static final class Program {

        private Program() {}

        public static void main(String[] args) {
            Vm vm = machine();
            GfnPfnCache cache = vm.newCache(8);
            require(cache.activate(GPA) == Outcome.OK);
            require(vm.host().migrate(HVA) == HostResult.OK);
            try (GuestAccess access = cache.access()) {
                require(access.isUsable());
            }
            int token = vm.memslots().enterRead();
            require(vm.memslots().delete(1) == Memslots.Change.BUSY);
            vm.memslots().exitRead(token);
            require(vm.memslots().delete(1) == Memslots.Change.DONE);
            require(cache.refresh() == Outcome.FAULT);
            System.out.println(ModuleLayer.boot().modules());
        }

        private static void require(boolean holds) {
            if (!holds) {
                throw new IllegalStateException();
            }
        }
    }

    private static Vm machine() {
        Vm vm = Vm.builder().build();
        vm.host().mapAnonymous(HVA, 4, Protection.READ_WRITE);
        vm.memslots().set(1, 0, GPA, 4 * 4096, HVA);
        return vm;
    }

    @Test
    void aRuntimeImageWithoutItIsEnough() throws IOException, InterruptedException, URISyntaxException {
        Path output = Files.createTempFile("pfncache", ".txt");
        try {
            Process program = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                            "-ea", "--limit-modules", "java.base", "-cp",
                            place(Vm.class) + File.pathSeparator + place(Program.class), Program.class.getName())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            try {
                assertThat(program.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).as("ended").isTrue();
            } finally {
                program.destroyForcibly();
            }
            assertThat(Files.readString(output)).isEqualToIgnoringNewLines("[module java.base]");
            assertThat(program.exitValue()).isZero();
        } finally {
            Files.delete(output);
        }
    }

    private static String place(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    }

    /** Canary: the measure sees one small object for each access, which is what an event would be. */
    @Test
    void anAccessMakesNoEventWhileSomebodyRecords() throws IOException {
        GfnPfnCache cache = machine().newCache(8);
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
        Recorded recorded = Recorded.whileRunning(() -> {
            assertThat(allocatedBy(() -> load(cache))).isLessThan(ACCESSES);
            Object[] kept = new Object[1];
            assertThat(allocatedBy(() -> keep(kept))).isGreaterThan(8L * ACCESSES);
        });
        assertThat(List.of(recorded.of("Refresh"), recorded.of("Busy"), recorded.of("Invalidate")))
                .allMatch(List::isEmpty);
    }

    private static void load(GfnPfnCache cache) {
        for (int i = 0; i < ACCESSES; i++) { // bounded by its count
            if (cache.loadLong(0, -1) != 0) {
                throw new IllegalStateException("not the value of fresh memory");
            }
        }
    }

    private static void keep(Object[] kept) {
        for (int i = 0; i < ACCESSES; i++) { // bounded by its count
            kept[0] = new Object();
        }
    }

    private static long allocatedBy(Runnable body) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        body.run(); // so that what is loaded once does not count
        long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
        body.run();
        return threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
    }
}
