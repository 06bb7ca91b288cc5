package io.github.pfncache.rules;

import java.io.IOException;
import java.io.InputStream;

/** Runs a part of a test on a library of its own, loaded as in a process without {@code -ea}: rules are not checked. */
public final class WithoutRules extends ClassLoader {

    private static final String OURS = "io.github.pfncache.";

    private WithoutRules() {
        super(WithoutRules.class.getClassLoader());
        clearAssertionStatus();
    }

    /**
     * Makes an instance of a class in that library, and runs it.
     *
     * @param body has a constructor without parameters
     */
    public static void run(Class<? extends Runnable> body) {
        try {
            Class<?> rules = Class.forName(Rules.class.getName(), true, new WithoutRules());
            if (rules.getField("ENABLED").getBoolean(null)) {
                throw new IllegalStateException("rules are on by -Dpfncache.rules");
            }
            Class<?> other = rules.getClassLoader().loadClass(body.getName());
            ((Runnable) other.getDeclaredConstructor().newInstance()).run();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot run " + body, e);
        }
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(OURS)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            return loaded == null ? define(name) : loaded;
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            byte[] bytes = in.readAllBytes();
            return defineClass(name, bytes, 0, bytes.length);
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }
}
