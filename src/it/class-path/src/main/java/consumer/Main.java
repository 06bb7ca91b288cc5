package consumer;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** An emulator without modules. Its RAM is a buffer of its own, which the host remaps between accesses. */
final class Main {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final long ELSEWHERE = 0x7f10_0000_0000L;
    private static final int NPAGES = 16;
    private static final int PAGE_SIZE = 4096;
    private static final int MOVES = 1000;

    private Main() {}

    public static void main(String[] args) {
        ByteBuffer ram = ByteBuffer.allocateDirect((NPAGES + 1) * PAGE_SIZE)
                .alignedSlice(PAGE_SIZE)
                .limit(NPAGES * PAGE_SIZE)
                .slice()
                .order(ByteOrder.LITTLE_ENDIAN);
        Vm vm = Vm.builder().vcpus(1).build();
        require(vm.host().mapBuffer(HVA, ram, Protection.READ_WRITE) == HostResult.OK, "mapped");
        vm.memslots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, (long) NPAGES * PAGE_SIZE, HVA);
        GfnPfnCache cache = vm.newCache(8);
        require(cache.activate(GPA + 3 * PAGE_SIZE + 0x40) == Outcome.OK, "activated");

        int at = 3 * PAGE_SIZE + 0x40;
        long from = HVA;
        for (int move = 1; move <= MOVES; move++) { // bounded by its count
            long to = from == HVA ? ELSEWHERE : HVA;
            require(vm.host().move(from, NPAGES, to) == HostResult.OK, "moved");
            vm.memslots().delete(0);
            vm.memslots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, (long) NPAGES * PAGE_SIZE, to);
            require(!cache.check(), "a cache whose page is elsewhere is stale");
            try (GuestAccess access = cache.access()) {
                require(access.isUsable(), "usable after a move");
                access.putLong(0, access.getLong(0) + 1);
            }
            require(ram.getLong(at) == move, "the author's own buffer holds what the guest was given");
            from = to;
        }
        long[] dirty = vm.memslots().harvestDirty(0).harvest().pages();
        require(Arrays.equals(dirty, new long[] {3}), "dirty " + Arrays.toString(dirty));
        cache.deactivate();
        VmAudit.atRest(vm);

        long jars = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> entry.endsWith(".jar"))
                .count();
        System.out.println("class path: " + ram.getLong(at) + " writes after " + MOVES + " moves, " + jars + " jar");
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException("not so: " + what);
        }
    }
}
