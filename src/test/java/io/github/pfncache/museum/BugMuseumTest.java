package io.github.pfncache.museum;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Every historical fault of the museum page, put back into the production source, is found, for the right reason; and
 * what finds it finds nothing in the source as it is. Prints the table.
 */
final class BugMuseumTest {

    /** Lines of the table by id. */
    private static final Map<String, String> TABLE = Collections.synchronizedMap(new TreeMap<>());

    /**
     * What became of a scenario without a fault, by its name, in as many schedules as an exhibit of it took, and some
     * more if there are. The tests of the scenarios themselves run many.
     */
    private static final Map<String, Finding> CLEAN = new TreeMap<>();

    /** What is kept of each, by id. */
    private static final Map<String, String> RECORDED = Collections.synchronizedMap(new TreeMap<>());

    /** 1,500 are all that are run to find a fault. */
    private static final int FEW_SCHEDULES = Integer.getInteger("museum.schedules", 100);

    private static int found;
    private static int missed;

    @TestFactory
    Stream<DynamicTest> everyFaultIsFound() {
        return Museum.exhibits().stream()
                .map(exhibit -> DynamicTest.dynamicTest(exhibit.id() + " " + exhibit.fault(), () -> show(exhibit)));
    }

    private static void show(Exhibit exhibit) {
        missed++;
        long start = System.nanoTime();
        Finding with = Finding.withFault(exhibit);
        double seconds = (System.nanoTime() - start) / 1e9;
        boolean right = exhibit.isFoundIn(with);
        line(exhibit.id(), exhibit.fault(), exhibit.search() + ", " + (right ? with.reason() : "MISSED"),
                String.valueOf(with.schedules()), seconds);
        assertThat(right).as("expected %s, but %s", exhibit.reasons(), with).isTrue();
        record(exhibit.id(), Recording.of(exhibit, with));
        Finding without = CLEAN.compute(exhibit.search(), (name, before) -> before == null
                || before.schedules() < with.schedules() ? Finding.withoutFault(exhibit, schedules(with)) : before);
        assertThat(without.reason()).as("the source as it is: %s", without).isEmpty();
        missed--;
        found++;
    }

    private static long schedules(Finding with) {
        return Math.max(with.schedules(), FEW_SCHEDULES);
    }

    @TestFactory
    Stream<DynamicTest> theOthersCannotBeWritten() {
        return Inexpressible.all().stream().map(one -> DynamicTest.dynamicTest(one.id() + " " + one.fault(), () -> {
            line(one.id(), one.fault(), "not expressible: " + one.reason(), "-", 0);
            one.proof().run();
            record(one.id(), Recording.of(one));
        }));
    }

    /** What was found is what is kept to be drawn; or is kept from now on. */
    private static void record(String id, String recording) {
        RECORDED.put(id, recording);
        if (!Recording.WRITE) {
            assertThat(recording)
                    .as("exhibit as recorded in " + Recording.FILE + "; if the change is meant, run:"
                            + " mvn test -Dtest=BugMuseumTest -Dmuseum.write=true")
                    .isEqualTo(Recording.kept().get(id));
        }
    }

    @AfterAll
    static void keep() throws IOException {
        int all = Museum.exhibits().size() + Inexpressible.all().size();
        if (Recording.WRITE && RECORDED.size() == all) {
            Files.writeString(Recording.FILE, String.join("", RECORDED.values()));
        }
    }

    private static void line(String id, String fault, String foundBy, String schedules, double seconds) {
        TABLE.put(id, String.format(Locale.ROOT, "%-5s %-86s %9s %5.2f  %s", id, fault, schedules, seconds, foundBy));
    }

    @AfterAll
    static void printTable() {
        System.out.printf("%-5s %-86s %9s %5s  %s%n", "id", "fault", "schedules", "s", "found by");
        TABLE.values().forEach(System.out::println);
        int others = Inexpressible.all().size();
        System.out.printf("museum: %d exhibits, %d found, %d missed, %d not expressible%n",
                Museum.exhibits().size() + others, found, missed, others);
    }
}
