package io.github.pfncache.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * A public method of the library or of the paravirtual interfaces has a place in the sweeps: an operation calls it, or
 * {@link Adopter} is what the library calls; or a reason why not is written here.
 */
final class SweepCoverageTest {

    private static final Pattern METHOD =
            Pattern.compile("^((?:address|rules|memslot|host|cache|vm|pvclock|xen)\\.[\\w$]+): .*?(\\w+)\\((.*)\\).*$");

    /** Types, or methods of a type, that no sweep can find anything in. */
    private static final Map<String, String> REASONS = new TreeMap<>(Map.ofEntries(
            Map.entry("address\\..*", "values and arithmetic"),
            Map.entry("rules\\..*", "the locks and rules that everything swept is made of"),
            Map.entry(".*Rule\\..*", "values"),
            Map.entry("memslot\\.MemslotTable\\..*|memslot\\.Memslot\\..*", "immutable, takes no lock, calls nobody"),
            Map.entry("memslot\\.Memslots\\$.*|memslot\\.DirtyRing\\$Entry.*", "values"),
            Map.entry("memslot\\.DirtyMark\\..*", "a part of a store"),
            Map.entry("cache\\.GuestMemory\\$Piece.*", "values"),
            Map.entry("cache\\.(CacheState|CacheStats|CacheTarget|RetryPolicy).*", "values"),
            Map.entry("host\\.(HostMapping|HostWindow|HostPage)\\..*", "one access to bytes that are there: no call"),
            Map.entry("host\\.HostMemory\\.(framesInUse|shortage)", "looks at counters"),
            Map.entry("host\\.PageFault\\..*", "what a handler is shown"),
            Map.entry("host\\.(MemoryRun|RewindRange)\\..*", "values"),
            Map.entry("pvclock\\.(GuestTsc|PvclockScale|PvclockTimeInfo|PvclockReader\\$Reading).*", "values"),
            Map.entry("xen\\.(RunstateTimes|TimerState|GuestMode|Hypercall|HypercallResult|XenConfig)\\..*", "values"),
            Map.entry("vm\\.HostClock.*", "the sweeps' own clock"),
            Map.entry("vm\\.DirtyLogFollower\\$Round.*", "values")));

    @Test
    void everyPublicMethodIsSwept() throws IOException {
        Set<String> swept = SweptMethods.all();
        List<String> missing = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of("src/test/resources/public-api.txt"))) {
            Matcher method = METHOD.matcher(line);
            if (method.matches() && !isSwept(method.group(1), method.group(2), method.group(3), swept)) {
                missing.add(line);
            }
        }
        assertThat(missing).as("public methods that no operation of the sweeps calls: add one, or a reason").isEmpty();
    }

    private static boolean isSwept(String type, String name, String parameters, Set<String> swept) {
        boolean constructor = type.endsWith("." + name) || type.endsWith("$" + name);
        String erased = parameters.replaceAll("<[^<>]*>", "").replace("...", "[]");
        String method = type + "." + (constructor ? "<init>" : name)
                + Arrays.stream(erased.split(",")).map(SweptMethods::simple).collect(Collectors.joining(",", "(", ")"));
        return swept.contains(method)
                || REASONS.keySet().stream().anyMatch((type + "." + name)::matches)
                || isCalledByTheLibrary(type, name);
    }

    /** Whether it is a method that an adopter writes. */
    private static boolean isCalledByTheLibrary(String type, String name) {
        try {
            Class<?> owner = Class.forName("io.github.pfncache." + type);
            if (!owner.isInterface() || !owner.isAssignableFrom(Adopter.class)) {
                return false;
            }
            for (Method method : Adopter.class.getDeclaredMethods()) { // bounded by the methods
                if (method.getName().equals(name) && Modifier.isPublic(method.getModifiers())) {
                    return true;
                }
            }
            return false;
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Canary: a method that is called is found, one that is not is missed. */
    @Test
    void whatIsCalledIsFound() {
        assertThat(SweptMethods.all())
                .contains("cache.GfnPfnCache.storeLong(int,long)", "xen.XenVm.attach(Vm,Kvmclock,UpcallListener)")
                .doesNotContain("cache.GfnPfnCache.storeLong(int,int)");
        assertThat(isSwept("cache.GuestTlb", "loadInt", "int,int", new TreeSet<>())).isFalse();
    }

    /** A reason that nothing needs any more is taken out. */
    @Test
    void everyReasonIsNeeded() throws IOException {
        List<String> methods = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of("src/test/resources/public-api.txt"))) {
            Matcher method = METHOD.matcher(line);
            if (method.matches()) {
                methods.add(method.group(1) + "." + method.group(2));
            }
        }
        assertThat(REASONS.keySet()).allMatch(reason -> methods.stream().anyMatch(method -> method.matches(reason)));
    }
}
