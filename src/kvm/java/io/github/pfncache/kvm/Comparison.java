package io.github.pfncache.kvm;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Runs a script on this library and on the kernel, and says where they differ. Not thread-safe. */
public final class Comparison {

    /** An answer of the kernel that is not this library's counts when it was given so often, undisturbed. */
    private static final int REPEATED = 3;

    /** The same, if other programs took time. */
    private static final int REPEATED_DISTURBED = 10;

    /** So often at most is the kernel asked. */
    private static final int MOST_TRIES = 40;

    /** The bytes of a runstate that lies in two pages. */
    private static final String SECOND_PAGE = "(?<=R@[A-Z]\\d{1,2}\\+[0-9a-f]{3}:~),R@[A-Z]\\d{1,2}\\+0:~";

    private static final long APART_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final Kvm kvm;
    private final Set<KernelDifference> applying;

    /**
     * Compares with a kernel.
     *
     * @param kvm its device
     * @param applying the differences with a name that are this kernel's
     */
    public Comparison(Kvm kvm, Set<KernelDifference> applying) {
        this.kvm = kvm;
        this.applying = applying;
    }

    /**
     * What came out.
     *
     * @param script what was run
     * @param library what this library showed, or what else was to be expected
     * @param kernel what the kernel showed
     * @param at the operation in which they differ first; -1 if in none
     * @param named by which difference, that has a name; null if by none, or where they agree
     * @param tries how often the kernel was asked
     * @param again whether it gave another answer the first time: a matter of how much time other programs took
     */
    public record Verdict(Script script, String library, String kernel, int at, KernelDifference named, int tries,
            boolean again) {

        /** Whether there is no difference. */
        public boolean agrees() {
            return at < 0;
        }

        /** Whether this is a failure. */
        public boolean differs() {
            return at >= 0 && named == null;
        }

        /** Operations that were compared: behind the first difference the states are not the same. */
        int judged() {
            return at < 0 ? script.ops().size() : at + 1;
        }
    }

    /** Which of the differences with a name are this kernel's. */
    public static Set<KernelDifference> applying(Kvm kvm) throws Unusable {
        Set<KernelDifference> all = EnumSet.noneOf(KernelDifference.class);
        for (KernelDifference each : KernelDifference.values()) { // few
            boolean possible = kvm.hasXen() || !each.isXen();
            if (possible && each.isShownBy(KernelMachine.observe(kvm, each.probe()).observed())) {
                all.add(each);
            }
        }
        return all;
    }

    /** Asks both. An answer that depends on how much time other programs took is asked for again. */
    public Verdict of(Script script) throws Unusable {
        return of(script, LibraryMachine.observe(script));
    }

    /** The same, with what is to be expected instead of this library's answer. */
    public Verdict of(Script script, String library) throws Unusable {
        List<KernelMachine.Answer> answers = new ArrayList<>();
        for (int tries = 1; ; tries++) { // ends at the most tries
            KernelMachine.Answer answer = KernelMachine.observe(kvm, script);
            String kernel = answer.observed();
            boolean late = answer.disturbed() && tries >= REPEATED_DISTURBED
                    && withoutClocks(library).equals(withoutClocks(kernel));
            int at = late ? -1 : firstDifference(script, library, kernel);
            KernelDifference named = at < 0 ? null : name(script, at);
            answers.add(answer);
            long same = answers.stream().filter(each -> each.observed().equals(kernel)).count();
            boolean repeated = same >= REPEATED_DISTURBED || answers.stream()
                    .filter(each -> !each.disturbed() && each.observed().equals(kernel)).count() >= REPEATED;
            if (at < 0 || named != null || repeated || tries == MOST_TRIES) {
                return new Verdict(script, library, kernel, at, named, tries, tries > 1);
            }
            LockSupport.parkNanos(APART_NANOS); // a time of day is another one then
        }
    }

    private KernelDifference name(Script script, int at) {
        return applying.stream().filter(each -> each.concerns(script.ops(), at)).findFirst().orElse(null);
    }

    /**
     * -1 if there is none. A failure of the library is one of the last operation: it may be of any. Where this library
     * marks more than the kernel, what comes after that is looked at first.
     */
    private int firstDifference(Script script, String library, String kernel) {
        if (library.equals(kernel)) {
            return -1;
        }
        String[] ours = withoutTimes(library).split(" ; ", -1);
        String[] theirs = withoutTimes(kernel).split(" ; ", -1);
        int last = script.ops().size() - 1;
        if (ours.length != theirs.length) {
            return last;
        }
        int marked = -1;
        for (int i = 0; i < ours.length; i++) { // the operations of a script
            boolean more = applying.contains(KernelDifference.DIRTY) && KernelDifference.DIRTY.concerns(script.ops(), i)
                    && marks(ours[i]).containsAll(marks(theirs[i]));
            if (!ours[i].equals(theirs[i]) && !more) {
                return Math.min(i, last);
            }
            marked = marked < 0 && !ours[i].equals(theirs[i]) ? i : marked;
        }
        return marked;
    }

    /** Without what depends on how much time something took: which bytes of a time, in a second page, have changed. */
    public static String withoutTimes(String observed) {
        return observed.replaceAll(SECOND_PAGE, "");
    }

    /** The kernel writes all clocks by itself, 100 ms after the first: where a script takes so long, in its midst. */
    private static String withoutClocks(String observed) {
        return withoutTimes(observed).replaceAll("W@[^, ]*,?", "").replaceAll("[ ,]+(?=( ;|$))", "");
    }

    /** The pages that a dirty log names, or the error that it is. */
    private static List<String> marks(String log) {
        return log.equals("{}") ? List.of() : List.of(log.replaceAll("[{}]", "").split("[.]"));
    }
}
