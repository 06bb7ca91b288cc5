package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A mapped file of the file system against an array of bytes: after every sync the file holds what the array does. */
class HostRealFileModelTest {

    private static final long BASE = 0x7f00_0000_0000L;
    private static final int PAGES = 6;

    enum Call { STORE, STORE_ELSEWHERE, STORE_PRIVATE, WRITE, PUNCH, TRUNCATE, EVICT, MIGRATE, UNMAP, READ, SYNC }

    /** One step: a call, and numbers that the call interprets. */
    record Step(Call call, int page, int offset, int n, byte value) {}

    @Provide
    Arbitrary<List<Step>> steps() {
        return Combinators.combine(
                        Arbitraries.of(Call.class),
                        Arbitraries.integers().between(0, PAGES - 1),
                        Arbitraries.of(0, 1, 99, 100, 2048, 4095),
                        Arbitraries.integers().between(0, 3),
                        Arbitraries.bytes())
                .as(Step::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(30);
    }

    @Property(tries = 40, edgeCases = EdgeCasesMode.NONE)
    void theFileHoldsWhatMemoryHeldAtTheLastSync(@ForAll("steps") List<Step> steps) throws IOException {
        Path path = Files.createTempFile("pfncache", "memory");
        try (Run run = new Run(path)) {
            for (Step step : steps) {
                run.apply(step);
                run.compare(step);
            }
            run.sync();
        } finally {
            Files.delete(path);
        }
    }

    private static final class Run implements AutoCloseable {
        private final Path path;
        private final FileChannel channel;
        private final HostMemory host = HostMemory.builder().build();
        private final HostFile file;
        private byte[] model = new byte[2 * Pages.PAGE_SIZE + 100];

        Run(Path path) throws IOException {
            this.path = path;
            new Random(1).nextBytes(model);
            Files.write(path, model);
            channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
            file = host.openFile(channel);
            map();
        }

        private void map() {
            host.mapShared(address(0), PAGES, file, 0, READ_WRITE);
            host.mapShared(address(100), PAGES, file, 0, READ_WRITE);
            host.mapPrivate(address(200), PAGES, file, 0, READ_WRITE);
        }

        void apply(Step s) throws IOException {
            int at = s.page * Pages.PAGE_SIZE + s.offset;
            switch (s.call) {
                case STORE -> store(address(0), at, s.value);
                case STORE_ELSEWHERE -> store(address(100), at, s.value);
                case STORE_PRIVATE -> host.copyToUser(address(200) + at, new byte[] {s.value}, 0, 1);
                case WRITE -> {
                    byte[] bytes = new byte[s.n * 2000 + 1];
                    Arrays.fill(bytes, s.value);
                    assertThat(file.write(at, bytes)).isEqualTo(OK);
                    model = Arrays.copyOf(model, Math.max(model.length, at + bytes.length));
                    System.arraycopy(bytes, 0, model, at, bytes.length);
                }
                case PUNCH -> {
                    assertThat(file.punchHole(s.page, s.n + 1)).isEqualTo(OK);
                    int from = Math.min(model.length, s.page * Pages.PAGE_SIZE);
                    Arrays.fill(model, from, Math.min(model.length, (s.page + s.n + 1) * Pages.PAGE_SIZE), (byte) 0);
                }
                case TRUNCATE -> {
                    assertThat(file.truncate(s.page)).isEqualTo(OK);
                    model = Arrays.copyOf(model, s.page * Pages.PAGE_SIZE);
                }
                case EVICT -> assertThat(host.evict(address(0), PAGES)).isEqualTo(OK);
                case MIGRATE -> host.migrate(address(s.page));
                case UNMAP -> map();
                case READ -> host.copyFromUser(address(100 * (s.n % 3) + s.page), new byte[1], 0, 1);
                case SYNC -> sync();
            }
        }

        private void store(long base, int at, byte value) {
            boolean inside = at < model.length;
            // Behind the end in the last page a store succeeds, and what becomes of it is nobody's business.
            if (inside || at >= file.npages() * Pages.PAGE_SIZE) {
                assertThat(host.copyToUser(base + at, new byte[] {value}, 0, 1)).isEqualTo(inside);
            }
            if (inside) {
                model[at] = value;
            }
        }

        void sync() throws IOException {
            assertThat(file.sync()).isEqualTo(OK);
            assertThat(Arrays.equals(Files.readAllBytes(path), model)).isTrue();
            assertThat(file.changedPages()).isZero();
        }

        void compare(Step step) {
            byte[] content = new byte[model.length + 1];
            assertThat(file.read(0, content)).as("%s", step).isEqualTo(model.length);
            assertThat(Arrays.mismatch(content, 0, model.length, model, 0, model.length)).as("%s", step).isEqualTo(-1);
            byte[] page = new byte[1];
            for (int at = 0; at < Math.min(model.length, PAGES * Pages.PAGE_SIZE); at += 1024) {
                assertThat(host.peek(address(0) + at, page)).isEqualTo(OK);
                assertThat(page[0]).as("%d after %s", at, step).isEqualTo(model[at]);
            }
            host.audit();
        }

        private static long address(int page) {
            return BASE + (long) page * Pages.PAGE_SIZE;
        }

        @Override
        public void close() throws IOException {
            host.close();
            file.truncate(0);
            assertThat(host.framesInUse()).isZero();
            channel.close();
        }
    }

    @Test
    void noStoreIsLostBetweenSyncsAtFullSpeed(@TempDir Path directory) throws Exception {
        Path path = directory.resolve("memory");
        Files.write(path, new byte[PAGES * Pages.PAGE_SIZE]);
        ExecutorService pool = Executors.newFixedThreadPool(3);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
                HostMemory host = HostMemory.builder().build()) {
            HostFile file = host.openFile(channel);
            host.mapShared(BASE, PAGES, file, 0, READ_WRITE);
            AtomicBoolean stop = new AtomicBoolean();
            Callable<Void> pinning = () -> {
                for (int i = 1; i <= 1_000; i++) {
                    assertThat(HostWorld.store(host, BASE + i % PAGES * Pages.PAGE_SIZE, i)).isTrue();
                }
                return null;
            };
            Callable<Void> copying = () -> {
                for (int i = 1; i <= 1_000; i++) {
                    long hva = BASE + i % PAGES * Pages.PAGE_SIZE + 8;
                    assertThat(host.copyToUser(hva, HostWorld.bytes(i), 0, 8)).isTrue();
                }
                return null;
            };
            Callable<Void> syncing = () -> {
                while (!stop.get()) { // ends with the writers
                    file.sync();
                    host.evict(BASE, PAGES);
                }
                return null;
            };
            Future<Void> first = pool.submit(pinning);
            Future<Void> second = pool.submit(copying);
            Future<Void> third = pool.submit(syncing);
            try {
                first.get(300, TimeUnit.SECONDS);
                second.get(300, TimeUnit.SECONDS);
            } finally {
                stop.set(true);
            }
            third.get(300, TimeUnit.SECONDS);
            file.sync();
            assertThat(file.changedPages()).isZero();
            byte[] inMemory = new byte[PAGES * Pages.PAGE_SIZE];
            file.read(0, inMemory);
            assertThat(Files.readAllBytes(path)).isEqualTo(inMemory);
            host.audit();
        } finally {
            pool.shutdownNow();
        }
    }
}
