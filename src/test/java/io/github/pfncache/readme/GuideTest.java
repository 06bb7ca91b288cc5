package io.github.pfncache.readme;

import static org.assertj.core.api.Assertions.assertThat;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.within;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.AtomicOp;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.GuestMemory;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.GuestView;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.PageFault;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.DirtyBitmap;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.memslot.WriteWatch;
import io.github.pfncache.pvclock.GuestTsc;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import io.github.pfncache.pvclock.Registration;
import io.github.pfncache.pvclock.TscSource;
import io.github.pfncache.stress.Adversary;
import io.github.pfncache.vm.DirtyLogFollower;
import io.github.pfncache.vm.EntryHook;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.MsrHandler;
import io.github.pfncache.vm.RamSnapshot;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongPredicate;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The author's guide: every snippet of it is a region below, to the letter, and runs. */
final class GuideTest {

    private static final Path GUIDE = Path.of(".github/GUIDE.md");

    private Vm vm = Vm.builder().vcpus(2).build();

    @AfterEach
    void everythingIsSound() {
        VmAudit.atRest(vm);
    }

    private void plugSomeRam() {
        vm.ram().add(0, 0, 0, 1024);
    }

    @Test
    void mapRam() {
        byte[] bootSector = {(byte) 0xfa, (byte) 0xfc};
        // snippet: map-ram
        Vm vm = Vm.builder().vcpus(2).build();
        byte[] low = new byte[1 << 20];                                   // the emulator's own memory, as it is
        vm.ram().add(0, 0, 0, low);                                       // slot 0, no flags, at gpa 0
        vm.ram().add(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0x100000, 4096);    // slot 1: 4096 pages, kept by the library
        int written = vm.guestMemory().write(0x7c00, bootSector);         // any length; answers how many bytes
        // end
        assertThat(written).isEqualTo(2);
        assertThat(low[0x7c01]).isEqualTo((byte) 0xfc);
        VmAudit.atRest(vm);
    }

    @Test
    void shareAPage() {
        plugSomeRam();
        long gpa = 0x3fc0;
        // snippet: share-a-page
        GfnPfnCache ring = vm.newCache(64);              // the size of the structure: no access can leave it
        Outcome placed = ring.activate(gpa);             // the guest chose the address; INVALID: it cannot be there
        int head = ring.loadInt(0, -1);                  // one field; -1 if there is no memory now
        Outcome stored = ring.storeInt(4, head + 1);     // marks the page dirty by itself

        try (GuestAccess access = ring.access()) {       // several fields that belong together
            if (access.isUsable()) {
                access.putLong(8, access.getLong(8) + 1);
                access.testAndSetBit(16, 31);            // atomic towards the guest
            }
        }                                                // from here on the page may move again
        // end
        assertThat(placed).isEqualTo(Outcome.OK);
        assertThat(stored).isEqualTo(Outcome.OK);
        assertThat(ring.loadLong(0, -1)).isEqualTo(1L << 32);
        assertThat(ring.loadLong(8, -1)).isEqualTo(1);
        assertThat(ring.loadInt(16, -1)).isEqualTo(1 << 31);
    }

    @Test
    void followHotPlug() {
        // snippet: hot-plug
        vm.ram().add(2, 0, 0x1_0000_0000L, 1024);            // a DIMM, while the guest runs
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(0x1_0000_0000L);
        Outcome before = cache.storeLong(0, 42);             // OK

        Memslots.Change removed = vm.ram().remove(2);        // DONE: nobody uses it any more. BUSY: nothing has changed
        Outcome without = cache.storeLong(0, 43);            // FAULT: no memory there, and no exception

        vm.ram().add(2, 0, 0x1_0000_0000L, 1024);            // another one in its place
        Outcome after = cache.storeLong(0, 44);              // OK: a cache heals by itself
        // end
        assertThat(removed).isEqualTo(Memslots.Change.DONE);
        assertThat(before).isEqualTo(Outcome.OK);
        assertThat(without).isEqualTo(Outcome.FAULT);
        assertThat(after).isEqualTo(Outcome.OK);
    }

    @Test
    void logDirtyPages() {
        plugSomeRam();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(0xa0008);
        boolean delivered = false;
        // snippet: dirty-pages
        vm.memslots().setFlags(0, Memslot.FLAG_LOG_DIRTY_PAGES);      // or when the slot is added
        cache.storeLong(0, 0xff00ff);

        DirtyBitmap.Harvest harvest = vm.memslots().harvestDirty(0).harvest();
        long[] pages = harvest.pages();                               // {0xa0}: relative to the slot, and taken out
        if (!delivered) {
            harvest.putBack();                                        // the next harvest has them again
        }
        // end
        assertThat(pages).containsExactly(0xa0);
        assertThat(vm.memslots().harvestDirty(0).harvest().pages()).containsExactly(0xa0);
        assertThat(vm.memslots().harvestDirty(0).harvest().pages()).isEmpty();
    }

    @Test
    void lookAtTheLogAndTakeAPart() {
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 1024);
        vm.guestMemory().write(0xa0000, new byte[] {1});
        vm.guestMemory().write(0x300000, new byte[] {1});
        // snippet: dirty-parts
        BitSet due = new BitSet();
        for (long page : vm.memslots().peekDirty(0).harvest().pages()) {  // a look: the marks stay, no vCPU is stopped
            due.set((int) page);
        }
        BitSet now = due.get(0, 512);                                     // as many as you are about to copy: a part
        DirtyBitmap.Harvest part = vm.memslots().harvestDirty(0, now).harvest();    // the marks of the others stay
        // end
        assertThat(part.pages()).containsExactly(0xa0);
        assertThat(vm.memslots().peekDirty(0).harvest().pages()).containsExactly(0x300);
    }

    private static String translate(long gfn) {
        return "translation of " + gfn;
    }

    @Test
    void knowWhenTranslatedCodeIsWritten() {
        plugSomeRam();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(0x5000);
        long gfn = 5;
        Map<Long, String> translations = new HashMap<>(Map.of(6L, "not written"));
        // snippet: write-watch
        try (WriteWatch code = vm.memslots().newWriteWatch()) {
            if (code.watch(gfn)) {                                        // first; then read the page, and translate it
                translations.put(gfn, translate(gfn));
            }
            cache.storeLong(0, 0x13);                                     // by anybody, in any way
            if (code.isDue()) {                                           // one look, at each safepoint
                code.take(translations::remove);                          // each page once, until it is watched again
            }
        }
        // end
        assertThat(translations).containsOnlyKeys(6L);
    }

    @Test
    void takeASnapshot(@TempDir Path directory) throws IOException {
        plugSomeRam();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(0x1000);
        byte[] past = new byte[8];
        // snippet: snapshot
        cache.storeLong(0, 1);
        try (RamSnapshot snapshot = vm.ram().snapshot()) {            // fresh memory is shared until it is written
            cache.storeLong(0, 2);                                    // the guest runs on
            snapshot.read(0x1000, past);                              // {1, 0, 0, 0, 0, 0, 0, 0}
            vm.ram().rewind(snapshot);                                // and back, with the caches still active
        }
        long now = cache.loadLong(0, -1);                             // 1
        // end
        long[] changed;
        // snippet: snapshots
        try (RamSnapshot before = vm.ram().snapshot()) {
            cache.storeLong(0, 3);
            try (RamSnapshot after = vm.ram().snapshot()) {           // costs what was written since the one before
                changed = after.pagesChangedSince(before).toArray();  // {1}, and so does this
            }
        }
        // end
        assertThat(changed).containsExactly(1);
        FileChannel channel = FileChannel.open(directory.resolve("flash"), READ, WRITE, CREATE_NEW);
        channel.write(ByteBuffer.allocate(4096));
        // snippet: file
        try (HostFile flash = vm.host().openFile(channel)) {          // a handle; the slot keeps the file without it
            vm.ram().add(9, 0, 0xf000_0000L, flash);
        }
        // end
        assertThat(vm.stillOpen()).noneMatch(name -> name.startsWith("file"));
        assertThat(vm.guestMemory().write(0xf000_0000L, new byte[1])).isOne();
        channel.close();
        assertThat(past).containsExactly(1, 0, 0, 0, 0, 0, 0, 0);
        assertThat(now).isEqualTo(1);
    }

    @Test
    void gatherThePiecesOfAPacket() {
        plugSomeRam();
        ByteBuffer descriptor = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        vm.guestMemory().write(0x1000, descriptor.putLong(0, 0x3ffe).putInt(8, 3).array());
        vm.guestMemory().write(0x1010, descriptor.putLong(0, 0x7000).putInt(8, -1).array());
        vm.guestMemory().write(0x3ffe, new byte[] {1, 2, 3});
        vm.guestMemory().write(0x7000, new byte[] {4, 5});
        long[] chain = {0x1000, 0x1010};
        byte[] buffer = new byte[5];
        // snippet: pieces
        List<GuestMemory.Piece> pieces = new ArrayList<>();          // of a chain of descriptors: le64 gpa, le32 length
        for (long at : chain) {
            vm.guestMemory().read(at, descriptor.array());
            pieces.add(new GuestMemory.Piece(descriptor.getLong(0), Integer.toUnsignedLong(descriptor.getInt(8))));
        }
        int packet = vm.guestMemory().gather(pieces, buffer, 0, buffer.length);  // in turn; answers how many
        // end
        assertThat(packet).isEqualTo(5);
        assertThat(buffer).containsExactly(1, 2, 3, 4, 5);
    }

    @Test
    void useAView() {
        plugSomeRam();
        long value;
        // snippet: view
        try (GuestView memory = vm.view(0x10000, 1 << 30)) { // more than there is: the guest may plug it in later
            memory.storeLong(0xffd, 42);                     // may cross a page's end; any thread
            value = memory.loadLong(0xffd, -1);              // -1: no memory there
        }
        // end
        assertThat(value).isEqualTo(42);
    }

    @Test
    void endAMachine() {
        plugSomeRam();
        vm.newCache(8).activate(0x1000);
        // snippet: end
        String map = vm.describe();                 // a line for each slot, with its resident and dirty pages
        List<String> open = vm.stillOpen();         // active caches, followers, snapshots, files: by their names
        vm.close();                                 // gives everything back
        // end
        assertThat(map).contains("0000000000000000-00000000003fffff");
        assertThat(open).hasSize(1);
        assertThat(vm.stillOpen()).isEmpty();
    }

    private static PageFaultHandler.Decision restored(PageFault fault) {
        fault.page().put(0, (byte) 42);
        return PageFaultHandler.Decision.RESOLVE;
    }

    @Test
    void finishALazyRestore() {
        vm.ram().add(0, 0, 0, 16);
        vm.ram().add(1, 0, 0x100000, 16);
        Vm other = Vm.builder().build();
        HvaRange range = HvaRange.ofPages(vm.memslots().table().byId(0).hva(), 16);
        // snippet: lazy
        vm.host().registerFaultHandler(range, fault -> restored(fault), true, false);  // pages come when touched
        long missing = vm.host().unfilledPages(range.start(), range.npages());         // so many are still to come
        vm.host().fill(range.start(), range.npages());                                 // now: the file may be closed
        try (RamSnapshot bank = vm.ram().snapshot(slot -> slot.id() == 0)) {           // and of chosen slots
            other.ram().addAll(bank);                                                  // in a VM made of it
        }
        // end
        assertThat(missing).isEqualTo(16);
        byte[] now = new byte[1];
        other.guestMemory().read(0xf000, now);
        assertThat(now).containsExactly(42);
        assertThat(other.memslots().table().size()).isEqualTo(1);
    }

    @Test
    void forgetWhatNeedNotCome() {
        vm.ram().add(0, 0, 0, 16);
        HvaRange range = HvaRange.ofPages(vm.memslots().table().byId(0).hva(), 16);
        Set<Long> toCome = new HashSet<>(List.of(range.start(), range.start() + 0x1000, range.start() + 0x2000));
        // snippet: removals
        vm.host().registerFaultHandler(range, new PageFaultHandler() {
            @Override
            public Decision onFault(PageFault fault) {
                toCome.remove(fault.hva());
                return restored(fault);
            }

            @Override
            public void onDiscard(HvaRange gone) {                  // a balloon; and onUnmap, onMove
                toCome.removeIf(gone::contains);
            }
        }, true, false);
        // end
        vm.guestMemory().write(0, new byte[1]);
        vm.host().discard(range.start() + 0x1000, 1);
        assertThat(toCome).containsExactly(range.start() + 0x2000);
    }

    @Test
    void restoreAClock() {
        HostClock.Manual now = new HostClock.Manual(0);
        Vm first = Vm.builder().clock(now).build();
        Vm second = Vm.builder().clock(now).build();
        Kvmclock clock = Kvmclock.attach(first, TscSource.of(now, 2_400_000_000L));
        now.advance(5_000_000_000L);
        Vcpu vcpu = first.vcpu(0);
        Vcpu vcpu1 = second.vcpu(0);
        Kvmclock restored = Kvmclock.attach(second, TscSource.of(now, 3_000_000_000L));
        // snippet: clock
        PvclockTimeInfo time = clock.timeFor(vcpu);                       // to be saved, with these two
        long ticks = clock.readTsc(vcpu);
        long frequency = clock.tscOf(vcpu).frequencyHz();

        TscSource host = restored.tsc();                                  // of another machine, which counts otherwise
        restored.setTsc(vcpu1, GuestTsc.reading(frequency, ticks, host.read(), host.frequencyHz()));
        restored.setClock(vcpu1, time);                                   // the same time, by the same TSC as before
        // end
        now.advance(60_000_000_000L);
        assertThat(restored.readTsc(vcpu1)).isEqualTo(clock.readTsc(vcpu));
        assertThat(restored.getClock()).isCloseTo(clock.getClock(), within(2L));
    }

    @Test
    void migrateLive() {
        plugSomeRam();
        vm.guestMemory().write(0x5000, new byte[] {5});
        Map<Long, byte[]> copy = new HashMap<>();
        // snippet: live-migration
        LongPredicate send = gfn -> {
            byte[] page = new byte[4096];
            vm.guestMemory().read(Pages.gfnToGpa(gfn), page);
            copy.put(gfn, page);                                      // your line to the other host
            return true;                                              // false: it did not arrive, have it again
        };
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            boolean fewLeft = false;
            for (int round = 0; round < 30 && !fewLeft; round++) {    // all pages, then those written meanwhile
                DirtyLogFollower.Round sent = log.deliver(send);
                fewLeft = sent.complete() && sent.pages() < 32;
            }
            // stop vCPUs and devices here
            log.deliver(send);                                        // the rest
        }
        // end
        assertThat(copy).hasSize(1024);
        assertThat(copy.get(5L)[0]).isEqualTo((byte) 5);
    }

    /** Stands for the emulator's devices. */
    private static final class Bus {
        long stored;

        long read(long gpa, int width) {
            return -1L >>> Long.SIZE - 8 * width;
        }

        void write(long gpa, int width, long value) {
            stored = value;
        }
    }

    @Test
    void accessLikeACpu() {
        plugSomeRam();
        Bus bus = new Bus();
        long stackPointer = 0x8004;
        long pc = 0x8000;
        long counter = 0x8010;
        // snippet: tlb
        GuestTlb tlb = vm.newTlb(new GuestTlb.Unbacked() {            // one TLB for each vCPU's thread
            @Override
            public long load(long gpa, int width, Outcome why) {
                return bus.read(gpa, width);                          // no memory there: a device, or a trap
            }

            @Override
            public void store(long gpa, int width, long value, Outcome why) {
                bus.write(gpa, width, value);
            }
        });
        tlb.enter();                                                  // from here on, hits are raw
        tlb.storeLong(stackPointer - 8, 0x1122334455667788L);         // may cross into another page, even another slot
        int low = tlb.loadInt(stackPointer - 8);                      // 0x55667788; no flush, whatever the host does
        int instruction = tlb.fetchInt(pc);                           // the fastest, while it stays in its page
        int before = tlb.atomicInt(AtomicOp.ADD, counter, 1);         // against other vCPUs and devices
        tlb.poll();                                                   // each thousand instructions or so
        tlb.leave();                                                  // before HLT, before a device that waits
        // end
        assertThat(low).isEqualTo(0x55667788);
        assertThat(instruction).isEqualTo(tlb.loadInt(pc));
        assertThat(before + 1).isEqualTo(tlb.loadInt(counter));
        tlb.storeByte(0xfee0_0000L, (byte) 7);
        assertThat(bus.stored).isEqualTo(7);
        assertThat(tlb.deactivate()).isEqualTo(Outcome.OK);
    }

    @Test
    void holdPagesInATlbOfYourOwn() {
        plugSomeRam();
        long pc = 0x8123;
        // snippet: guest-mode
        Map<Long, ByteBuffer> mine = new HashMap<>();                 // your TLB: what you look up at each access
        GuestMode mode = vm.newGuestMode(mine::remove);               // told of each page that has to go
        mode.enter();
        ByteBuffer code = mine.get(pc & -4096);
        if (code == null) {                                           // a miss of yours
            HeldPage page = mode.hold(pc, false);                     // may drop other pages
            if (page.isHeld()) {                                      // else page.outcome(): FAULT, BUSY
                code = page.bytes();                                  // raw: no check per access from here on
                mine.put(page.gpa(), code);
            }
        }
        long drops = mode.drops();
        if (mode.poll() || mode.drops() != drops) {                   // code may be gone: look it up again
            code = mine.get(pc & -4096);
        }
        mode.leave();
        // end
        assertThat(code).isNotNull();
        vm.host().evict(vm.memslots().table().find(8).gfnToHva(8), 1);
        mode.enter();
        assertThat(mine).isEmpty();
        mode.leave();
        mode.close();
    }

    @Test
    void handleBusyAndFault() {
        plugSomeRam();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(0x1000);
        long now = 4711;
        // snippet: outcomes
        boolean due = switch (cache.storeLong(0, now)) {
            case OK -> false;
            case FAULT -> true;                 // no writable memory: the guest's doing. Try at its next entry
            case BUSY -> true;                  // the page did not hold still for as long as allowed. The same
            case INACTIVE, INVALID -> false;    // the guest has registered nothing: nothing to do
        };
        // end
        assertThat(due).isFalse();
        assertThat(cache.loadLong(0, -1)).isEqualTo(now);
    }

    @Test
    void doNotWait() {
        plugSomeRam();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(0x1000);
        boolean later;
        // snippet: try-access
        try (GuestAccess access = cache.tryAccess()) {       // as in an interrupt: waits for nobody, refreshes nothing
            later = access.outcome() == Outcome.BUSY;        // hand it to a thread that may wait
            if (access.isUsable()) {
                access.testAndSetBit(0, 3);
            }
        }
        // end
        assertThat(later).isFalse();
        assertThat(cache.loadByte(0, (byte) -1)).isEqualTo((byte) 8);
    }

    @Test
    void useTheParts() {
        plugSomeRam();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(0x1000);
        boolean written = false;
        // snippet: parts
        Outcome outcome = Outcome.OK;
        for (int attempt = 0; attempt < 8 && outcome == Outcome.OK && !written; attempt++) {
            try (GuestAccess guard = cache.readLock()) {     // nobody can take the page away while it is held
                if (guard.check()) {
                    guard.putLong(0, 12);
                    written = true;
                }
            }
            outcome = written ? outcome : cache.refresh();   // never with the guard held: that breaks a rule
        }
        // end
        assertThat(written).isTrue();
        assertThat(cache.loadLong(0, -1)).isEqualTo(12);
    }

    @Test
    void useAnArea() {
        plugSomeRam();
        // snippet: area
        GuestArea area = vm.newArea();
        area.activate(0x1ff8, 48);                           // in two pages, which need not be neighbours on the host
        try (AreaAccess access = area.access()) {            // all of it, or not usable
            if (access.isUsable()) {
                access.putLong(0, 1);
                access.putLong(8, 2);
            }
        }
        area.activate(0x5000, 64);                           // another place and another size, any time
        // end
        assertThat(area.length()).isEqualTo(64);
        byte[] bytes = new byte[16];
        vm.guestMemory().read(0x1ff8, bytes);
        assertThat(bytes).containsExactly(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0);
    }

    private int serve(short head) {
        return 100 + head;
    }

    @Test
    void aVirtqueue() {
        plugSomeRam();
        long availableGpa = 0x1ff8;
        long usedGpa = 0x2ffc;
        int size = 8;
        int served = 0;
        GfnPfnCache cache = vm.newCache(64);
        cache.activate(0x5000);
        cache.storeInt(0, 7);
        vm.guestMemory().write(availableGpa, new byte[] {0, 0, 1, 0, 3, 0});
        // snippet: virtqueue
        GuestArea available = vm.newArea();                      // le16 flags, idx, ring[size]
        available.activate(availableGpa, 4 + 2 * size);
        GuestArea used = vm.newArea();                           // le16 flags, idx, then {le32 id, le32 length}[size]
        used.activate(usedGpa, 4 + 8 * size);

        short head = -1;
        try (AreaAccess ring = available.access()) {             // one access at a time: closed before the next
            if (ring.isUsable() && ring.getShortAcquire(2) != (short) served) {  // the index, then its elements
                head = ring.getShort(4 + 2 * (served % size));
            }
        }
        if (head >= 0) {
            int length = serve(head);                            // reads the descriptors, does the work
            try (AreaAccess ring = used.access()) {
                if (ring.isUsable()) {
                    ring.putInt(4 + 8 * (served % size), head);
                    ring.putInt(8 + 8 * (served % size), length);
                    ring.putShortRelease(2, (short) ++served);   // published: the element is seen before the index
                }
            }
        }
        int lowest = cache.atomicInt(AtomicOp.MIN, 0, 5).orElse(-1);  // in one call; empty: no memory there now
        // end
        byte[] element = new byte[12];
        vm.guestMemory().read(usedGpa, element);
        assertThat(element).containsExactly(0, 0, 1, 0, 3, 0, 0, 0, 103, 0, 0, 0);
        assertThat(lowest).isEqualTo(7);
        assertThat(cache.loadInt(0, -1)).isEqualTo(5);
    }

    @Test
    void aRom() {
        byte[] image = {1, 2, 3};
        // snippet: rom
        vm.ram().add(3, Memslot.FLAG_READONLY, 0xffff_0000L, 16);
        vm.guestMemory().writeAsHost(0xffff_0000L, image, 0, image.length);  // the guest itself cannot write there
        // end
        assertThat(vm.guestMemory().write(0xffff_0000L, image)).isZero();
        byte[] there = new byte[3];
        assertThat(vm.guestMemory().read(0xffff_0000L, there)).isEqualTo(3);
        assertThat(there).isEqualTo(image);
    }

    @Test
    void banksAreSwitched() {
        // snippet: banks
        long banks = vm.host().reserve(4 * 8);                   // four banks of eight pages each
        vm.host().mapAnonymous(banks, 4 * 8, Protection.READ_WRITE);
        vm.ram().add(4, 0, 0x4000_0000L, 8);                     // its own memory is one bank more
        vm.memslots().replace(4, banks + 2 * 8 * 4096);          // bank 2
        // end
        assertThat(vm.memslots().table().byId(4).hva()).isEqualTo(banks + 2 * 8 * 4096);
        assertThat(vm.ram().remove(4)).isEqualTo(Memslots.Change.DONE);
        assertThat(vm.memslots().table().byId(4)).isNull();
    }

    @Test
    void saveAndLoad(@TempDir Path directory) throws IOException {
        plugSomeRam();
        Path file = directory.resolve("ram");
        vm.guestMemory().write(0x7777, new byte[] {9});
        // snippet: save
        try (RamSnapshot snapshot = vm.ram().snapshot(); OutputStream to = Files.newOutputStream(file)) {
            snapshot.save(to);                                   // slots, and the pages that have content
        }
        Vm other = Vm.builder().vcpus(2).build();
        try (InputStream from = Files.newInputStream(file)) {
            other.ram().load(from);                              // or other.ram().addAll(snapshot)
        }
        // end
        byte[] there = new byte[1];
        assertThat(other.guestMemory().read(0x7777, there)).isOne();
        assertThat(there).containsExactly(9);
        assertThat(Files.size(file)).isLessThan(3 * 4096);
        other.close();
    }

    @Test
    void writeYourOwnInterface() {
        plugSomeRam();
        TscSource tsc = TscSource.of(new HostClock.Manual(0), 1_000_000_000);
        // snippet: own-interface
        Registration page = new Registration(vm, 24);             // the structure's length
        AtomicBoolean due = new AtomicBoolean();
        vm.handleMsr(0x4000_0021, new MsrHandler() {
            @Override
            public long read(Vcpu vcpu, int index) {
                return page.register();
            }

            @Override
            public boolean write(Vcpu vcpu, int index, long value) {
                boolean on = (value & 1) != 0;
                page.point(value, on ? new CacheTarget.ByGpa(value & -4096) : null);
                due.set(true);                                    // after the place: what takes it finds that
                return true;                                      // false: the guest takes a fault
            }
        });
        vm.addEntryHook(new EntryHook() {
            @Override
            public void beforeEntry(Vcpu vcpu) {
                if (due.getAndSet(false)) {                       // before the write: a later request stays
                    Outcome outcome = Outcome.BUSY;               // also if your code throws
                    try {
                        outcome = page.update(tsc::read, (access, now) -> access.putLong(16, now));
                    } finally {
                        if (outcome == Outcome.BUSY) {
                            due.set(true);                        // put off, not lost
                        }
                    }
                }
            }
        });
        // end
        Vcpu vcpu = vm.vcpu(1);
        vm.guestMemory().write(0x3010, new byte[] {1});
        assertThat(vcpu.run(() -> vcpu.guestWriteMsr(0x4000_0021, 0x3001))).isEqualTo(Vcpu.Exit.GUEST);
        assertThat(page.isPlaced()).isTrue();
        assertThat(vcpu.readMsr(0x4000_0021)).isEqualTo(0x3001);
        byte[] written = new byte[1];
        vm.guestMemory().read(0x3010, written);
        assertThat(written).containsExactly(0);
        vcpu.run(() -> vcpu.guestWriteMsr(0x4000_0021, 0));
        assertThat(page.target()).isNull();
    }

    @Test
    void testAnEmulator() {
        int steps = 2_000;
        // snippet: stress
        HostMemory host = HostMemory.builder().checked(true).build();             // freed pages are poisoned
        Vm vm = Vm.builder().host(host).build();
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 64);
        GfnPfnCache counter = vm.newCache(8);
        counter.activate(0x2ff8);
        try (Adversary adversary = Adversary.of(vm).seed(42).migrating().evicting().followingDirtyLog(0).start()) {
            for (long i = 1; i <= steps && !adversary.hasFailed(); i++) {         // your emulator instead
                assertThat(counter.loadLong(0, -1)).isEqualTo(i - 1);
                assertThat(counter.storeLong(0, i)).isEqualTo(Outcome.OK);
            }
        }                                                    // throws what went wrong, also a write missing in the log
        VmAudit.atRest(vm);                                  // and every invariant of the machine
        // end
        assertThat(counter.loadLong(0, -1)).isEqualTo(steps);
    }

    @Test
    void watchIt(@TempDir Path directory) throws IOException {
        plugSomeRam();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(0x1000);
        cache.storeLong(0, 1);
        long hva = vm.memslots().table().find(1).gfnToHva(1);
        List<String> reasons = new ArrayList<>();
        // snippet: jfr
        Path file = directory.resolve("guest.jfr");
        try (Recording recording = new Recording()) {        // or from outside: jcmd PID JFR.start
            recording.start();
            vm.host().migrate(hva);                          // the page moves,
            cache.storeLong(0, 2);                           // and the cache finds it again
            recording.stop();
            recording.dump(file);
        }
        for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
            if (event.getEventType().getName().equals("io.github.pfncache.Refresh")) {
                reasons.add(event.getString("reason"));      // "invalidated"
            }
        }
        long refreshes = cache.stats().refreshes();          // 2: when it was activated, and now
        // end
        assertThat(reasons).containsExactly("invalidated");
        assertThat(refreshes).isEqualTo(2);
    }

    @Test
    void everySnippetOfTheGuideRuns() throws IOException {
        assertThat(Snippets.blocks(GUIDE)).isNotEmpty().isEqualTo(Snippets.regions(GuideTest.class));
    }
}
