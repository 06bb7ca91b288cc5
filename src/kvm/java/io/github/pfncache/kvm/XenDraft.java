package io.github.pfncache.kvm;

import java.util.SplittableRandom;

/**
 * A script in the making for a guest with Xen interfaces. Half of the scripts change no memory once the interfaces have
 * their places: what is sent arrives, on the kernel as on this library. Most others send nothing.
 */
final class XenDraft extends Generator.Draft {

    private static final String[] PORTS =
            {"1", "5", "31", "32", "63", "64", "70", "127", "500", "1023", "1024", "4095", "4096", "0"};
    private static final String[] PAGES = {"0x100", "0x101", "0x200", "0x203", "0x300", "0x104"};
    /** Where a runstate may lie in a page: no clock is at these places of any page, as it would show the time. */
    private static final String[] RUNSTATES = {"700", "e00", "fd4"};
    private static final String[] STATES = {"0", "1", "2", "3", "3", "4"};

    /** The two kinds of scripts; one in some is of both, and is often one that differs by name. */
    private final boolean changes;
    private final boolean sends;

    /** The layout of runstates, and where one is; null if none is told, or both layouts may be there. */
    private boolean wide;
    private boolean switched;
    private String runstate;

    XenDraft(Generator generator, SplittableRandom random) {
        generator.super(random);
        int kind = random.nextInt(16);
        this.changes = kind < 8;
        this.sends = kind > 6;
    }

    @Override
    void begin() {
        add("xen " + pick("64", "64", "32"));
        if (random.nextInt(4) == 0) {
            vcpus = 2;
            add("vcpus 2");
        }
        add("xcfg " + pick("22", "22", "2", "a2"));
        add("slot 1 0x100000 4 A0 " + pick("-", "l"));
        add("slot 2 0x200000 4 " + pick("B0 l", "M0 l", "A4 -"));
        for (String arena : new String[] {"A0", "B0", "M0"}) { // three
            add("poison " + arena + " 16 0");
        }
        wide = random.nextBoolean();
        add("xset lm " + (wide ? 1 : 0));
        add(pick("xset upv 0x41", "xset upv 0x41", "vset 0 upv 0x51"));
        add("xset si " + pick("0x100", "0x100", "0x201"));
        add("vset 0 vi " + pick("0x101040", "0x101040", "0x202f40"));
        add("run 0");
    }

    @Override
    void addSome() {
        int choice = random.nextInt(100);
        if (choice < 25) {
            if (sends) {
                send();
            } else {
                add("clk");
                add("run " + vcpu());
            }
        } else if (choice < 45) {
            add(changes ? pick(memory(), memory(), slot(), "del " + id()) : write());
        } else if (choice < 55) {
            add(pick("run ", "irun ", "irun ") + vcpu());
        } else if (choice < 75) {
            add(attribute());
        } else if (choice < 84) {
            add(pick("xget " + pick("lm", "si", "upv", "ver", "ruf", "sih"), "vget " + vcpu() + " "
                    + pick("vi", "vih", "vti", "rs", "rscur", "rsdata", "rsadj", "id", "tmr", "upv")));
        } else if (choice < 89) {
            add("dlog " + id());
        } else if (choice < 92 && runstate != null) {
            add("rsmem " + runstate + (wide ? " 64" : " 32"));
        } else {
            add(hypercall());
        }
    }

    /** An event, by any way; and the guest sees it, or not yet. */
    private void send() {
        String port = pick(PORTS);
        switch (random.nextInt(8)) {
            case 0 -> {
                add("evb " + port + pick(" 2 ", " 2 ", " 5 ") + pick(port, "7", "70") + " " + vcpu());
                add("send " + vcpu() + " " + port);
            }
            case 1 -> add("vset " + vcpu() + " tmr " + port + " 0xffffffff " + pick("@-1000", "@+100000000", "0"));
            case 2 -> add(pick("evu " + port + " 2 5 " + vcpu(), "evd " + port, "evr", "xsend " + port + " 0 1"));
            case 3 -> add("sst " + vcpu() + " " + pick("0", "1") + pick(" @-1000 0", " @+100000000 0", " 0 1"));
            default -> add("xsend " + port + " " + (random.nextInt(16) == 0 ? "7" : vcpu()));
        }
        if (random.nextInt(4) != 0) {
            add("irun " + vcpu());
        }
    }

    /** The host writes what the guest would: pending bits, masks, the upcall. */
    private String write() {
        return pick("gwq 0x100800 ", "gwq 0x100a00 ", "gwq 0x100880 ", "gwq 0x101048 ", "gwd 0x101040 ",
                "gwd 0x101044 ") + pick("0", "0", "0", "1", "0x20", "0x8000000100000022");
    }

    private String attribute() {
        String of = "vset " + vcpu() + " ";
        return switch (random.nextInt(14)) {
            case 0 -> {
                switched = true;
                runstate = null;
                yield "xset lm " + random.nextInt(2);
            }
            case 1 -> "xset si " + pick(pick(PAGES), "-1");
            case 2 -> "xset sih " + pick("A0", "B1", "A2+800", "0");
            case 3 -> pick("xset ver 0x40011", "xset ruf 1", "xset ruf 0", "xset upv 5", "xset upv 0xf3", "xset 77 1");
            case 4 -> of + "vi "
                    + pick("-1", pick("0x101", "0x202", "0x103") + pick("040", "080", "f40", "fc1", "003"));
            case 5 -> of + "vih " + pick("B1+40", "A3+f40", "A3+fc8", "0");
            case 6 -> of + "vti " + pick("-1", pick("0x102", "0x200", "0x103") + pick("d00", "f80", "fe1"));
            case 7, 8, 9 -> {
                String place = pick("0x102", "0x201", "0x103") + pick(RUNSTATES);
                runstate = switched ? null : place;
                yield of + "rs " + pick("-1", place, place);
            }
            case 10, 11 -> of + "rscur " + pick(STATES);
            case 12 -> of + pick("rsdata ", "rsadj ") + pick(STATES) + pick(" 10 1 2 3 4", " 10 1 2 3 5", " 0 0 0 0 0");
            default -> of + pick("id 5", "id 4096", "upv 0x51", "upv 0", "upv 3", "rsadj -1 0 0 0 0 0");
        };
    }

    private String hypercall() {
        String of = vcpu();
        return switch (random.nextInt(6)) {
            case 0 -> "hc " + of + " " + pick("99", "17", "32", "24", "15") + " " + random.nextInt(12) + " 0x6200 3";
            case 1 -> "hc " + of + " 29 " + pick("0", "2");
            case 2 -> "poll " + of + " 0x6300 " + pick("0", "1", "129") + " 1";
            case 3 -> "sstop " + of + " " + pick("0", "1");
            case 4 -> "sto " + of + " 0";
            default -> "greg " + of + " " + pick("0x102d01", "0x201f81", "0x100");
        };
    }
}
