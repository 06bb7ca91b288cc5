package io.github.pfncache.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.trace.BundledTraces;
import io.github.pfncache.trace.FlightRecording;
import io.github.pfncache.vm.Vm;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.xml.parsers.DocumentBuilderFactory;
import jdk.jfr.Recording;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xml.sax.InputSource;

/** {@code report}: a machine of one's own, by a flight recording. */
final class ReportCommandTest {

    private static final long HVA = 0x7f00_0000_0000L;

    @TempDir
    private Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int report(Object... args) {
        String[] words = new String[args.length + 1];
        words[0] = "report";
        Arrays.setAll(words, i -> i == 0 ? "report" : args[i - 1].toString());
        return Main.run(words, stream(out), stream(err), false, new Interruption());
    }

    private static PrintStream stream(ByteArrayOutputStream to) {
        return new PrintStream(to, false, StandardCharsets.UTF_8); // it says µs
    }

    private List<String> lines(ByteArrayOutputStream of) {
        return of.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private Path record(Runnable machine) throws IOException {
        Path file = directory.resolve("guest.jfr");
        try (Recording recording = new Recording()) {
            for (String name : List.of("Refresh", "Invalidate", "SlotChange", "Busy")) {
                recording.enable("io.github.pfncache." + name).withoutThreshold();
            }
            recording.start();
            machine.run();
            recording.stop();
            recording.dump(file);
        }
        return file;
    }

    /** A clock whose page moves, whose slot gets a log and goes; and a cache of host memory. */
    private static void machine() {
        Vm vm = Vm.builder().build();
        vm.host().mapAnonymous(HVA, 32, Protection.READ_WRITE);
        vm.memslots().set(0, 0, 0, 0x20000, HVA);
        GfnPfnCache clock = vm.newCache(8);
        GfnPfnCache byHva = vm.newCache(8);
        assertThat(clock.activate(0x7100)).isEqualTo(Outcome.OK);
        assertThat(byHva.activateHva(HVA + 0x9000)).isEqualTo(Outcome.OK);
        vm.host().migrate(HVA + 0x7000);
        vm.host().migrate(HVA + 0x1000); // nobody's
        assertThat(clock.storeLong(0, 1)).isEqualTo(Outcome.OK);
        vm.memslots().setFlags(0, Memslot.FLAG_LOG_DIRTY_PAGES);
        assertThat(clock.storeLong(0, 2)).isEqualTo(Outcome.OK);
        vm.memslots().delete(0);
        assertThat(clock.storeLong(0, 3)).isEqualTo(Outcome.FAULT);
    }

    @Test
    void theCachesOfARecordingAreCounted() throws IOException {
        assertThat(report(record(ReportCommandTest::machine))).isZero();
        assertThat(lines(out)).map(line -> line.replaceAll(" +", " ").replaceAll(" [0-9.]+ (µs|ms|s) ", " T "))
                .containsSequence("cache at refreshes longest activation slots invalidated FAULT",
                        "by hva 1 T 1 0 0 0", "0x7100 4 T 1 2 1 1");
        assertThat(lines(out)).last().asString()
                .matches("report: [0-9]+ events, 2 places with a cache, \\{Invalidate=2, Refresh=5, SlotChange=3}");
        assertThat(lines(err)).isEmpty();
    }

    @Test
    void itsPageDrawsCachesSlotsAndMigrations() throws Exception {
        Path page = directory.resolve("guest.html");
        assertThat(report(record(ReportCommandTest::machine), "--report", page)).isZero();
        String text = Files.readString(page);
        DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(text)));
        assertThat(text).contains("guest.jfr", "<svg class=\"trace\"", "5 changes", "class=\"invalidation\"",
                "the host takes 4096 bytes at 0x7f0000007000", "delete slot 0", "flags slot 0",
                "slot 0: gpa 0x0 to 0x1ffff, 0x7f0000000000+0x0, logs dirty pages, after change 3",
                "<path class=\"stale\"", "unbacked, after change 4", "valid at frame ");
        assertThat(text).doesNotContain("0x7f0000001000");
    }

    @Test
    void machinesGetOneObject() throws IOException {
        assertThat(report(record(ReportCommandTest::machine), "--json")).isZero();
        assertThat(lines(out)).hasSize(1).first().asString()
                .startsWith("{\"command\":\"report\",\"events\":{\"Invalidate\":2,\"Refresh\":5,\"SlotChange\":3},")
                .contains("\"0x7100\":{\"FAULT\":1,\"OK\":3,\"activation\":1,\"invalidated\":1,\"slots\":2}")
                .containsPattern("\"caches\":\\{\"[0-9]+\":\\{\"0x7100\"");
    }

    /** Two machines at the same guest addresses, on one host: each has its row and its picture. */
    @Test
    void severalMachinesAreToldApart() throws IOException {
        Vm first = Vm.builder().build();
        Vm second = Vm.builder().host(first.host()).build();
        Path page = directory.resolve("guest.html");
        Path file = record(() -> {
            first.ram().add(0, 0, 0, 16);
            second.ram().add(0, 0, 0, 16);
            for (Vm vm : List.of(first, second, second)) {
                vm.newCache(8).activate(0x7100);
            }
            second.host().migrate(second.memslots().table().find(7).gfnToHva(7));
        });
        assertThat(report(file, "--report", page)).isZero();
        assertThat(lines(out)).map(line -> line.replaceAll(" +", " ").replaceAll(" [0-9.]+ (µs|ms|s) ", " T "))
                .containsSequence("cache at VM refreshes longest activation",
                        "0x7100 " + first.memslots().number() + " 1 T 1",
                        "0x7100 " + second.memslots().number() + " 2 T 2");
        assertThat(lines(out)).last().asString().contains(" of 2 VMs, 2 places with a cache, ");
        assertThat(page).content().contains("<h2>The machines: 2 of 2</h2>")
                .contains("guest.jfr, VM " + first.memslots().number() + "</b> 2 changes")
                .contains("guest.jfr, VM " + second.memslots().number() + "</b> 3 changes");
    }

    @Test
    void aTestCanReadTheEvents() throws IOException {
        FlightRecording recorded = FlightRecording.read(record(ReportCommandTest::machine), read -> true);
        assertThat(recorded.whole()).isTrue();
        assertThat(recorded.events()).filteredOn(event -> event.isOf(FlightRecording.SLOT_CHANGE))
                .allMatch(event -> event.vm() > 0)
                .extracting(event -> event.what(), event -> event.gpa(), event -> event.bytes(), event -> event.hva(),
                        event -> event.flags())
                .containsExactly(
                        tuple("create", 0L, 0x20000L, HVA, 0),
                        tuple("flags", 0L, 0x20000L, HVA, 1),
                        tuple("delete", 0L, 0x20000L, HVA, 1));
        FlightRecording part = FlightRecording.read(directory.resolve("guest.jfr"), read -> read < 2);
        assertThat(part.whole()).isFalse();
    }

    /** The busiest places are drawn, and the page says that there are more. */
    @Test
    void aMachineOfManyCachesHasAPageOfSensibleSize() throws IOException {
        Path page = directory.resolve("guest.html");
        Path file = record(() -> {
            Vm vm = Vm.builder().build();
            vm.ram().add(0, 0, 0, 64);
            for (int i = 0; i < 64; i++) {
                vm.newCache(8).activate(i * 4096L);
            }
            for (int i = 0; i < 2000; i++) {
                vm.host().migrate(vm.memslots().table().find(i % 64).gfnToHva(i % 64));
            }
        });
        assertThat(report(file, "--report", page)).isZero();
        assertThat(page).content().contains("32 caches are drawn, 32 are not");
        assertThat(Files.size(page)).isLessThan(400_000);
    }

    private void refused(Object file, String why) {
        assertThat(report(file)).as("%s", file).isEqualTo(2);
        assertThat(lines(err)).hasSize(1).first().asString().contains(why);
        assertThat(lines(out)).isEmpty();
        err.reset();
    }

    @Test
    void whatIsNoRecordingIsOneLine() throws IOException {
        refused(directory.resolve("absent.jfr"), "absent.jfr: no such file");
        refused(directory, directory.toString());
        refused(Files.createFile(directory.resolve("empty.jfr")), "empty.jfr");
        refused(Files.writeString(directory.resolve("text.jfr"), "no recording, but long enough to be one ".repeat(9)),
                "text.jfr");
        try (var in = BundledTraces.class.getResourceAsStream("microvm_m32.tsv")) {
            refused(Files.write(directory.resolve("trace.tsv"), in.readAllBytes()), "trace.tsv");
        }
        refused(record(() -> {}), "guest.jfr: no event of pfncache is in it");
        assertThat(report()).isEqualTo(2);
    }

    @Test
    void aDamagedRecordingIsOneLineOrLess() throws IOException {
        byte[] whole = Files.readAllBytes(record(ReportCommandTest::machine));
        Random random = new Random(7);
        for (int i = 0; i < 60; i++) {
            byte[] bytes = Arrays.copyOf(whole, i % 2 == 0 ? random.nextInt(whole.length) : whole.length);
            for (int flips = i % 2 * 20; flips > 0; flips--) {
                bytes[68 + random.nextInt(bytes.length - 68)] = (byte) random.nextInt(); // behind the chunk's header
            }
            int code = report(Files.write(directory.resolve("damaged.jfr"), bytes));
            assertThat(code).isIn(0, 2);
            assertThat(lines(err)).hasSize(code == 0 ? 0 : 1);
            err.reset();
        }
    }
}
