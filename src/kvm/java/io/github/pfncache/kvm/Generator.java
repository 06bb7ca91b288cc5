package io.github.pfncache.kvm;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/**
 * Makes scripts at random: the same ones of the same seed. Immutable.
 */
public final class Generator {

    private static final long STEP = 0x9e37_79b9_7f4a_7c15L;
    private static final long BASE = 0x10_0000;
    private static final String[] OFFSETS = {"001", "101", "fe1", "ff1", "100", "fe0"};

    /** Where a wall clock lies over the end of a page, no clock is. */
    private static final String[] INNER_OFFSETS = {"101", "801", "ff1", "100"};
    private static final String[] ARENAS = {"A", "B", "M"};
    private static final String[] FLAGS = {"-", "l", "l", "r", "rl"};
    private static final String[] FILLS = {"0", "0xaa", "0x55", "0x1"};
    private static final String[] CLOCK_NAMES = {"greg", "greg", "greg", "reg", "greg_old", "reg_old"};

    /** One in so many scripts has time in it that passes: it takes as long as that. */
    private static final int SCRIPTS_WITHOUT_SLEEP = 50;

    /** One in so many operations is among those that differ by a named difference, if such a one was chosen. */
    private static final int NAMED = 8;

    private final long seed;
    private final int operations;
    private final boolean xen;
    private final boolean stealTime;
    private final boolean dirtyRing;
    private final Set<KernelDifference> avoided;

    /**
     * Sets what scripts are made of.
     *
     * @param seed makes them the same again
     * @param operations how many there are in each, at least 1
     * @param xen whether guests have Xen interfaces
     * @param stealTime whether the kernel has it
     * @param dirtyRing whether the kernel has it
     * @param avoided in these a kernel is known to differ: they are made rarely
     */
    public Generator(long seed, int operations, boolean xen, boolean stealTime, boolean dirtyRing,
            Set<KernelDifference> avoided) {
        this.seed = seed;
        this.operations = operations;
        this.xen = xen;
        this.stealTime = stealTime;
        this.dirtyRing = dirtyRing;
        this.avoided = avoided.stream()
                .filter(each -> each != KernelDifference.STOPPED_IN_OTHERS) // hardly met: there all memory is zeroed
                .collect(Collectors.toUnmodifiableSet());
    }

    /** The script of a number. */
    public Script script(long number) {
        SplittableRandom random = new SplittableRandom(seed * STEP ^ number * ~STEP);
        return (xen ? new XenDraft(this, random) : new Draft(random)).make();
    }

    /** A script in the making. */
    class Draft {

        final SplittableRandom random;
        private final List<Script.Op> ops = new ArrayList<>();
        int vcpus = 1;
        private boolean ring;
        private final boolean crossing;
        private int wallClocks;
        private boolean sleeps;

        Draft(SplittableRandom random) {
            this.random = random;
            this.crossing = random.nextInt(8) == 0;
        }

        /** Adds what configures the machine. */
        void begin() {
            if (random.nextInt(3) == 0) {
                vcpus = 2;
                add("vcpus 2");
            }
            if (dirtyRing && random.nextInt(8) == 0) {
                ring = true;
                add("ring " + (random.nextBoolean() ? 4096 : 65536));
            }
            add(slot());
            sleeps = random.nextInt(SCRIPTS_WITHOUT_SLEEP) == 0;
        }

        Script make() {
            begin();
            for (int tries = 0; ops.size() < operations && tries < 8 * operations; tries++) { // most come to be
                int size = ops.size();
                addSome();
                if (isAvoided(size) && random.nextInt(NAMED) != 0) {
                    ops.subList(size, ops.size()).clear();
                }
            }
            return new Script(List.copyOf(ops.subList(0, Math.min(ops.size(), operations))));
        }

        private boolean isAvoided(int from) {
            for (int i = from; i < ops.size(); i++) { // what was added
                int index = i;
                if (avoided.stream().anyMatch(each -> each.concerns(ops, index))) {
                    return true;
                }
            }
            return false;
        }

        final void add(String op) {
            ops.add(Script.Op.parse(op));
        }

        /** Adds an operation, or a few that belong together. */
        void addSome() {
            int choice = random.nextInt(100);
            if (choice < 14) {
                add(slot());
            } else if (choice < 18) {
                add(strangeSlot());
            } else if (choice < 22) {
                add("del " + id());
            } else if (choice < 36) {
                add(pick(CLOCK_NAMES) + " " + vcpu() + " " + gpa(pick(crossing ? INNER_OFFSETS : OFFSETS)));
            } else if (choice < 56) {
                addUpdate();
            } else if (choice < 64) {
                add(dirtyLog());
            } else if (choice < 67) {
                add("ctrl " + vcpu());
            } else if (choice < 71 && stealTime) {
                add((random.nextInt(4) == 0 ? "gstreg " : "streg ") + vcpu() + " " + gpa(stealOffset()));
            } else if (choice < 73) {
                add(wallClock());
            } else if (choice < 75) {
                add(small());
            } else if (sleeps && choice < 79) {
                add("sleep 150");
            } else {
                add(memory());
            }
        }

        private String small() {
            return switch (random.nextInt(5)) {
                case 0 -> "runx " + vcpu();
                case 1 -> "getmsr " + vcpu() + " " + (random.nextBoolean() ? "0x4b564d01" : "0x12");
                case 2 -> stealTime ? "getmsr " + vcpu() + " 0x4b564d03" : "clk";
                case 3 -> "clkrun " + vcpu() + " " + (ring ? 200 : 1 + random.nextInt(4));
                default -> "run " + vcpu() + " " + (1 + random.nextInt(3));
            };
        }

        /** A change, and what shows whether it was seen. */
        private void addUpdate() {
            if (random.nextInt(3) == 0) {
                add(memory());
            }
            if (random.nextInt(5) != 0) {
                add("clk");
            }
            add("run " + vcpu());
            if (vcpus > 1 && random.nextBoolean()) {
                add("run " + vcpu());
            }
        }

        /** Where none has been before: what is seen of it does not depend on the time. */
        private String wallClock() {
            int offset = (crossing && wallClocks == 0 ? 0xff8 : 0x200) + wallClocks * 0x20;
            wallClocks++;
            return pick("gmsr ", "msr ") + vcpu() + pick(" 0x11 ", " 0x4b564d00 ")
                    + gpa(Integer.toHexString(offset));
        }

        private String dirtyLog() {
            return ring && random.nextInt(4) != 0 ? "ringget " + vcpu() : "dlog " + id();
        }

        // ---- memslots

        /** A slot, or one of those before with something else in it: its flags, its place, its size, its memory. */
        final String slot() {
            List<Script.Op> before = ops.stream().filter(op -> op.name().equals("slot")).toList();
            String[] words = ("slot " + id() + " " + gpa("000") + " " + pick(1, 2, 4) + " " + place() + " "
                    + pick(FLAGS)).split(" ");
            if (!before.isEmpty() && random.nextInt(3) == 0) {
                List<String> former = before.get(random.nextInt(before.size())).words();
                int changed = pick(2, 3, 4, 5, 5, 5);
                for (int i = 1; i < words.length; i++) { // five
                    words[i] = i == changed ? words[i] : former.get(i);
                }
            }
            return String.join(" ", words);
        }

        /** What a rule of memslots forbids, or allows at its edge. */
        private String strangeSlot() {
            String begin = "slot " + id() + " ";
            return switch (random.nextInt(15)) {
                case 0 -> begin + gpa("800") + " 1 " + place() + " -";
                case 1 -> begin + gpa("000") + " 6000b " + place() + " -";
                case 2 -> begin + gpa("000") + " 1 " + place() + "+200 -";
                case 3 -> begin + gpa("000") + " 1 " + place() + " x";
                case 4 -> begin + gpa("000") + " 1 " + place() + " g";
                case 5 -> "slot 32764 " + gpa("000") + " 1 " + place() + " -";
                case 6 -> "slot 32763 0x200000 1 " + place() + " l";
                case 7 -> "slot 0x10001 " + gpa("000") + " 1 " + place() + " -";
                case 8 -> begin + "0xfffffffffffff000 2 " + place() + " -";
                case 9 -> begin + "0x10000000000000 1 " + place() + " -";
                case 10 -> begin + "0xffffffffff000 " + pick(1, 2) + " " + place() + " -";
                case 11 -> begin + "0x10000000000 1 " + place() + " -";
                case 12 -> begin + gpa("000") + " 1 " + pick("0x0", "0xffff888000000000", "0x300000000000") + " "
                        + pick(FLAGS);
                case 13 -> begin + gpa("000") + " 0 " + place() + " -";
                default -> begin + gpa("000") + " 0x80000000 " + place() + " -";
            };
        }

        // ---- host memory

        final String memory() {
            String page = place();
            int npages = 1 + random.nextInt(2);
            return switch (random.nextInt(26)) {
                case 0, 1 -> "dn " + page + " " + npages;
                case 2, 3 -> "ro " + page + " " + npages;
                case 4, 5 -> "rw " + page + " " + npages;
                case 6, 7 -> "none " + page + " " + npages;
                case 8 -> "unmap " + page + " " + npages;
                case 9, 10 -> "map " + page + " " + npages;
                case 11 -> "mapro " + page + " " + npages;
                case 12 -> "mapanon " + page + " " + npages;
                case 13 -> "mapfile M" + random.nextInt(12) + " " + npages + " " + random.nextInt(12);
                case 14 -> "willneed " + page + " " + npages;
                case 15 -> "rm " + page + " " + npages;
                case 16 -> "free " + page + " " + npages;
                case 17 -> "punch M" + random.nextInt(12) + " " + npages;
                case 18 -> "trunc M " + pick(4, 8, 16, 16);
                case 19 -> "poison " + page + " " + npages + " " + pick(FILLS);
                case 20 -> "poke " + page + "+" + pick("100", "0", "11d", "48") + " " + random.nextInt(256) + " "
                        + pick(1, 4);
                case 21 -> "peek " + page + "+" + pick("100", "0", "fe0");
                case 22 -> "fwrite M" + random.nextInt(12) + "+100 " + random.nextInt(1 << 16);
                case 23 -> "fread M" + random.nextInt(12) + "+100";
                default -> "mv " + page + " " + npages + " " + place();
            };
        }

        // ---- words

        final String id() {
            return String.valueOf(1 + random.nextInt(3));
        }

        final String vcpu() {
            return String.valueOf(random.nextInt(vcpus));
        }

        private String gpa(String offset) {
            return "0x" + Long.toHexString(BASE + random.nextInt(7) * 0x1000L + Long.parseLong(offset, 16));
        }

        private String stealOffset() {
            return pick("041", "081", "f81", "040", "043");
        }

        private String place() {
            return pick(ARENAS) + random.nextInt(12);
        }

        final String pick(String... words) {
            return words[random.nextInt(words.length)];
        }

        private int pick(int... numbers) {
            return numbers[random.nextInt(numbers.length)];
        }
    }
}
