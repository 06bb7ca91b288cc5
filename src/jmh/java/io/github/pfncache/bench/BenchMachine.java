package io.github.pfncache.bench;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A VM with one slot, as most benchmarks need it. A set-up that does not come out as planned ends the benchmark. */
final class BenchMachine {

    static final int PAGE = 4096;
    static final long GPA = 0x1000_0000L;
    static final long HVA = 0x7f00_0000_0000L;

    final Vm vm;

    private BenchMachine(Vm vm) {
        this.vm = vm;
    }

    /** Guest memory that the host may move. */
    static BenchMachine ofPages(long npages) {
        Vm vm = Vm.builder().build();
        require(vm.host().mapAnonymous(HVA, npages, Protection.READ_WRITE) == HostResult.OK, "mapAnonymous");
        return withSlot(vm, 0, npages);
    }

    /** Guest memory that is the caller's buffer: the baseline and the cache work on the same bytes. */
    static BenchMachine onBuffer(ByteBuffer ram, int slotFlags) {
        return onBuffer(Vm.builder(), ram, slotFlags);
    }

    /** The same with a VM of the caller's choice. */
    static BenchMachine onBuffer(Vm.Builder builder, ByteBuffer ram, int slotFlags) {
        Vm vm = builder.build();
        require(vm.host().mapBuffer(HVA, ram.duplicate(), Protection.READ_WRITE) == HostResult.OK, "mapBuffer");
        return withSlot(vm, slotFlags, ram.capacity() / PAGE);
    }

    private static BenchMachine withSlot(Vm vm, int flags, long npages) {
        Memslots.Change change = vm.memslots().set(0, flags, GPA, npages * PAGE, HVA);
        require(change == Memslots.Change.DONE, "slot");
        return new BenchMachine(vm);
    }

    /** Direct memory, little endian as the guest's is. */
    static ByteBuffer ram(int npages) {
        return ByteBuffer.allocateDirect(npages * PAGE).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A cache that is valid. */
    GfnPfnCache cache(long gpa, int length) {
        GfnPfnCache cache = vm.newCache(length);
        require(cache.activate(gpa) == Outcome.OK, "activate");
        return cache;
    }

    static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what + " failed: the benchmark would measure something else");
        }
    }
}
