package io.github.pfncache.cli;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheStats;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.Protection;
import io.github.pfncache.report.Table;
import io.github.pfncache.vm.Vm;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The command that shows a cache at work: what it does as the guest, the host and the memslots change. */
@Command(name = "tour",
        description = "Shows in one screen what a cache does, and what each step costs: its page moves, its memslot is"
                + " replaced, its memory goes and comes back.")
final class TourCommand implements Callable<Integer> {

    private static final long GPA = 0x7100;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final long SIZE = 0x10000;
    private static final int MANY = 1000;

    private final Console console;
    private final Vm vm = Vm.builder().build();
    private final GfnPfnCache cache = vm.newCache(Long.BYTES);
    private final List<Step> steps = new ArrayList<>();
    private CacheStats before = cache.stats();
    private Outcome outcome;
    private long updates;

    @Mixin
    private CommonOptions common = new CommonOptions();

    /** One step, what it left, and what it cost. */
    record Step(String what, String cache, String frame, long refreshes, long lookups, long resolutions,
            long invalidations) {}

    TourCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        vm.host().mapAnonymous(HVA, SIZE >> Pages.PAGE_SHIFT, Protection.READ_WRITE);
        setSlot(SIZE);
        step("a clock is put at 0x7100", () -> outcome = cache.activate(GPA));
        step(MANY + " updates of it", () -> update(MANY));
        step("the host moves the page", () -> vm.host().migrate(HVA + Pages.pageStart(GPA)));
        step("an update: it is found", () -> update(1));
        step("the memslot is made anew", () -> {
            setSlot(0);
            setSlot(SIZE);
        });
        step("an update: the same page", () -> update(1));
        step("the memslot is deleted", () -> setSlot(0));
        step("an update: no memory", () -> update(1));
        step("the memslot is given back", () -> setSlot(SIZE));
        step("an update: all is well", () -> update(1));
        CacheStats all = cache.stats();
        String summary = "tour: " + updates + " updates, " + all.refreshes() + " refreshes, " + all.slotLookups()
                + " slot look-ups, " + all.resolutions() + " page resolutions";
        if (common.json()) {
            console.out().println(new Json().put("command", "tour").put("steps", steps).put("summary", summary));
        } else {
            print(summary);
        }
        return 0;
    }

    private void setSlot(long size) {
        vm.memslots().set(0, 0, 0, size, HVA);
    }

    private void update(int times) {
        for (int i = 0; i < times; i++) {
            outcome = cache.storeLong(0, ++updates);
        }
    }

    private void step(String what, Runnable body) {
        outcome = Outcome.OK;
        body.run();
        CacheStats now = cache.stats();
        GuestAccess access = cache.tryAccess();
        String state = outcome != Outcome.OK ? outcome.name() : access.isUsable() ? "valid" : "stale";
        access.close();
        boolean backed = vm.memslots().table().find(Pages.gpaToGfn(GPA)) != null;
        steps.add(new Step(what, state, backed ? "" + vm.host().presentPfn(HVA + GPA) : "none",
                now.refreshes() - before.refreshes(), now.slotLookups() - before.slotLookups(),
                now.resolutions() - before.resolutions(), now.invalidations() - before.invalidations()));
        before = now;
    }

    private void print(String summary) {
        console.out().println("""
                A guest says where in its memory its clock is, by an address of its own (gpa).
                To update the clock, the host looks up the memslot there, a piece of the
                guest's memory map, which gives an address of the host's (hva). Then it
                resolves the page there, which gives a frame of real memory. A cache does both
                once, and again only when something has changed:

                    gpa 0x7100 --memslot--> hva 0x7f0000007100 --host--> frame
                """);
        Table table = new Table("<<>>>>>").head("", "cache", "frame", "refreshes", "look-ups", "resolved", "taken");
        for (int i = 0; i < steps.size(); i++) { // bounded by the steps
            Step step = steps.get(i);
            String style = step.cache.equals("valid") ? "good" : step.cache.equals("stale") ? "dim" : "bad";
            table.row(i + 1 + ". " + step.what, new Table.Marked(step.cache, style), step.frame,
                    step.refreshes, step.lookups, step.resolutions, step.invalidations);
        }
        console.print(table);
        console.out().println("""

                valid: the next access goes straight to the frame. stale: it refreshes first,
                which looks up and resolves again, as far as it must. FAULT: no memory there; no
                exception, the cache stays registered, and heals. taken: the host took the page
                away. Without a cache, each update would look up and resolve.""");
        console.out().println(summary);
    }
}
