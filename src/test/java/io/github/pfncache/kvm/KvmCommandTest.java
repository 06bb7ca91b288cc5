package io.github.pfncache.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.pfncache.address.Pages;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The command: on the kernel of this machine where it can be opened, and on what is none. */
final class KvmCommandTest {

    private static final String ONE_LINE = "\\P{Cntrl}+\\R";

    @TempDir
    private Path directory;

    /** What a run of the command said. */
    record Run(int code, String out, String err) {}

    static Run run(BooleanSupplier interrupted, String... words) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int code = new CommandLine(new KvmCommand(stream(out), stream(err), interrupted))
                .setParameterExceptionHandler((fault, given) -> {
                    stream(err).println(fault.getMessage());
                    return 2;
                })
                .execute(words);
        return new Run(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    private static Run run(String... words) {
        return run(() -> false, words);
    }

    private static PrintStream stream(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }

    private Path script(String... lines) throws IOException {
        return Files.write(directory.resolve("script.tsv"), List.of(lines));
    }

    @Test
    void whatIsNoDeviceIsOneLineAndACodeOfItsOwn() throws IOException {
        for (String device : List.of("/dev/no-kvm-here", "/dev/null", script("a file").toString(), "/")) {
            Run run = run("--device", device);
            assertThat(run.code).as(device).isEqualTo(KvmCommand.NO_KVM);
            assertThat(run.err).as(device).matches(ONE_LINE).contains(device);
            assertThat(run.out).as(device).isEmpty();
        }
    }

    @Test
    void whatIsNoNumberOfSequencesIsRefused() {
        for (String option : List.of("--sequences=0", "--ops=0", "--ops=1001", "--sequences=-1", "--seed=x")) {
            Run run = run(option);
            assertThat(run.code).as(option).isEqualTo(2);
            assertThat(run.err).as(option).matches(ONE_LINE);
        }
    }

    @Test
    void anUnreadableScriptIsNamedByItsLineBeforeAnythingIsRun() throws IOException {
        Run run = run("--script", script("clk", "# a comment", "a\tslot 1 0xg 4 A0 -", "").toString());
        Run empty = run("--script", script("clk", "run 0;;run 0").toString());
        assertThat(empty.code).isEqualTo(2);
        assertThat(empty.err).contains("line 2").matches(ONE_LINE);
        assertThat(run.code).isIn(2, KvmCommand.NO_KVM); // a number is read when the operation is run
    }

    @Test
    void sequencesAgreeAndTheLastLineSaysSo() {
        LiveKernel.assumeThere();
        Run run = run("--sequences", "200", "--seed", "7");
        assertThat(run.out).endsWith(" differ" + (run.out.contains(" by name\n") ? lastWords(run.out) : "\n"));
        assertThat(run.out).containsPattern("kvm: 200 sequences, \\d+ operations, \\d+ agree, 0 differ");
        assertThat(run.code).isZero();
    }

    private static String lastWords(String out) {
        return out.substring(out.lastIndexOf(" differ") + " differ".length());
    }

    @Test
    void aScriptShowsWhatTheRecorderDid() throws IOException {
        LiveKernel.assumeThere();
        Run run = run("--script", script("case\tscript\tobserved",
                "first\tslot 1 0x100000 4 A0 -;greg 0 0x100101", "", "vcpus 2;run 1").toString());
        assertThat(run.out).startsWith("case\tscript\tobserved\n"
                + "first\tslot 1 0x100000 4 A0 -;greg 0 0x100101\t0 ; ok W@A0+100:aaaaaaaa>aaaaaaac/f3\n"
                + "line-4\tvcpus 2;run 1\tok ; IOf8\n"
                + "kvm: 2 sequences, 4 operations, 4 agree, 0 differ");
        assertThat(run.code).isZero();
    }

    /** Found by the generator: where a hole was moved to, the page stays, and is looked at. */
    @Test
    void whatAHoleWouldGoToStays() throws IOException {
        LiveKernel.assumeThere();
        String script = "slot 2 0x103000 4 M2 l;unmap M11 1;mv M10 2 M4;greg 0 0x106101";
        Run run = run("--script", script(script).toString());
        if (!run.out.contains(KernelDifference.MOVE_OF_SEVERAL.name())) {
            assertThat(run.out).contains("0 ; 0 ; 0 ; ok W@M5+100:aaaaaaaa>aaaaaaac/f3\n").contains(" 0 differ");
        }
    }

    @Test
    void anInterruptionEndsItWithWhatThereIs() {
        LiveKernel.assumeThere();
        AtomicInteger asked = new AtomicInteger();
        Run run = run(() -> asked.incrementAndGet() > 3, "--sequences", "1000000", "--seed", "7");
        assertThat(run.out).contains("interrupted").contains("kvm: 3 sequences, ");
    }

    @Test
    void nothingStaysOpenOrMapped() throws IOException {
        LiveKernel.assumeThere();
        long before = descriptors();
        run("--sequences", "20", "--seed", "3");
        run(() -> true, "--sequences", "20", "--seed", "3");
        assertThat(descriptors()).isLessThanOrEqualTo(before);
        assertThat(arenas()).isEmpty();
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.filter(each -> {
                try {
                    return Files.readSymbolicLink(each).toString().matches(".*(kvm|pfncache|pagemap|/mem)\\b.*");
                } catch (IOException closedMeanwhile) {
                    return false;
                }
            }).count();
        }
    }

    /** What is mapped from the first arena to the last. By number: the JVM's own memory may begin at 0x20000000. */
    private static List<String> arenas() throws IOException {
        long begin = Collections.min(Arenas.claims());
        long end = Collections.max(Arenas.claims()) + (long) Arenas.PAGES * Pages.PAGE_SIZE;
        return Files.readAllLines(Path.of("/proc/self/maps")).stream().filter(line -> {
            long address = Long.parseUnsignedLong(line.substring(0, line.indexOf('-')), 16);
            return address >= begin && address < end;
        }).toList();
    }

    @Test
    void anAddressThatIsTakenIsOneLine() throws IOException {
        LiveKernel.assumeThere();
        long taken = Arenas.claims().get(2);
        int flags = Linux.MAP_PRIVATE | Linux.MAP_ANONYMOUS | Linux.MAP_FIXED_NOREPLACE;
        assertThat(Linux.mmap(taken, 4096, Linux.PROT_NONE, flags, -1, 0)).isEqualTo(taken);
        try {
            Run run = run("--sequences", "2");
            assertThat(run.code).isEqualTo(KvmCommand.NO_KVM);
            assertThat(run.err).matches(ONE_LINE).contains("address");
            assertThat(arenas()).hasSize(1);
        } finally {
            Linux.munmap(taken, 4096);
        }
    }

    @Test
    void aKernelWithoutXenInterfacesIsOneLine() throws IOException, Unusable {
        LiveKernel.assumeThere();
        try (Kvm kvm = Kvm.open(Kvm.DEVICE)) {
            assumeFalse(kvm.hasXen(), "this kernel has them");
        }
        Run run = run("--xen", "--sequences", "2");
        assertThat(run.code).isEqualTo(KvmCommand.NO_KVM);
        assertThat(run.err).matches(ONE_LINE).contains("KVM_CAP_XEN_HVM");
        assertThat(run.out).isEmpty();
        Run script = run("--script", script("xen 64;xset lm 1").toString());
        assertThat(script.code).isEqualTo(KvmCommand.NO_KVM);
        assertThat(script.err).matches(ONE_LINE).contains("KVM_CAP_XEN_HVM");
    }

    @Test
    void sequencesWithXenInterfacesAgree() {
        LiveKernel.assumeXen();
        Run run = run("--xen", "--sequences", "60", "--seed", "7");
        assertThat(run.out).containsPattern("kvm: 60 sequences, \\d+ operations, \\d+ agree, 0 differ");
        assertThat(run.code).isZero();
    }

    @Test
    void aScriptWithXenInterfacesShowsWhatTheRecorderDid() throws IOException {
        LiveKernel.assumeXen();
        String op = "xen 64;xcfg 22;slot 1 0x100000 4 A0 -;poison A0 2 0;xset lm 1;xset upv 0x41;xset si 0x100;"
                + "vset 0 vi 0x101040;run 0;xsend 5 0;irun 0;hc 0 99 1";
        Run run = run("--script", script("sent\t" + op).toString());
        assertThat(run.out).contains("sent\t" + op + "\tok ; 0 ; 0 ; ok ; 0 ; 0 ; 0 C@A0+c00:0>2/epoch/hi0 ; 0"
                + " ; IOf8 W@A1+60:0>2/f1 ; 0 b@A0+800:00>20,b@A1+40:00>01,b@A1+48:00>01 ; INT41"
                + " ; X34{nr=99,cpl=0,lm=1,in=1.0.0.0.0.0} rax=77\n");
        assertThat(run.code).isZero();
    }

    @Test
    void theKernelKeepsItsInvariantsInAChurn() {
        LiveKernel.assumeThere();
        Run run = run("--churn", "300");
        assertThat(run.out).containsPattern("kvm: 14 cases, \\d+ updates, 0 violations");
        assertThat(run.code).isZero();
        assertThat(run("--churn=0").code).isEqualTo(2);
    }

    /** A slot over this program's own memory would let a guest write there. */
    @Test
    void noScriptReachesTheProgramsOwnMemory() throws Unusable {
        LiveKernel.assumeThere();
        try (Kvm kvm = Kvm.open(Kvm.DEVICE)) {
            for (String script : List.of("slot 1 0x100000 4 0x7f0000000000 -", "unmap A15 2", "dn 0x7f0000000000 1",
                    "mapanon A16 1", "mv A0 1 A99999", "map A15 200", "poke A15+fff 1 2")) {
                assertThat(outcome(kvm, script)).as(script).isEqualTo("unreadable");
            }
        }
    }

    private static String outcome(Kvm kvm, String script) throws Unusable {
        try {
            return KernelMachine.observe(kvm, Script.parse(script)).observed();
        } catch (Script.Unreadable e) {
            return "unreadable";
        }
    }

    @Test
    void aVcpuThatNeverLeavesIsEnded() throws Unusable {
        LiveKernel.assumeThere();
        try (Kvm kvm = Kvm.open(Kvm.DEVICE); KernelMachine machine = KernelMachine.open(kvm)) {
            assertThat(machine.vm().stay(0, TimeUnit.MILLISECONDS.toNanos(200))).isEqualTo("STUCK");
            assertThat(machine.vm().run(0)).as("afterwards").isEqualTo("IOf8");
        }
    }
}
