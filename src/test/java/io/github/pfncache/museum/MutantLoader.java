package io.github.pfncache.museum;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Has a library of its own: every class of this project is defined here anew, the mutated ones from memory, so that
 * tests run inside see the fault and nobody outside does. Everything else comes from the parent.
 */
final class MutantLoader extends ClassLoader {

    private static final String OURS = "io.github.pfncache.";
    private static final String CLASS = ".class";

    /** Class files as they were compiled by the build; read once for all exhibits. */
    private static final Map<String, byte[]> ORIGINALS = new ConcurrentHashMap<>();

    private final Map<String, byte[]> mutants;

    MutantLoader(Map<String, byte[]> mutants) {
        super(MutantLoader.class.getClassLoader());
        this.mutants = mutants;
        setDefaultAssertionStatus(true);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(OURS)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded != null) {
                return loaded;
            }
            byte[] bytes = mutants.containsKey(name) ? mutants.get(name) : original(name);
            return defineClass(name, bytes, 0, bytes.length);
        }
    }

    /** A class file as it is here: for those who read ours and define them anew. */
    @Override
    public InputStream getResourceAsStream(String name) {
        String type = name.endsWith(CLASS) ? name.substring(0, name.length() - CLASS.length()).replace('/', '.') : "";
        return mutants.containsKey(type)
                ? new ByteArrayInputStream(mutants.get(type))
                : super.getResourceAsStream(name);
    }

    private byte[] original(String name) throws ClassNotFoundException {
        byte[] known = ORIGINALS.get(name);
        if (known != null) {
            return known;
        }
        try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + CLASS)) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            byte[] bytes = in.readAllBytes();
            ORIGINALS.put(name, bytes);
            return bytes;
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }
}
