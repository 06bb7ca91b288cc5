package io.github.pfncache.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** What the command {@code kvm} runs, on this library alone: every invariant is kept. */
final class GeneratorPropertyTest {

    /** What a dirty log names more is looked past, and memory that is zeroed has no flag left. */
    private static final Set<KernelDifference> LOOKED_PAST =
            EnumSet.of(KernelDifference.DIRTY, KernelDifference.STOPPED_IN_OTHERS);

    private static Generator generator(long seed, int operations) {
        return new Generator(seed, operations, false, true, true, Set.of());
    }

    private static Generator xenGenerator(long seed, int operations) {
        return new Generator(seed, operations, true, true, true, KernelDifference.ofXen());
    }

    @Property(tries = 300)
    void everySequenceOfXenIsReadableAndKeepsTheInvariants(
            @ForAll long seed, @ForAll @IntRange(min = 0, max = 1000) int number,
            @ForAll @IntRange(min = 1, max = 40) int operations) {
        Script script = xenGenerator(seed, operations).script(number);
        assertThat(script.ops()).hasSizeBetween(1, operations);
        assertThat(script).isEqualTo(xenGenerator(seed, operations).script(number));
        assertThat(LibraryMachine.observe(script)).doesNotContain(" at ");
    }

    @Test
    void everyKindOfXenOperationIsMade() {
        Set<String> names = LongStream.range(0, 1_000)
                .mapToObj(number -> xenGenerator(1, 24).script(number))
                .flatMap(script -> script.ops().stream())
                .map(op -> op.name().equals("xset") ? "xset " + op.word(1)
                        : op.name().equals("vset") ? "vset " + op.word(2) : op.name())
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(names).contains("xen", "vcpus", "xcfg", "slot", "del", "dlog", "xset lm", "xset si", "xset sih",
                "xset upv", "xset ver", "xset ruf", "xget", "vset vi", "vset vih", "vset vti", "vset rs", "vset rscur",
                "vset rsdata", "vset rsadj", "vset id", "vset tmr", "vset upv", "vget", "xsend", "evb", "evu", "evd",
                "evr", "send", "sst", "sstop", "sto", "poll", "hc", "run", "irun", "clk", "rsmem", "gwd", "gwq", "greg",
                "dn", "unmap", "map", "mv", "none", "ro", "rw", "punch");
    }

    /** What is sent into memory that nobody changes arrives: only there does an answer tell what this library does. */
    @Test
    void mostSequencesOfXenAreWithoutADifferenceThatHasAName() {
        List<Script> scripts = LongStream.range(0, 400).mapToObj(xenGenerator(1, 24)::script).toList();
        List<Script> plain = scripts.stream().filter(script -> !isNamed(script)).toList();
        assertThat(plain).hasSizeBetween(200, 399);
        assertThat(plain.stream().map(LibraryMachine::observe).filter(observed -> observed.contains("INT")))
                .hasSizeGreaterThan(100);
    }

    @Property(tries = 300)
    void everySequenceIsReadableAndKeepsTheInvariants(
            @ForAll long seed, @ForAll @IntRange(min = 0, max = 1000) int number,
            @ForAll @IntRange(min = 1, max = 40) int operations) {
        Script script = generator(seed, operations).script(number);
        assertThat(script.ops()).hasSizeBetween(1, operations);
        assertThat(LibraryMachine.observe(script)).doesNotContain(" at ");
    }

    @Property(tries = 50)
    void theSameSeedMakesTheSameSequences(@ForAll long seed, @ForAll @IntRange(min = 0, max = 1000) int number) {
        assertThat(generator(seed, 20).script(number)).isEqualTo(generator(seed, 20).script(number));
    }

    @Test
    void everyKindOfOperationIsMade() {
        Set<String> names = LongStream.range(0, 2_000)
                .mapToObj(number -> generator(1, 20).script(number))
                .flatMap(script -> script.ops().stream().map(Script.Op::name))
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(names).contains("vcpus", "ring", "slot", "del", "dlog", "ringget", "reg", "reg_old", "greg",
                "greg_old", "streg", "gstreg", "msr", "gmsr", "getmsr", "run", "runx", "clk", "clkrun", "ctrl", "sleep",
                "dn", "ro", "rw", "none", "unmap", "map", "mapro", "mapanon", "mapfile", "willneed", "rm", "free",
                "punch", "trunc", "poison", "poke", "peek", "fread", "fwrite", "mv");
    }

    @Test
    void whatAKernelHasNotIsNotMade() {
        Generator poor = new Generator(1, 20, false, false, false, Set.of());
        assertThat(LongStream.range(0, 500).mapToObj(number -> poor.script(number).toString()))
                .noneMatch(script -> script.matches(".*(streg|ring|4b564d03).*"));
    }

    @Test
    void aDifferenceWithANameIsRarelyRunInto() {
        Generator careful = new Generator(1, 20, false, true, true, EnumSet.allOf(KernelDifference.class));
        long named = LongStream.range(0, 300).mapToObj(careful::script).filter(GeneratorPropertyTest::isNamed).count();
        assertThat(named).isBetween(1L, 200L);
    }

    private static boolean isNamed(Script script) {
        List<Script.Op> ops = script.ops();
        return LongStream.range(0, ops.size()).anyMatch(index -> EnumSet.allOf(KernelDifference.class).stream()
                .anyMatch(each -> !LOOKED_PAST.contains(each) && each.concerns(ops, (int) index)));
    }

    /** The probe of a difference is one, and this library's answer is not that of a kernel that differs. */
    @Test
    void eachDifferenceWithANameHasAProbe() {
        for (KernelDifference each : KernelDifference.values()) {
            List<Script.Op> ops = each.probe().ops();
            assertThat(each.isShownBy(LibraryMachine.observe(each.probe()))).as("%s", each).isFalse();
            assertThat(each.concerns(ops, ops.size() - 1)).as("%s", each).isTrue();
        }
    }

    @Test
    void aScriptIsShrunkToWhatItNeeds() throws Unusable {
        Script script = Script.parse("a;b;c;d;e;f;g;h;i;j;k");
        Script shrunk = new Shrinker().shrink(script, each -> each.toString().matches(".*b.*g.*"));
        assertThat(shrunk).isEqualTo(Script.parse("b;g"));
        assertThat(new Shrinker().shrink(script, each -> false)).isEqualTo(script);
    }
}
