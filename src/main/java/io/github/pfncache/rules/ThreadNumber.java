package io.github.pfncache.rules;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The number of a thread: no other thread ever has it, and no subclass of Thread can change it. It is the thread's id,
 * as {@code Thread.threadId()} answers. Before Java 19 only a plain Thread answers its id for certain; threads of a
 * subclass are numbered from -1 downwards.
 */
final class ThreadNumber {

    private static final MethodHandle ID = id();

    private static final AtomicLong OTHERS = new AtomicLong();

    /** Before Java 19: numbers of threads of a subclass. */
    private static final ThreadLocal<Long> OTHER = ThreadLocal.withInitial(OTHERS::decrementAndGet);

    private ThreadNumber() {}

    private static MethodHandle id() {
        try {
            return MethodHandles.publicLookup()
                    .findVirtual(Thread.class, "threadId", MethodType.methodType(long.class));
        } catch (ReflectiveOperationException beforeJava19) {
            return null;
        }
    }

    /** The number of the current thread, never 0. */
    static long current() {
        Thread thread = Thread.currentThread();
        if (ID != null) {
            return idOf(thread);
        }
        return thread.getClass() == Thread.class ? thread.getId() : OTHER.get();
    }

    private static long idOf(Thread thread) {
        try {
            return (long) ID.invokeExact(thread);
        } catch (RuntimeException | Error failure) {
            throw failure;
        } catch (Throwable impossible) { // threadId() declares none
            throw new AssertionError(impossible);
        }
    }

    /** What to call a thread in a message: its name, if it is a live platform thread. */
    static String describe(long number) {
        ThreadGroup top = Thread.currentThread().getThreadGroup();
        while (top.getParent() != null) { // bounded by the depth of the groups
            top = top.getParent();
        }
        Thread[] live = new Thread[2 * top.activeCount() + 8];
        int count = top.enumerate(live);
        for (int i = 0; i < count; i++) { // bounded by the live threads
            if (ID == null ? live[i].getId() == number : idOf(live[i]) == number) {
                return "thread " + number + " \"" + live[i].getName() + "\"";
            }
        }
        return "thread " + number + ", which is virtual, has ended, or has a class of its own";
    }
}
