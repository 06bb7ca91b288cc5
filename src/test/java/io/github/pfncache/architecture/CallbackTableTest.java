package io.github.pfncache.architecture;

import static java.util.stream.Collectors.toList;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.rules.Rule;
import java.io.IOException;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What is held while code of a user is called: the table in {@code .github/RULES.md} has a row for each such call of
 * the library and of {@code pv}, and each row names calls that are there.
 */
final class CallbackTableTest {

    private static final String HEADING = "## What is held while your code is called\n";

    /** Interfaces that the library implements itself. */
    private static final Set<Class<?>> NO_CALLBACKS = Set.of(Rule.class);

    @Test
    void everyMethodOfAnInterfaceForUsersHasARow() throws IOException {
        Set<String> named = named();
        List<Class<?>> interfaces = types().filter(CallbackTableTest::isForUsers).collect(toList());
        assertThat(interfaces).as("interfaces that users implement").hasSizeGreaterThan(10);
        for (Class<?> type : interfaces) {
            if (!named.contains(nameOf(type))) { // else the row is about all of its methods
                assertThat(named).as("calls in the table").containsAll(methodsOf(type));
            }
        }
    }

    @Test
    void everyMethodThatTakesAFunctionHasARow() throws IOException {
        List<String> takers = types()
                .filter(type -> !isForUsers(type))
                .flatMap(CallbackTableTest::takersOf)
                .distinct()
                .collect(toList());
        assertThat(takers).as("methods that call what they are given").hasSizeGreaterThan(10);
        assertThat(named()).as("calls in the table").containsAll(takers);
    }

    @Test
    void everyRowNamesCallsThatAreThere() throws IOException {
        for (String[] row : rows()) {
            List<String> names = DocumentedNames.in(row[1]);
            assertThat(names).as(row[1]).isNotEmpty();
            assertThat(DocumentedNames.missing(names)).as(row[1]).isEmpty();
            assertThat(Arrays.asList(row).subList(1, row.length)).as(row[1]).hasSize(4).noneMatch(String::isBlank);
        }
    }

    /** Canary: what the tests look for is found where it is. */
    @Test
    void whatTakesAFunctionIsFound() {
        assertThat(takersOf(Taker.class)).containsExactlyInAnyOrder(
                "CallbackTableTest.Taker.Taker", "CallbackTableTest.Taker.take");
        assertThat(methodsOf(Callback.class)).containsExactlyInAnyOrder(
                "CallbackTableTest.Callback.asked", "CallbackTableTest.Callback.told");
    }

    /** For the canary. */
    public static final class Taker {
        public Taker(Runnable work) {
            work.run();
        }

        public Object take(int count, Supplier<Object> source) {
            return count == 0 ? null : source.get();
        }

        public int count() {
            return 0;
        }
    }

    /** For the canary. */
    public interface Callback {
        void told();

        default boolean asked() {
            return false;
        }

        static Callback none() {
            return () -> {};
        }
    }

    private static List<String[]> rows() throws IOException {
        String page = Files.readString(BuiltClasses.inCheckout(".github/RULES.md"));
        assertThat(page).contains(HEADING);
        String section = page.substring(page.indexOf(HEADING) + HEADING.length());
        return section.lines()
                .takeWhile(line -> !line.startsWith("## "))
                .filter(line -> line.startsWith("| `"))
                .map(line -> line.split("\\|"))
                .collect(toList());
    }

    /** Every call that has a row. */
    private static Set<String> named() throws IOException {
        return rows().stream().flatMap(row -> DocumentedNames.in(row[1]).stream()).collect(toSet());
    }

    /** The types of the library and of {@code pv} that users can name. */
    private static Stream<Class<?>> types() {
        return BuiltClasses.all().stream()
                .filter(type -> Jars.LIBRARY.contains(BuiltClasses.nameOfPackage(type))
                        || Jars.PV.contains(BuiltClasses.nameOfPackage(type)))
                .filter(CallbackTableTest::canBeNamed);
    }

    private static boolean canBeNamed(Class<?> type) {
        return Stream.<Class<?>>iterate(type, at -> at != null, Class::getEnclosingClass)
                .allMatch(at -> Modifier.isPublic(at.getModifiers()) && !at.isAnonymousClass() && !at.isLocalClass());
    }

    private static boolean isForUsers(Class<?> type) {
        return type.isInterface() && !type.isAnnotation() && !type.isSealed() && !NO_CALLBACKS.contains(type);
    }

    private static List<String> methodsOf(Class<?> type) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()) && !Modifier.isStatic(method.getModifiers()))
                .map(method -> nameOf(type) + "." + method.getName())
                .collect(toList());
    }

    private static Stream<String> takersOf(Class<?> type) {
        return Stream.<Executable>concat(
                        Arrays.stream(type.getDeclaredMethods()), Arrays.stream(type.getDeclaredConstructors()))
                .filter(member -> Modifier.isPublic(member.getModifiers()) && !member.isSynthetic())
                .filter(member -> Arrays.stream(member.getParameterTypes()).anyMatch(CallbackTableTest::isFunction))
                .map(member -> nameOf(type) + "."
                        + (member instanceof Method ? member.getName() : type.getSimpleName()));
    }

    private static boolean isFunction(Class<?> type) {
        return type == Runnable.class || type.getPackageName().equals("java.util.function");
    }

    private static String nameOf(Class<?> type) {
        return type.getName().substring(type.getPackageName().length() + 1).replace('$', '.');
    }
}
