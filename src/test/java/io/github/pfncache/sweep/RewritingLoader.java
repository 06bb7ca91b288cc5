package io.github.pfncache.sweep;

import java.io.IOException;
import java.io.InputStream;
import java.util.function.UnaryOperator;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Has a library of its own, tests included, and rewrites the methods of some of its classes. What starts a class stays
 * as it is. Everything that is not this project's comes from the parent.
 */
public abstract class RewritingLoader extends ClassLoader {

    /** What the names of this project's classes begin with. */
    protected static final String OURS = "io.github.pfncache.";

    protected RewritingLoader(ClassLoader parent) {
        super(parent);
    }

    /** What the methods of a class go through; null if the class stays as it was compiled. */
    protected abstract UnaryOperator<MethodVisitor> rewriting(String name);

    /** An object of a public class, by its constructor without parameters, that uses the library of this loader. */
    public final Object made(Class<?> type) {
        try {
            return loadClass(type.getName()).getConstructor().newInstance();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    protected final Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(OURS)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded != null) {
                return loaded;
            }
            byte[] bytes = bytes(name);
            UnaryOperator<MethodVisitor> each = rewriting(name);
            byte[] defined = each == null ? bytes : rewritten(bytes, each);
            return defineClass(name, defined, 0, defined.length);
        }
    }

    /** A class file as it was compiled. */
    protected final byte[] bytes(String name) throws ClassNotFoundException {
        try (InputStream in = getParent().getResourceAsStream(fileOf(name))) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    protected static String fileOf(String name) {
        return name.replace('.', '/') + ".class";
    }

    private static byte[] rewritten(byte[] bytes, UnaryOperator<MethodVisitor> each) {
        ClassReader reader = new ClassReader(bytes);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        reader.accept(new ClassVisitor(Opcodes.ASM9, writer) {
            @Override
            public MethodVisitor visitMethod(
                    int access, String name, String descriptor, String signature, String[] exceptions) {
                MethodVisitor method = super.visitMethod(access, name, descriptor, signature, exceptions);
                return name.equals("<clinit>") ? method : each.apply(method);
            }
        }, 0);
        return writer.toByteArray();
    }
}
