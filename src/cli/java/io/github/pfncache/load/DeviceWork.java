package io.github.pfncache.load;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.stress.Crew;
import io.github.pfncache.stress.StampedField;
import io.github.pfncache.stress.Plan;
import io.github.pfncache.xen.CallContext;
import java.util.ArrayList;
import java.util.List;

/** A device that reads and writes guest memory in every way that there is, and raises events. One thread. */
final class DeviceWork implements Crew.Work {

    private static final int CACHES = 8;
    private static final int ATTEMPTS = 16;

    /** A record over a page boundary: a lane before it, one across it, one behind it. */
    private static final int RECORD = 24;

    private static final int BEFORE_BOUNDARY = 12;

    private final LoadMachine machine;
    private final Tally tally;
    private final Events events;
    private final SwappedWindow window;
    private final int device;
    private final Plan plan;
    private final long share;

    private final List<Block> blocks;
    private final List<Cursor> cursors = new ArrayList<>();
    private final GfnPfnCache windowCache;
    private final GuestArea area;
    private final List<List<StampedField>> records = new ArrayList<>();
    private final List<Long> recordGpas = new ArrayList<>();

    private int record = -1;
    private long done;

    /** A cache and what it shows. */
    private static final class Cursor {
        private final GfnPfnCache cache;
        private Block block;

        Cursor(GfnPfnCache cache) {
            this.cache = cache;
        }
    }

    /**
     * A device.
     *
     * @param device its number
     * @param share how many accesses it makes; 0 for no end
     */
    DeviceWork(StressRun run, int device, int devices, long share) {
        this.machine = run.machine();
        this.tally = run.tally();
        this.events = run.events();
        this.window = run.window();
        this.blocks = run.blocks();
        this.device = device;
        this.plan = new Plan(run.seed(), "device " + device);
        this.share = share;
        for (int i = 0; i < CACHES; i++) { // bounded by the constant
            cursors.add(new Cursor(machine.vm.newCache(Block.SIZE)));
        }
        windowCache = machine.vm.newCache(Block.SIZE);
        area = machine.vm.newArea();
        // bounded by the pages of the main memory
        for (int page = LoadMachine.DEVICE_PAGE + device; page < LoadMachine.MAIN_PAGES - 1; page += devices) {
            long gpa = LoadMachine.MAIN_GPA + ((page + 1L) << Pages.PAGE_SHIFT) - BEFORE_BOUNDARY;
            List<StampedField> lanes = new ArrayList<>();
            for (int at = 0; at < RECORD; at += Long.BYTES) { // bounded by the constant
                lanes.add(machine.model.lane(LoadMachine.offsetInModel(gpa) + at, Long.BYTES));
            }
            records.add(lanes);
            recordGpas.add(gpa);
        }
    }

    @Override
    public boolean turn() {
        int kind = plan.choose(100);
        if (kind < 90) {
            useBlock(kind, cursor());
        } else if (kind < 95) {
            useArea();
        } else if (kind < 98) {
            window.use(windowCache, device, plan.choose(window.blocks()), plan.choose(Block.LANES));
            done++;
        } else {
            int port = 1 + plan.choose(Events.PORTS - 1);
            events.send(port, plan.once(2) ? CallContext.ATOMIC : CallContext.MAY_SLEEP);
        }
        return share == 0 || done < share;
    }

    /** One of the caches, which now and then is pointed somewhere else. */
    private Cursor cursor() {
        Cursor cursor = cursors.get(plan.choose(CACHES));
        if (plan.once(8) || cursor.block == null) {
            cursor.block = blocks.get(plan.choose(blocks.size()));
            tally.activations.increment();
            long gpa = plan.once(2) ? cursor.block.otherGpa() : cursor.block.gpa();
            if (cursor.cache.activate(gpa) == Outcome.INVALID) {
                tally.violated("a good address is called invalid: " + Pages.hex(gpa));
            }
        }
        return cursor;
    }

    private void useBlock(int kind, Cursor cursor) {
        Block block = cursor.block;
        StampedField any = block.lanes().get(plan.choose(block.lanes().size())).get(plan.choose(Block.LANES));
        StampedField own = block.lanes().get(device).get(plan.choose(Block.LANES));
        done++;
        if (kind < 30) {
            load(cursor.cache, block, any);
        } else if (kind < 55) {
            tally.accessed(block.store(cursor.cache, own));
        } else if (kind < 75) {
            try (GuestAccess access = cursor.cache.access()) {
                useAll(access, block);
            }
        } else if (kind < 82) {
            try (GuestAccess access = cursor.cache.tryAccess()) {
                useAll(access, block);
            }
        } else {
            useByParts(cursor.cache, block);
        }
    }

    private void load(GfnPfnCache cache, Block block, StampedField lane) {
        if (block.load(cache, lane)) {
            tally.accessed(Outcome.OK);
            return;
        }
        try (GuestAccess access = cache.access()) { // a load does not say why there was nothing to load
            if (tally.accessed(access.outcome())) {
                block.read(access, lane);
            }
        }
    }

    /** Several fields in one access: those of all devices are read, the own ones are written. */
    private void useAll(GuestAccess access, Block block) {
        if (tally.accessed(access.outcome())) {
            block.lanes().forEach(lanes -> lanes.forEach(lane -> block.read(access, lane)));
            block.lanes().get(device).forEach(lane -> block.write(access, lane));
        }
    }

    /** The loop that every user of the kernel's cache writes by hand. */
    private void useByParts(GfnPfnCache cache, Block block) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) { // bounded by the constant
            try (GuestAccess guard = cache.readLock()) {
                if (guard.check()) {
                    useAll(guard, block);
                    return;
                }
            }
            Outcome outcome = cache.refresh();
            if (outcome != Outcome.OK) {
                tally.accessed(outcome);
                return;
            }
        }
        tally.accessed(Outcome.BUSY);
    }

    private void useArea() {
        done++;
        if (plan.once(4) || record < 0) {
            record = plan.choose(records.size());
            tally.activations.increment();
            area.activate(recordGpas.get(record), RECORD);
        }
        try (AreaAccess access = area.access()) {
            if (tally.accessed(access.outcome())) {
                int at = 0;
                for (StampedField lane : records.get(record)) { // bounded by the record
                    lane.judge(lane.mark(), access.getLong(at));
                    access.putLong(at, lane.next());
                    lane.written();
                    at += Long.BYTES;
                }
            }
        }
    }
}
