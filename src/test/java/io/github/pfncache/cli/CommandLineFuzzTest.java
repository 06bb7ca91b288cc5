package io.github.pfncache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Whatever words the program is started with, it answers with a result or with one line about what is wrong. */
final class CommandLineFuzzTest {

    private static final int MAX_WORDS = 8;

    /** Comes last, so that words that make sense end here, and no command runs for longer than it takes to see it. */
    private static final String ABSENT = "no-such-directory/no-such-file";

    /** Each line is a word. */
    @FuzzTest(maxDuration = "60s")
    void anyWordsAreACommandOrOneLineOfComplaint(byte[] bytes) {
        List<String> words = new ArrayList<>(List.of(new String(bytes, StandardCharsets.UTF_8).split("\n", MAX_WORDS)));
        words.add(ABSENT);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int code = Main.run(words.toArray(new String[0]), stream(out), stream(err), false, new Interruption());
        assertThat(code).isIn(0, Console.BAD_INPUT);
        if (code == Console.BAD_INPUT) {
            assertThat(err.toString(StandardCharsets.UTF_8)).matches("\\P{Cntrl}+\\R");
            assertThat(out.size()).isZero();
        } else {
            assertThat(out.size()).isPositive();
        }
    }

    private static PrintStream stream(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }
}
