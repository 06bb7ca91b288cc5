package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Requires.Modifier;
import java.lang.module.ModuleFinder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The jars as they go out, and what the consumers in {@code src/it} printed. Run by {@code mvn verify}, at its end. */
@Tag("packaged")
final class PackagedJarsTest {

    private static final long MAX_LIBRARY_BYTES = 400 * 1024;
    private static final String ROOT = "io/github/pfncache/";
    private static final String MODULE_INFO = "module-info.class";
    private static final long PATIENCE_SECONDS = 300;
    /** What follows the name of a jar that is a module, and its packages. */
    private static final Map<String, Set<String>> PUBLISHED =
            Map.of("", Jars.LIBRARY, "-pv", Jars.PV, "-testkit", Jars.TESTKIT);

    @Test
    void theLibraryIsSmall() throws IOException {
        assertThat(Files.size(jar(""))).isLessThan(MAX_LIBRARY_BYTES);
    }

    @Test
    void aJarHoldsItsPackagesAndNothingForeign() throws IOException {
        for (String jar : PUBLISHED.keySet()) {
            assertThat(packages(jar)).as("jar %s", jar).isEqualTo(PUBLISHED.get(jar));
            assertThat(entries(jar)).as("jar %s", jar).contains("META-INF/LICENSE");
            assertThat(entries(jar)).as("jar %s", jar).allMatch(name -> name.startsWith(ROOT)
                    || name.equals(MODULE_INFO)
                    || name.startsWith("META-INF/maven/")
                    || Set.of("META-INF/LICENSE", "META-INF/MANIFEST.MF").contains(name));
        }
    }

    @Test
    void theLibraryIsAModuleThatNamesNobodyElse() {
        ModuleDescriptor library = module("");
        assertThat(library.requires())
                .filteredOn(each -> !each.modifiers().contains(Modifier.STATIC))
                .extracting(ModuleDescriptor.Requires::name).containsExactly("java.base");
        assertThat(library.requires()).extracting(ModuleDescriptor.Requires::name)
                .containsExactlyInAnyOrder("java.base", "jdk.jfr");
    }

    @Test
    void aJarIsAModuleThatExportsItsPackages() {
        PUBLISHED.forEach((jar, packages) -> {
            ModuleDescriptor module = module(jar);
            assertThat(module.name()).isEqualTo(BuiltClasses.ROOT + jar.replace('-', '.'));
            assertThat(module.isAutomatic()).isFalse();
            assertThat(module.opens()).isEmpty();
            assertThat(module.packages()).isEqualTo(module.exports().stream()
                    .filter(export -> !export.isQualified())
                    .map(ModuleDescriptor.Exports::source)
                    .collect(Collectors.toSet()));
            assertThat(module.packages()).hasSameSizeAs(packages);
        });
    }

    @Test
    void whoRequiresAnAdditionReadsTheLibrary() {
        for (String jar : List.of("-pv", "-testkit")) {
            assertThat(module(jar).requires())
                    .filteredOn(each -> each.name().equals(BuiltClasses.ROOT))
                    .as("jar %s", jar)
                    .singleElement()
                    .satisfies(each -> assertThat(each.modifiers()).containsExactly(Modifier.TRANSITIVE));
        }
    }

    @Test
    void thePublishedPomBringsNothing() throws IOException {
        String pom = text("", "META-INF/maven/io.github.pfncache/pfncache/pom.xml");
        assertThat(pom).contains("<name>pfncache</name>", "<license>");
        assertThat(pom).doesNotContain("<dependenc", "<profile", "<build");
    }

    @Test
    void stackTracesHaveLines() throws IOException {
        String types = text("", ROOT + "vm/Vm.class");
        assertThat(types).contains("LineNumberTable", "Vm.java").doesNotContain("LocalVariableTable");
    }

    @Test
    void sourcesAndDocumentationAreComplete() throws IOException {
        for (String root : Jars.roots()) {
            Path sources = Jars.sources(root);
            Set<String> names = BuiltClasses.files(sources, ".java").stream()
                    .map(file -> sources.relativize(file).toString())
                    .collect(Collectors.toSet());
            assertThat(names).as(root).isNotEmpty();
            assertThat(entries("-sources")).containsAll(names);
        }
        // Each package under its own module, and the documents beside them.
        Set<String> pages = new HashSet<>(Set.of("documents/GUIDE.html", "documents/pictures/cache.svg"));
        PUBLISHED.forEach((classifier, packages) -> packages.forEach(name ->
                pages.add(moduleName(classifier) + "/" + ROOT + name + "/package-summary.html")));
        assertThat(entries("-javadoc")).containsAll(pages);
    }

    private static String moduleName(String classifier) {
        return "io.github.pfncache" + classifier.replace('-', '.');
    }

    @Test
    void theCommandLineRunsFromItsJar() throws IOException, InterruptedException {
        Path output = Files.createTempFile(directory(), "cli", ".txt");
        try {
            Process program = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                            "-jar", jar("-cli").toString(), "replay")
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            try {
                assertThat(program.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).as("ended").isTrue();
            } finally {
                program.destroyForcibly();
            }
            String printed = Files.readString(output);
            assertThat(program.exitValue()).as(printed).isZero();
            assertThat(printed).contains("9564 agree, 0 differ").doesNotContain("WARNING");
        } finally {
            Files.delete(output);
        }
    }

    @Test
    void theCommandLineSaysWhoseWorkItBundles() throws IOException {
        String notice = text("-cli", "META-INF/NOTICE");
        assertThat(entries("-cli")).contains("META-INF/LICENSE").doesNotContain(MODULE_INFO)
                .noneMatch(name -> name.startsWith("META-INF/versions/") && name.endsWith(".class"));
        Set<String> foreign = entries("-cli").stream()
                .filter(name -> name.endsWith(".class") && !name.startsWith(ROOT) && name.contains("/"))
                .map(name -> name.substring(0, name.lastIndexOf('/')).replace('/', '.'))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> named = notice.lines()
                .filter(line -> line.startsWith("| ") && !line.startsWith("| package "))
                .map(line -> line.split("\\|")[1].strip())
                .collect(Collectors.toSet());
        assertThat(foreign).as("packages the notice does not name").isNotEmpty()
                .allMatch(name -> named.stream().anyMatch(each -> (name + ".").startsWith(each + ".")));
        assertThat(named).as("names of nobody").allMatch(
                each -> foreign.stream().anyMatch(name -> (name + ".").startsWith(each + ".")));
    }

    @Test
    void consumersRan() throws IOException {
        assertThat(printed("class-path")).contains("class path: 1000 writes after 1000 moves, 1 jar");
        assertThat(printed("module-path")).contains("module path: 1000 writes after 1000 migrations, each refreshed, "
                + "[consumer, io.github.pfncache], true");
        assertThat(printed("testkit")).contains("test kit: races explored, 0 of ", "[consumer, "
                + "io.github.pfncache, io.github.pfncache.pv, io.github.pfncache.testkit, java.base]");
        assertThat(printed("machine")).contains("Tests run: 9, Failures: 0, Errors: 0, Skipped: 0");
    }

    private static String printed(String consumer) throws IOException {
        return Files.readString(directory().resolve("it").resolve(consumer).resolve("build.log"));
    }

    private static Path directory() {
        String directory = System.getProperty("packaged.directory");
        assertThat(directory).as("jars are there at the end of: mvn verify").isNotNull();
        return Path.of(directory);
    }

    private static Path jar(String classifier) {
        return directory().resolve(System.getProperty("packaged.name") + classifier + ".jar");
    }

    private static ModuleDescriptor module(String classifier) {
        return ModuleFinder.of(jar(classifier)).findAll().iterator().next().descriptor();
    }

    private static Set<String> entries(String classifier) throws IOException {
        try (JarFile jar = new JarFile(jar(classifier).toFile())) {
            return jar.stream()
                    .filter(entry -> !entry.isDirectory())
                    .map(ZipEntry::getName)
                    .collect(Collectors.toSet());
        }
    }

    private static Set<String> packages(String classifier) throws IOException {
        return entries(classifier).stream()
                .filter(name -> name.endsWith(".class") && name.startsWith(ROOT))
                .map(name -> name.substring(ROOT.length(), name.lastIndexOf('/')))
                .collect(Collectors.toSet());
    }

    private static String text(String classifier, String name) throws IOException {
        try (JarFile jar = new JarFile(jar(classifier).toFile());
                InputStream in = jar.getInputStream(jar.getEntry(name))) {
            return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }
}
