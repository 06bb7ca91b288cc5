package io.github.pfncache.museum;

import io.github.pfncache.rules.Rule;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.StringWriter;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Compiles changed sources in memory, against the compiled rest of the library. */
final class MutantCompiler {

    private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();
    /** Shared: it remembers what it found on the class path. */
    private static final StandardJavaFileManager FILES = COMPILER.getStandardFileManager(null, null, null);

    /** Where the compiled library is; a runner may have hidden it behind a jar on the class path. */
    private static final String PRODUCT =
            Rule.class.getProtectionDomain().getCodeSource().getLocation().getPath();

    private MutantCompiler() {}

    /**
     * Applies edits and compiles the files they touch.
     *
     * @return class file by class name
     * @throws IllegalStateException if an edit does not apply exactly once, or the result does not compile
     */
    static Map<String, byte[]> compile(List<Edit> edits) {
        Map<String, String> sources = new LinkedHashMap<>();
        for (Edit edit : edits) {
            String source = sources.containsKey(edit.file()) ? sources.get(edit.file()) : edit.original();
            sources.put(edit.file(), edit.applyTo(source));
        }
        return sources.isEmpty() ? Map.of() : compile(sources);
    }

    /** Compiles sources, by path below the root package. */
    static Map<String, byte[]> compile(Map<String, String> sources) {
        List<JavaFileObject> units = new ArrayList<>();
        sources.forEach((file, text) -> units.add(new Source(file, text)));
        StringWriter messages = new StringWriter();
        Output output = new Output(FILES);
        List<String> options = List.of(
                "-classpath", PRODUCT, "-proc:none", "-nowarn", "-implicit:none");
        if (!COMPILER.getTask(messages, output, null, options, null, units).call()) {
            throw new IllegalStateException("does not compile:\n" + messages);
        }
        return output.classes();
    }

    private static final class Source extends SimpleJavaFileObject {
        private final String text;

        Source(String file, String text) {
            super(URI.create("string:///io/github/pfncache/" + file), Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }

    private static final class Output extends ForwardingJavaFileManager<StandardJavaFileManager> {
        private final Map<String, ByteArrayOutputStream> written = new HashMap<>();

        Output(StandardJavaFileManager files) {
            super(files);
        }

        @Override
        public JavaFileObject getJavaFileForOutput(
                JavaFileManager.Location location, String name, JavaFileObject.Kind kind, javax.tools.FileObject near) {
            return new SimpleJavaFileObject(URI.create("mem:///" + name.replace('.', '/') + kind.extension), kind) {
                @Override
                public OutputStream openOutputStream() {
                    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                    written.put(name, bytes);
                    return bytes;
                }
            };
        }

        Map<String, byte[]> classes() {
            Map<String, byte[]> classes = new HashMap<>();
            written.forEach((name, bytes) -> classes.put(name, bytes.toByteArray()));
            return classes;
        }
    }
}
