package io.github.pfncache.story;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.source.util.JavacTask;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.Exploration;
import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.explore.ScheduleFailure;
import io.github.pfncache.host.Protection;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.List;
import java.util.stream.Collectors;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;

class SeedBugTest {

    private static final int COMPAT = 44;
    private static final int NATIVE = 48;
    private static final int MAX_STEPS = 60;

    /** The loop of the story; one thread is enough. */
    private static Scenario user(int checked, int refreshed) {
        return stage -> {
            TwoLengthsCache cache = new TwoLengthsCache();
            stage.thread("user", () -> {
                while (!cache.check(checked)) { // no bound: that is the bug
                    cache.refresh(refreshed);
                }
            });
        };
    }

    @Test
    void twoLengthsThatDifferLoopForEver() {
        Exploration exploration = new ScheduleExplorer(user(NATIVE, COMPAT)).maxSteps(MAX_STEPS).explore();
        assertThat(exploration.failure()).isNotNull();
        assertThat(exploration.failure().kind()).isEqualTo(ScheduleFailure.Kind.LIVELOCK);
        List<String> lap = exploration.failure().listing().lines().limit(8).toList();
        assertThat(lap).anyMatch(line -> line.contains("lock CACHE"));
        System.out.println("The seed's bug: check(48) after refresh(44), the first steps of " + MAX_STEPS + ":");
        lap.forEach(System.out::println);
    }

    @Test
    void twoLengthsThatAgreeDoNot() {
        new ScheduleExplorer(user(NATIVE, NATIVE)).maxSteps(MAX_STEPS).explore().requireNoFailure();
    }

    @Test
    void oursCannotBeWrittenSo() {
        assertThat(errorsOf("cache.check();", "cache.refresh();")).isEmpty();
        assertThat(errorsOf("cache.check(48);", "cache.refresh();")).contains("check");
        assertThat(errorsOf("cache.check();", "cache.refresh(44);")).contains("refresh");
        assertThat(errorsOf("cache.length = 44;")).contains("length");
    }

    @Test
    void oursSaysNoOnceAndNobodyWritesTheLoop() {
        Vm vm = Vm.builder().build();
        GfnPfnCache cache = vm.newCache(NATIVE);
        assertThat(cache.activate(0x101000 - COMPAT)).isEqualTo(Outcome.INVALID); // 44 bytes would fit, 48 do not
        try (GuestAccess access = cache.access()) {
            assertThat(access.outcome()).isEqualTo(Outcome.INACTIVE);
        }
        VmAudit.atRest(vm);
    }

    @Test
    void whatChangesItsSizeIsAnArea() {
        Vm vm = Vm.builder().build();
        vm.host().mapAnonymous(0x7f00_0000_0000L, 2, Protection.READ_WRITE);
        vm.memslots().set(0, 0, 0x100000, 2 * Pages.PAGE_SIZE, 0x7f00_0000_0000L);
        GuestArea area = vm.newArea();
        long gpa = 0x100000 + Pages.PAGE_SIZE - COMPAT; // the compat structure ends with the page
        area.activate(gpa, COMPAT);
        area.activate(gpa, NATIVE);
        try (AreaAccess access = area.access()) {
            access.putLong(NATIVE - Long.BYTES, -1);
        }
        VmAudit.atRest(vm);
    }

    /** What the compiler says to these statements about a {@code GfnPfnCache cache}. */
    private static String errorsOf(String... statements) {
        String source = "class Use { void use(io.github.pfncache.cache.GfnPfnCache cache) { "
                + String.join(" ", statements) + " } }";
        JavaFileObject file = new SimpleJavaFileObject(URI.create("string:///Use.java"), JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                return source;
            }
        };
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
        JavacTask task = (JavacTask) compiler.getTask(null, null, found, List.of("-proc:none"), null, List.of(file));
        try {
            task.analyze(); // types are checked, nothing is generated
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return found.getDiagnostics().stream().map(Object::toString).collect(Collectors.joining("\n"));
    }
}
