package io.github.pfncache.interleaving;

import io.github.pfncache.sweep.RewritingLoader;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Has a library of its own in which threads may switch before each access to what several threads share without a lock,
 * and after a store to it: a volatile field, an atomic object, a word reached by a {@link java.lang.invoke.VarHandle},
 * the guest's memory. So an explorer finds two of them that are in the wrong order, and one atomic step that has become
 * two, wherever that is.
 */
public final class SteppingLoader extends RewritingLoader {

    private static final String VAR_HANDLE = "java/lang/invoke/VarHandle";
    private static final String ATOMICS = "java/util/concurrent/atomic/";
    private static final Set<String> MEMORY =
            Set.of("io/github/pfncache/cache/GuestAccess", "io/github/pfncache/cache/AreaAccess");

    /** The volatile fields of the classes that were looked at, and those classes. Guarded by this. */
    private final Set<String> volatiles = new HashSet<>();
    private final Set<String> known = new HashSet<>();

    private final boolean atFences;
    private final List<String> stepped;

    /** In classes whose names begin so, behind the name of the library's package. */
    public SteppingLoader(ClassLoader parent, String... stepped) {
        this(parent, false, stepped);
    }

    /** At fences as well, for a test that looks what is done by then: no thread sees more before one than after. */
    public SteppingLoader(ClassLoader parent, boolean atFences, String... stepped) {
        super(parent);
        this.atFences = atFences;
        this.stepped = List.of(stepped);
    }

    @Override
    protected UnaryOperator<MethodVisitor> rewriting(String name) {
        boolean steps = stepped.stream().anyMatch(part -> name.startsWith(OURS + part));
        return steps && !isTest(name) ? Stepping::new : null;
    }

    private boolean isTest(String name) {
        return Objects.requireNonNull(getParent().getResource(fileOf(name))).getPath().contains("/test-classes/");
    }

    private synchronized boolean isVolatile(String owner, String field) {
        if (owner.startsWith(OURS.replace('.', '/')) && known.add(owner)) {
            readFields(owner);
        }
        return volatiles.contains(owner + "." + field);
    }

    private void readFields(String owner) {
        try {
            new ClassReader(bytes(owner.replace('/', '.'))).accept(new ClassVisitor(Opcodes.ASM9) {
                @Override
                public FieldVisitor visitField(
                        int access, String name, String descriptor, String signature, Object value) {
                    if ((access & Opcodes.ACC_VOLATILE) != 0) {
                        volatiles.add(owner + "." + name);
                    }
                    return null;
                }
            }, ClassReader.SKIP_CODE);
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }

    private final class Stepping extends MethodVisitor {

        Stepping(MethodVisitor method) {
            super(Opcodes.ASM9, method);
        }

        private void step(String owner, String name) {
            super.visitLdcInsn(owner.substring(owner.lastIndexOf('/') + 1) + "." + name);
            super.visitMethodInsn(
                    Opcodes.INVOKESTATIC, "io/github/pfncache/rules/Interleaving", "reached", "(Ljava/lang/String;)V",
                    false);
        }

        @Override
        public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
            if (isVolatile(owner, name)) {
                step(owner, name);
            }
            super.visitFieldInsn(opcode, owner, name, descriptor);
            if (isVolatile(owner, name) && (opcode == Opcodes.PUTFIELD || opcode == Opcodes.PUTSTATIC)) {
                step(owner, name); // what is published before it is written is seen so
            }
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean ofInterface) {
            boolean bytes = MEMORY.contains(owner) && name.matches("(get|put|test).*");
            boolean word = owner.equals(VAR_HANDLE) && !name.endsWith("Fence");
            boolean fence = atFences && owner.equals(VAR_HANDLE) && name.endsWith("Fence");
            if (bytes || word || fence || owner.startsWith(ATOMICS) && !name.equals("<init>")) {
                step(owner, name);
            }
            super.visitMethodInsn(opcode, owner, name, descriptor, ofInterface);
            if (word && name.startsWith("set") || owner.startsWith(ATOMICS) && name.startsWith("set")) {
                step(owner, name);
            }
        }
    }
}
