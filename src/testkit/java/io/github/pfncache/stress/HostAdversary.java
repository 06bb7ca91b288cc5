package io.github.pfncache.stress;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/**
 * What a host does to a guest's memory without asking: every page may move or go at any time, and come back when it is
 * needed. One thread takes the turns; the counts are read by any.
 */
final class HostAdversary implements Crew.Work {

    private static final int LARGEST_RANGE = 8;

    /** What the host does. */
    enum Action {
        /** A page gets another frame. */
        MIGRATE,
        /** A page's frame goes, its content is kept. */
        EVICT,
        /** The same for a range, never waiting: what is in use stays. */
        TRY_EVICT,
        /** The next write of a page is a fault. */
        WRITE_PROTECT,
        /** All pages are shared with a child, copy on write; at its next turn the child ends. */
        FORK,
        /** Pages become zero. */
        DISCARD
    }

    /** One step of the plan. */
    record Step(Action action, int page, int npages) {}

    private final HostMemory host;
    private final List<Action> actions;
    private final List<HvaRange> memory;
    private final List<HvaRange> worthless;
    private final Plan plan;

    /** Answers an address of the page that is preferred; null if none is. */
    private final LongSupplier hot;

    private final Map<Action, LongAdder> done = new EnumMap<>(Action.class);

    // Of the thread that takes the turns.

    private HostMemory child;
    private long watched;
    private byte[] snapshot;

    HostAdversary(
            HostMemory host, List<Action> actions, List<HvaRange> memory, List<HvaRange> worthless, long seed,
            LongSupplier hot) {
        this.hot = hot;
        this.host = host;
        this.actions = actions;
        this.memory = memory;
        this.worthless = worthless;
        this.plan = new Plan(seed, "host");
        actions.forEach(action -> done.put(action, new LongAdder()));
    }

    /** Draws the next step. */
    Step next() {
        Action action = actions.get(plan.choose(actions.size()));
        int pages = (int) pages(action).stream().mapToLong(HvaRange::npages).sum();
        return new Step(action, plan.choose(pages), 1 + plan.choose(LARGEST_RANGE));
    }

    private List<HvaRange> pages(Action action) {
        return action == Action.DISCARD ? worthless : memory;
    }

    @Override
    public boolean turn() {
        Step step = next();
        HvaRange range = preferred(pages(step.action()), range(pages(step.action()), step));
        if (perform(step.action(), range.start(), range.npages())) {
            done.get(step.action()).increment();
        }
        return true;
    }

    private HvaRange preferred(List<HvaRange> pages, HvaRange range) {
        if (hot == null || plan.choose(2) == 0) {
            return range;
        }
        long hva = Pages.pageStart(hot.getAsLong());
        return pages.stream().anyMatch(each -> each.contains(hva)) ? HvaRange.ofPages(hva, 1) : range;
    }

    private static HvaRange range(List<HvaRange> memory, Step step) {
        int left = step.page();
        for (HvaRange range : memory) { // bounded by the number of ranges
            if (left < range.npages()) {
                long start = range.start() + ((long) left << Pages.PAGE_SHIFT);
                return HvaRange.ofPages(start, Math.min(step.npages(), range.npages() - left));
            }
            left -= (int) range.npages();
        }
        throw new IllegalStateException(step + " is not in " + memory);
    }

    /** True if the host did it; pages in use, and pages that are not there, stay as they are. */
    private boolean perform(Action action, long hva, long npages) {
        switch (action) {
            case MIGRATE:
                return host.migrate(hva) == HostResult.OK;
            case EVICT:
                return host.evict(hva, 1) == HostResult.OK;
            case TRY_EVICT:
                return host.tryEvict(hva, npages) == HostResult.OK;
            case WRITE_PROTECT:
                return host.writeProtect(hva, 1, true) == HostResult.OK;
            case FORK:
                return child == null ? fork(hva) : endChild();
            case DISCARD:
                return host.discard(hva, npages) == HostResult.OK;
            default:
                throw new AssertionError(action);
        }
    }

    private boolean fork(long hva) {
        child = host.fork();
        watched = hva;
        // Only private pages are the child's own from then on; what can be freed lazily is one.
        boolean isPrivate = child.freeLazily(hva, 1) == HostResult.OK;
        snapshot = isPrivate ? peek(child) : null;
        return true;
    }

    /** What the child saw at the fork is what it sees at its end, whatever its parent wrote meanwhile. */
    private boolean endChild() {
        byte[] now = snapshot == null ? null : peek(child);
        child.close();
        child = null;
        if (!Arrays.equals(now, snapshot)) {
            throw new AssertionError("a fork's page at " + Pages.hex(watched) + " changed after the fork, from byte "
                    + Arrays.mismatch(now, snapshot) + " on");
        }
        return true;
    }

    private byte[] peek(HostMemory from) {
        byte[] page = new byte[Pages.PAGE_SIZE];
        HostResult result = from.peek(watched, page);
        if (result != HostResult.OK) {
            throw new AssertionError("cannot look at " + Pages.hex(watched) + ": " + result);
        }
        return page;
    }

    /** Ends what is left behind; after the last turn. */
    void end() {
        if (child != null) {
            endChild();
        }
    }

    /** The child that is there now, or null. */
    HostMemory child() {
        return child;
    }

    /** How often each action took place. */
    Map<Action, LongAdder> done() {
        return done;
    }
}
