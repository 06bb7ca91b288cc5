package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * The public API is what {@code src/test/resources/public-api.txt} lists. To change it on purpose, write the list anew
 * and commit it: {@code mvn test -Dtest=PublicApiTest -Dpublic-api.write=true}.
 */
final class PublicApiTest {

    private static final String GOLDEN = "src/test/resources/public-api.txt";
    private static final String HINT = "if this is meant, run: mvn test -Dtest=PublicApiTest -Dpublic-api.write=true";

    @Test
    void thePublicApiIsTheListedOne() throws IOException {
        Path golden = BuiltClasses.inCheckout(GOLDEN);
        List<String> actual = PublicApi.lines();
        if (Boolean.getBoolean("public-api.write")) {
            Files.writeString(golden, String.join("\n", actual) + "\n");
        }
        List<String> listed = Files.readAllLines(golden);
        assertThat(without(actual, listed)).as("in the code and not in %s; %s", GOLDEN, HINT).isEmpty();
        assertThat(without(listed, actual)).as("in %s and not in the code; %s", GOLDEN, HINT).isEmpty();
        assertThat(actual).as("order of %s; %s", GOLDEN, HINT).isEqualTo(listed);
    }

    @Test
    void onlyWhatCallersSeeIsListed() {
        assertThat(PublicApi.of(Sample.class).collect(Collectors.toList())).containsExactly(
                "architecture.PublicApiTest$Sample: public abstract static class",
                "architecture.PublicApiTest$Sample: protected Sample(int)",
                "architecture.PublicApiTest$Sample: protected int seen",
                "architecture.PublicApiTest$Sample: public Integer inherited()",
                "architecture.PublicApiTest$Sample: public abstract List<String> seenToo(int) throws IOException");
    }

    private static List<String> without(List<String> lines, List<String> others) {
        return lines.stream().filter(line -> !others.contains(line)).collect(Collectors.toList());
    }

    /** What a public class gets from a parent that callers cannot name is part of its API. */
    static class HiddenParent {
        public Integer inherited() {
            return 1;
        }
    }

    /** A class with something of every kind. */
    public abstract static class Sample extends HiddenParent {
        protected int seen;
        int hidden;

        protected Sample(int seen) {
            this.seen = seen;
        }

        Sample() {
            hidden = 1;
        }

        public abstract List<String> seenToo(int number) throws IOException;

        void hiddenToo() {
            hidden++;
        }
    }
}
