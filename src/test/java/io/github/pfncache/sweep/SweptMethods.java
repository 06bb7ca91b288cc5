package io.github.pfncache.sweep;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** The methods that operations call, as their class files tell: nobody has to keep a list. */
final class SweptMethods {

    private static final List<Class<?>> OPERATIONS =
            List.of(CacheOperations.class, TlbOperations.class, HostOperations.class, VmOperations.class,
                    PvOperations.class, Adopter.class);

    private static final String OURS = "io/github/pfncache/";

    private SweptMethods() {}

    /** Class without the root, method, parameters without packages: {@code cache.GfnPfnCache.storeInt(int,int)}. */
    static Set<String> all() {
        Set<String> all = new TreeSet<>();
        OPERATIONS.forEach(type -> collect(type, all));
        return all;
    }

    /** A type without its package and the class around it. */
    static String simple(String type) {
        return type.substring(Math.max(type.lastIndexOf('.'), type.lastIndexOf('$')) + 1);
    }

    private static void collect(Class<?> type, Set<String> into) {
        try (InputStream in = type.getResourceAsStream(type.getSimpleName() + ".class")) {
            new ClassReader(in).accept(new ClassVisitor(Opcodes.ASM9) {
                @Override
                public MethodVisitor visitMethod(
                        int access, String name, String descriptor, String signature, String[] exceptions) {
                    return new Calls(into);
                }
            }, ClassReader.SKIP_FRAMES);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static final class Calls extends MethodVisitor {
        private final Set<String> into;

        Calls(Set<String> into) {
            super(Opcodes.ASM9);
            this.into = into;
        }

        private void add(String owner, String name, String descriptor) {
            if (owner.startsWith(OURS)) {
                into.add(owner.substring(OURS.length()).replace('/', '.') + "." + name
                        + Arrays.stream(Type.getArgumentTypes(descriptor)).map(Type::getClassName)
                                .map(SweptMethods::simple).collect(Collectors.joining(",", "(", ")")));
            }
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean ofInterface) {
            add(owner, name, descriptor);
        }

        @Override
        public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
            for (Object argument : arguments) { // bounded by the call site
                if (argument instanceof Handle handle) {
                    add(handle.getOwner(), handle.getName(), handle.getDesc());
                }
            }
        }
    }
}
