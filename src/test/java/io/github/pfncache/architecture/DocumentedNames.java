package io.github.pfncache.architecture;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The names of classes and their members that a document gives in backticks, held against the compiled product. */
final class DocumentedNames {

    /** A class, perhaps nested, and perhaps a member of it: {@code GuestAccess.close}, {@code DirtyBitmap.Harvest}. */
    private static final Pattern NAME = Pattern.compile("`([A-Z]\\w*(?:\\.\\w+)*)`");

    private DocumentedNames() {}

    /** The names in a text; words in capitals only are left out: they are constants, whose enum says what they are. */
    static List<String> in(String text) {
        List<String> names = new ArrayList<>();
        Matcher matcher = NAME.matcher(text);
        while (matcher.find()) { // bounded by the text
            if (!matcher.group(1).equals(matcher.group(1).toUpperCase())) {
                names.add(matcher.group(1));
            }
        }
        return names;
    }

    /** Those of the names that no class of the product has. */
    static List<String> missing(List<String> names) {
        return names.stream().filter(name -> !exists(name)).collect(Collectors.toList());
    }

    static boolean exists(String name) {
        String nested = name.replace('.', '$');
        int dot = name.lastIndexOf('.');
        return classesNamed(nested).findAny().isPresent()
                || dot > 0
                        && classesNamed(nested.substring(0, dot))
                                .anyMatch(type -> members(type).contains(name.substring(dot + 1)));
    }

    private static Stream<Class<?>> classesNamed(String binaryName) {
        return BuiltClasses.all().stream()
                .filter(type -> type.getName().endsWith("." + binaryName));
    }

    /** What a class declares or inherits from a class of the product, private members too. */
    private static Set<String> members(Class<?> type) {
        return Stream.<Class<?>>iterate(type, at -> at != null && at != Object.class, Class::getSuperclass)
                .flatMap(at -> Stream.concat(
                        Arrays.stream(at.getDeclaredMethods()), Arrays.stream(at.getDeclaredFields())))
                .map(java.lang.reflect.Member::getName)
                .collect(Collectors.toSet());
    }
}
