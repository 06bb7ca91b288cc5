package io.github.pfncache.museum;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.kvm.LiveKernel;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A historical fault in the library is found against the kernel of this machine, and shrunk to a few operations. */
final class LiveKernelMuseumTest {

    private static final String OPTIONS = "--sequences 400 --seed 1";
    private static final String XEN_OPTIONS = "--xen " + OPTIONS;
    private static final int FEW = 6;
    private static final Pattern SHRUNK = Pattern.compile("shrunk from \\d+ operations to (\\d+)");

    @ParameterizedTest
    @ValueSource(strings = {"B00", "B77", "D03"})
    void aFaultIsFoundAndShrunk(String id) throws ReflectiveOperationException {
        LiveKernel.assumeThere();
        isFoundAndShrunk(id, OPTIONS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"B53", "B47b"})
    void aFaultOfXenInterfacesIsFoundAndShrunk(String id) throws ReflectiveOperationException {
        LiveKernel.assumeXen();
        isFoundAndShrunk(id, XEN_OPTIONS);
    }

    private static void isFoundAndShrunk(String id, String options) throws ReflectiveOperationException {
        String printed = run(Museum.exhibit(id).edits(), options);
        int found = Math.max(0, printed.indexOf("difference:"));
        System.out.println(id + " on the live kernel:\n" + printed.substring(found));
        Matcher shrunk = SHRUNK.matcher(printed);
        assertThat(shrunk.find()).as(printed).isTrue();
        assertThat(Integer.parseInt(shrunk.group(1))).as(printed).isBetween(1, FEW);
        assertThat(printed).endsWith("exit code 1");
    }

    @SuppressWarnings("unchecked")
    private static String run(List<Edit> edits, String options) throws ReflectiveOperationException {
        Map<String, byte[]> mutants = MutantCompiler.compile(edits);
        Class<?> runner = new MutantLoader(mutants).loadClass(LiveRunner.class.getName());
        return ((UnaryOperator<String>) runner.getConstructor().newInstance()).apply(options);
    }
}
