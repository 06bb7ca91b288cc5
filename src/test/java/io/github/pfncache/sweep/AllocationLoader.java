package io.github.pfncache.sweep;

import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Has a library of its own that tells {@link Allocations} of everything that it allocates: objects, arrays, lambdas,
 * texts, and what the platform's collections and buffers allocate for it. What starts a class is left out, because a
 * class that could not be started is lost for good.
 */
public final class AllocationLoader extends RewritingLoader {

    private static final List<String> COUNTED = List.of("address.", "rules.T", "rules.A", "rules.O", "memslot.",
            "host.", "cache.", "vm.", "pvclock.", "xen.");
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

    /** A sweep whose library counts. */
    @SuppressWarnings("unchecked") // the interface is the platform's, so both loaders mean the same
    public static Function<String[], List<String>> counting(Class<? extends Function<String[], List<String>>> sweep) {
        return (Function<String[], List<String>>) new AllocationLoader(sweep.getClassLoader()).made(sweep);
    }

    @Override
    protected UnaryOperator<MethodVisitor> rewriting(String name) {
        return COUNTED.stream().anyMatch(part -> name.startsWith(OURS + part)) ? Counting::new : null;
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
            boolean copy = owner.startsWith("[") && name.equals("clone");
            if (copy || PLATFORM.stream().anyMatch(owner::startsWith) && NEVER.stream().noneMatch(owner::startsWith)
                    && ALLOCATES.contains(name) && !isCopyIntoBuffer(owner, name)) {
                tell();
            }
            super.visitMethodInsn(opcode, owner, name, descriptor, ofInterface);
        }

        /** A map makes room for what is put into it; a buffer has it. */
        private static boolean isCopyIntoBuffer(String owner, String name) {
            return owner.startsWith("java/nio/") && name.equals("put");
        }
    }
}
