package io.github.pfncache.load;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.stress.Plan;
import io.github.pfncache.stress.StampedField;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The instructions of a vCPU's guest: loads and stores of pages that the vCPU holds raw, with nothing between them and
 * the memory. Some pages are hot, and the host is told which one was used last. Runs on the vCPU's thread, inside.
 */
final class RawGuest {

    /** In one run. */
    static final int ACCESSES = 24;

    /** Accesses between two safepoints. */
    private static final int BLOCK = 8;

    private static final int HOT = 8;

    private final LoadMachine machine;
    private final Tally tally;
    private final List<Block> blocks;
    private final int writer;
    private final Plan plan;
    private final GuestMode mode;
    private final Map<Long, HeldPage> pages = new HashMap<>();

    /** A guest that writes the fields of one writer. */
    RawGuest(StressRun run, int vcpu, int writer) {
        this.machine = run.machine();
        this.tally = run.tally();
        this.blocks = run.blocks();
        this.writer = writer;
        this.plan = new Plan(run.seed(), "guest " + vcpu);
        this.mode = machine.vm.newGuestMode(pages::remove);
    }

    GuestMode mode() {
        return mode;
    }

    /** Some accesses, and safepoints between them. */
    void run() {
        for (int i = 1; i <= ACCESSES; i++) { // bounded by the constant
            access(blocks.get(plan.choose(plan.once(2) ? HOT : blocks.size())));
            if (i % BLOCK == 0) {
                mode.poll();
            }
        }
    }

    private void access(Block block) {
        boolean writes = plan.once(2);
        long gpa = plan.once(2) ? block.otherGpa() : block.gpa();
        List<StampedField> own = block.lanes().get(writer);
        StampedField field = (writes ? own : block.lanes().get(plan.choose(block.lanes().size())))
                .get(plan.choose(Block.LANES));
        machine.lastUsed = gpa;
        HeldPage page = pages.get(Pages.pageStart(gpa));
        if (page == null || writes && !page.isWritable()) {
            page = mode.hold(gpa, writes);
            if (page.isHeld()) {
                pages.put(page.gpa(), page);
            }
        }
        if (tally.accessed(page.outcome())) {
            tally.raw.increment();
            use(page.bytes(), Pages.offsetInPage(gpa) + block.at(field), field, writes);
        }
    }

    private static void use(ByteBuffer bytes, int at, StampedField field, boolean writes) {
        long mark = field.mark();
        field.judge(mark, switch (field.width()) {
            case 1 -> bytes.get(at);
            case 2 -> bytes.getShort(at);
            case 4 -> bytes.getInt(at);
            default -> bytes.getLong(at);
        });
        if (writes) {
            long value = field.next();
            switch (field.width()) {
                case 1 -> bytes.put(at, (byte) value);
                case 2 -> bytes.putShort(at, (short) value);
                case 4 -> bytes.putInt(at, (int) value);
                default -> bytes.putLong(at, value);
            }
            field.written();
        }
    }
}
