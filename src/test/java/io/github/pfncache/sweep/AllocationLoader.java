package io.github.pfncache.sweep;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Set;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Has a library of its own that tells {@link Allocations} of everything that it allocates: objects, arrays, lambdas,
 * texts, and what the platform's collections and buffers allocate for it. What starts a class is left out, because a
 * class that could not be started is lost for good.
 */
final class AllocationLoader extends ClassLoader {

    private static final String OURS = "io.github.pfncache.";
    private static final List<String> COUNTED = List.of("address.", "rules.T", "rules.A", "memslot.", "host.", "cache.",
            "vm.", "pvclock.", "xen.");
    private static final String TELL = Allocations.class.getName().replace('.', '/');

    /** What may allocate of the platform's classes that begin with one of these. */
    private static final List<String> PLATFORM = List.of("java/util/", "java/nio/");
    private static final List<String> NEVER = List.of("java/util/concurrent/locks/", "java/util/concurrent/atomic/",
            "java/util/Objects", "java/util/OptionalLong");
    private static final Set<String> ALLOCATES = Set.of("add", "addAll", "put", "putIfAbsent", "computeIfAbsent",
            "compute", "merge", "of", "copyOf", "copyOfRange", "stream", "toList", "toArray", "collect", "map",
            "mapToLong", "mapToObj", "filter", "concat", "sorted", "iterator", "forEach", "entrySet", "values",
            "keySet", "allocate", "allocateDirect", "slice", "duplicate", "asReadOnlyBuffer", "wrap", "headMap",
            "tailMap", "subMap", "floorEntry", "ceilingEntry", "higherEntry", "lowerEntry", "set", "asList");

    AllocationLoader(ClassLoader parent) {
        super(parent);
        setDefaultAssertionStatus(false); // the book-keeping of the rules allocates, and is not there in production
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
            byte[] bytes = bytes(name);
            boolean counted = COUNTED.stream().anyMatch(part -> name.startsWith(OURS + part));
            byte[] defined = counted ? counting(bytes) : bytes;
            return defineClass(name, defined, 0, defined.length);
        }
    }

    private byte[] bytes(String name) throws ClassNotFoundException {
        try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    private static byte[] counting(byte[] bytes) {
        ClassReader reader = new ClassReader(bytes);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        reader.accept(new ClassVisitor(Opcodes.ASM9, writer) {
            @Override
            public MethodVisitor visitMethod(
                    int access, String name, String descriptor, String signature, String[] exceptions) {
                MethodVisitor method = super.visitMethod(access, name, descriptor, signature, exceptions);
                return name.equals("<clinit>") ? method : new Counting(method);
            }
        }, 0);
        return writer.toByteArray();
    }

    private static final class Counting extends MethodVisitor {

        Counting(MethodVisitor method) {
            super(Opcodes.ASM9, method);
        }

        private void tell() {
            super.visitMethodInsn(Opcodes.INVOKESTATIC, TELL, "next", "()V", false);
        }

        @Override
        public void visitTypeInsn(int opcode, String type) {
            super.visitTypeInsn(opcode, type);
            if (opcode == Opcodes.NEW || opcode == Opcodes.ANEWARRAY) {
                tell(); // behind it: the verifier knows an object by the place where it was allocated
            }
        }

        @Override
        public void visitIntInsn(int opcode, int operand) {
            if (opcode == Opcodes.NEWARRAY) {
                tell();
            }
            super.visitIntInsn(opcode, operand);
        }

        @Override
        public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
            if (!descriptor.startsWith("()")) { // what captures nothing is made once
                tell();
            }
            super.visitInvokeDynamicInsn(name, descriptor, bootstrap, arguments);
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean ofInterface) {
            if (PLATFORM.stream().anyMatch(owner::startsWith) && NEVER.stream().noneMatch(owner::startsWith)
                    && ALLOCATES.contains(name)) {
                tell();
            }
            super.visitMethodInsn(opcode, owner, name, descriptor, ofInterface);
        }
    }
}
