package io.github.pfncache.architecture;

import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Writes down what callers can name: one line per public or protected type and member, packages shortened. */
final class PublicApi {

    private static final Set<String> OF_OBJECT = Set.of("equals", "hashCode", "toString");
    private static final Set<String> OF_ENUM = Set.of("values", "valueOf");

    private PublicApi() {}

    /** The API of every package that is somebody's, in whichever jar. */
    static List<String> lines() {
        return BuiltClasses.all().stream()
                .filter(type -> !Jars.INTERNAL.contains(BuiltClasses.nameOfPackage(type)))
                .filter(PublicApi::canBeNamed)
                .flatMap(PublicApi::of)
                .collect(Collectors.toList());
    }

    /** The lines of one type: the type, its constructors, its fields, its methods. */
    static Stream<String> of(Class<?> type) {
        List<String> fields = new ArrayList<>();
        List<String> methods = new ArrayList<>();
        // Ends at the first parent that has lines of its own, or is not ours.
        for (Class<?> from = type; from == type || !canBeNamed(from) && isOurs(from); from = from.getSuperclass()) {
            Arrays.stream(from.getDeclaredFields())
                    .filter(field -> isVisible(field, type))
                    .map(PublicApi::show)
                    .forEach(fields::add);
            Arrays.stream(from.getDeclaredMethods())
                    .filter(method -> isVisible(method, type) && !isImplied(method))
                    .map(method -> show(method, method.toGenericString()))
                    .forEach(methods::add);
            if (from.isInterface()) {
                break;
            }
        }
        Stream<String> constructors = Arrays.stream(type.getDeclaredConstructors())
                .filter(constructor -> isVisible(constructor, type))
                .map(PublicApi::show);
        String prefix = shorten(type.getName()) + ": ";
        Stream<String> members = Stream.concat(fields.stream().sorted(), methods.stream().sorted());
        return Stream.of(Stream.of(header(type)), constructors.sorted(), members)
                .flatMap(lines -> lines)
                .map(line -> prefix + line);
    }

    private static String header(Class<?> type) {
        // Newer platforms say "sealed" here and 17 does not; what is permitted is said below.
        String line = type.toGenericString()
                .replace(" " + type.getTypeName(), "")
                .replaceFirst("\\b(non-)?sealed ", "");
        if (type.getSuperclass() != null && isOurs(type.getSuperclass()) && canBeNamed(type.getSuperclass())
                || type.getSuperclass() != null && Throwable.class.isAssignableFrom(type)) {
            line += " extends " + type.getGenericSuperclass().getTypeName();
        }
        if (type.getInterfaces().length > 0) {
            line += " implements " + names(type.getGenericInterfaces());
        }
        if (type.isSealed() && !type.isEnum()) {
            line += " permits " + names(type.getPermittedSubclasses());
        }
        return shorten(line);
    }

    private static String names(Type[] types) {
        return Arrays.stream(types).map(Type::getTypeName).sorted().collect(Collectors.joining(", "));
    }

    private static boolean canBeNamed(Class<?> type) {
        for (Class<?> each = type; each != null; each = each.getEnclosingClass()) {
            if (!isVisible(each.getModifiers()) || each.isAnonymousClass() || each.isLocalClass()) {
                return false;
            }
        }
        return true;
    }

    private static boolean isOurs(Class<?> type) {
        return type != null && type.getName().startsWith(BuiltClasses.ROOT + ".");
    }

    /** What is protected in a type that nobody can extend is for its own package. */
    private static boolean isVisible(Member member, Class<?> of) {
        boolean visible = Modifier.isFinal(of.getModifiers())
                ? Modifier.isPublic(member.getModifiers())
                : isVisible(member.getModifiers());
        return visible && !member.isSynthetic();
    }

    private static boolean isVisible(int modifiers) {
        return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
    }

    /** Every class has these, and every enum those. */
    private static boolean isImplied(Method method) {
        return OF_OBJECT.contains(method.getName())
                || method.getDeclaringClass().isEnum() && OF_ENUM.contains(method.getName());
    }

    private static String show(Field field) {
        return show(field, field.toGenericString()).replace("transient ", "").replace("volatile ", "");
    }

    private static String show(Constructor<?> constructor) {
        String owner = constructor.getDeclaringClass().getTypeName();
        return shorten(constructor.toGenericString().replace(owner + "(", simple(constructor) + "("));
    }

    private static String simple(Executable constructor) {
        return constructor.getDeclaringClass().getSimpleName();
    }

    private static String show(Member member, String generic) {
        String owner = member.getDeclaringClass().getTypeName();
        return shorten(generic.replace(" " + owner + "." + member.getName(), " " + member.getName()))
                .replace("synchronized ", "");
    }

    private static String shorten(String text) {
        return text.replace(BuiltClasses.ROOT + ".", "")
                .replaceAll("java\\.(lang|util|io|nio)\\.(?=[A-Z])", "");
    }
}
