package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.pfncache.kvm.Script;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Any text is a row of vectors with a script that runs, with every invariant of the machine kept, or is unreadable.
 * What a script may do wrong as a caller is refused with the exceptions for that, and the machine is sound after it.
 */
final class ScriptFuzzTest {

    /** A longer script shows nothing that some short ones do not. */
    private static final int MAX_OPS = 24;

    @FuzzTest(maxDuration = "60s")
    void anyTextIsAScriptThatRunsOrIsUnreadable(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        List<Vectors.Row> rows = Vectors.parse("fuzz.tsv", ("\n" + text).lines().toList()).rows();
        for (Vectors.Row row : rows.subList(0, Math.min(rows.size(), 1))) {
            run(row.get(row.columns().size() - 1));
        }
    }

    private static void run(String text) {
        Script script;
        try {
            script = Script.parse(text);
        } catch (Script.Unreadable notOfThisLanguage) {
            assertThat(notOfThisLanguage).hasMessageMatching("(?s).+");
            return;
        }
        assertThat(Script.parse(script.toString())).isEqualTo(script);
        if (script.ops().size() > MAX_OPS || script.ops().stream().anyMatch(ScriptFuzzTest::repeatsMuch)) {
            return;
        }
        try (XenMachine machine = new XenMachine()) {
            try {
                machine.run(script);
            } catch (IllegalArgumentException | IllegalStateException | IndexOutOfBoundsException refused) {
                assertThat(refused.getMessage()).isNotBlank();
            }
            machine.audit();
        }
    }

    /** It would only take longer. */
    private static boolean repeatsMuch(Script.Op op) {
        boolean repeats = op.name().equals("run") || op.name().equals("clkrun");
        return repeats && op.has(2) && !op.word(2).matches("[0-9]{1,2}");
    }
}
