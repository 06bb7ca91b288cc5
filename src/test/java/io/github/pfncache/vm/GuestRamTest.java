package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.interleaving.Once;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.memslot.Memslots.Rejected;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** RAM in one call, and out again. */
class GuestRamTest {

    private static final int PAGE = 4096;
    private static final long GPA = 0x100000;
    private static final long OTHERS = 0x7000_0000;
    private static final long OF_FIRST = (1L << 55) + PAGE;

    /** As few mappings as will do: what is not given back is found missing. */
    private final HostMemory host = HostMemory.builder().maxMappings(6).build();

    private final Vm vm = Vm.builder().host(host).slotChangeTimeout(Duration.ofMinutes(1)).build();

    @AfterEach
    void audit() {
        vm.caches().activeCaches().forEach(GfnPfnCache::deactivate);
        VmAudit.atRest(vm);
        host.audit();
    }

    /** A host that has no mapping to spare: what is removed is gone, wherever it lies between others. */
    @Test
    void whatIsRemovedIsGoneAtTheLimitOfMappingsToo() {
        for (int first = 0; first < 3; first++) {
            for (int id = 0; id < 3; id++) {
                vm.ram().add(id, 0, GPA + (long) id * PAGE, 1);
                store(GPA + (long) id * PAGE, 1);
            }
            int others = 0;
            while (host.mapAnonymous(OTHERS + 2 * PAGE * others, 1, Protection.READ_WRITE) == HostResult.OK) {
                others++; // up to the limit
            }
            assertThat(others).as("nothing is left of what was removed before").isEqualTo(3);
            for (int i = 0; i < 3; i++) {
                int id = (first + i) % 3;
                long hva = vm.memslots().table().byId(id).hva();
                assertThat(vm.ram().remove(id)).isEqualTo(Change.DONE);
                assertThat(host.peek(hva, new byte[1])).isEqualTo(HostResult.EFAULT);
                assertThat(host.framesInUse()).isEqualTo(2 - i);
            }
            host.unmap(OTHERS, 2L * others);
        }
    }

    /** A vCPU that does not poll holds the memory through another slot: it is not the caller's again before it is. */
    @Test
    void whatAnotherSlotsUserHoldsIsNotGivenBack() throws InterruptedException, ExecutionException {
        byte[] ram = new byte[PAGE];
        vm.ram().add(0, 0, GPA, ram);
        long hva = vm.memslots().table().byId(0).hva();
        vm.memslots().set(1, 0, 2 * GPA, PAGE, hva);
        ExecutorService remover = Executors.newSingleThreadExecutor();
        try (GuestMode mode = vm.newGuestMode(gpa -> {})) {
            mode.enter();
            assertThat(mode.hold(2 * GPA, true).outcome()).isEqualTo(Outcome.OK);
            assertThat(remover.submit(() -> OnLooker.withoutPatience(() -> vm.ram().remove(0))).get())
                    .isEqualTo(Change.BUSY);
            assertThat(host.peek(hva, new byte[1])).isEqualTo(HostResult.OK);
            assertThat(remover.submit(() -> OnLooker.withoutPatience(() -> vm.ram().add(0, 0, GPA, 1))).get())
                    .as("added again").isEqualTo(Change.BUSY);
            assertThat(vm.memslots().table().byId(0)).as("nothing has changed").isNull();
            assertThat(vm.ram()).hasToString("RAM in slots {0=" + HvaRange.ofPages(hva, 1) + "}");
            mode.poll();
            assertThat(remover.submit(() -> vm.ram().remove(0)).get()).isEqualTo(Change.DONE);
            assertThat(host.peek(hva, new byte[1])).isEqualTo(HostResult.EFAULT);
            mode.leave();
        } finally {
            remover.shutdown();
        }
        assertThat(vm.ram().remove(0)).isEqualTo(Change.UNCHANGED);
        vm.memslots().delete(1);
    }

    /** Another thread deletes the slot before the call that made it has looked: nobody has to remove the memory. */
    @Test
    void memoryOfASlotThatIsDeletedAtOnceGoesWithIt() {
        assertThat(addedWhile(() -> vm.memslots().delete(0))).isEqualTo(Change.DONE);
        assertThat(vm.ram()).hasToString("RAM in slots {}");
        assertThat(host.peek(OF_FIRST, new byte[1])).isEqualTo(HostResult.EFAULT);
        assertThat(vm.ram().remove(0)).isEqualTo(Change.UNCHANGED);
        vm.close();
    }

    /** The number is another call's by then: its slot and its memory stay. */
    @Test
    void memoryOfASlotThatIsDeletedAndAddedAtOnceStays() {
        byte[] ram = new byte[PAGE];
        Change added = addedWhile(() -> {
            vm.memslots().delete(0);
            vm.ram().add(0, 0, GPA, ram);
        });
        assertThat(added).isEqualTo(Change.DONE);
        assertThat(host.peek(OF_FIRST, new byte[1])).isEqualTo(HostResult.EFAULT);
        assertThat(store(GPA, 42)).isEqualTo(Outcome.OK);
        assertThat(little(ram).getLong(0)).isEqualTo(42);
        assertThat(vm.ram().remove(0)).isEqualTo(Change.DONE);
        assertThat(vm.memslots().table()).isEmpty();
    }

    /** Adds a slot; another thread might do something when the change of the memory map is complete. */
    private Change addedWhile(Runnable meanwhile) {
        return OnLooker.withoutPatience(() -> vm.ram().add(0, 0, GPA, 1), new Once("unlock SLOTS", meanwhile));
    }

    /** What the call is refused for goes out, with what the callback has thrown in it. */
    @Test
    void theFirstFailureGoesOut() {
        vm.ram().add(0, 0, GPA, 1);
        host.registerFaultHandler(HvaRange.WHOLE, new UnmapListener(range -> {
            throw new UnsupportedOperationException(range.toString());
        }), false, false);
        Throwable thrown = catchThrowable(() -> vm.ram().add(1, 0, GPA, 1));
        assertThat(thrown).isInstanceOf(Rejected.class);
        assertThat(thrown.getSuppressed()).hasSize(1).allMatch(UnsupportedOperationException.class::isInstance);
    }

    private Outcome store(long gpa, long value) {
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(gpa);
        try (GuestAccess access = cache.access()) {
            if (access.isUsable()) {
                access.putLong(0, value);
            }
            return access.outcome();
        } finally {
            cache.deactivate();
        }
    }

    private long load(long gpa) {
        byte[] bytes = new byte[8];
        assertThat(vm.guestMemory().read(gpa, bytes)).isEqualTo(8);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Test
    void anArrayIsGuestMemoryInOneCall() {
        byte[] ram = new byte[16 * PAGE];
        assertThat(vm.ram().add(0, 0, GPA, ram)).isEqualTo(Change.DONE);
        assertThat(store(GPA + 0x1008, 42)).isEqualTo(Outcome.OK);
        assertThat(little(ram).getLong(0x1008)).isEqualTo(42);
        little(ram).putLong(0x1010, 43);
        assertThat(load(GPA + 0x1010)).isEqualTo(43);
        assertThat(vm.memslots().table().byId(0).npages()).isEqualTo(16);
    }

    @Test
    void pagesBuffersAndFilesAreToo() {
        byte[][] pages = {new byte[PAGE], new byte[PAGE], new byte[PAGE]};
        ByteBuffer direct = ByteBuffer.allocateDirect(2 * PAGE).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer heap = ByteBuffer.allocate(3 * PAGE).order(ByteOrder.LITTLE_ENDIAN).position(2 * PAGE);
        HostFile file = host.createFile(2);
        assertThat(vm.ram().add(0, 0, GPA, pages)).isEqualTo(Change.DONE);
        assertThat(vm.ram().add(1, Memslot.FLAG_LOG_DIRTY_PAGES, GPA + 3 * PAGE, direct, heap))
                .isEqualTo(Change.DONE);
        assertThat(vm.ram().add(2, 0, GPA + 6 * PAGE, file)).isEqualTo(Change.DONE);
        assertThat(vm.ram().add(3, 0, GPA + 8 * PAGE, 2)).isEqualTo(Change.DONE);
        for (int i = 0; i < 10; i++) { // bounded by the pages
            assertThat(store(GPA + i * PAGE + 16, i + 1)).isEqualTo(Outcome.OK);
            assertThat(load(GPA + i * PAGE + 16)).isEqualTo(i + 1);
        }
        assertThat(little(pages[2]).getLong(16)).isEqualTo(3);
        assertThat(direct.getLong(PAGE + 16)).isEqualTo(5);
        assertThat(heap.getLong(2 * PAGE + 16)).isEqualTo(6);
        assertThat(file.read(PAGE + 16, new byte[1])).isEqualTo(1);
        assertThat(vm.memslots().harvestDirty(1).harvest().pages()).containsExactly(0, 1, 2);
    }

    @Test
    void readOnlyFilesAndReadOnlySlotsCanBeReadOnly() {
        HostFile file = host.createFile(1);
        assertThat(vm.ram().add(0, 0, GPA, file.asReadOnly())).isEqualTo(Change.DONE);
        assertThat(vm.ram().add(1, Memslot.FLAG_READONLY, GPA + PAGE, new byte[PAGE])).isEqualTo(Change.DONE);
        assertThat(load(GPA)).isZero();
        assertThat(store(GPA, 1)).isEqualTo(Outcome.FAULT);
        assertThat(store(GPA + PAGE, 1)).isEqualTo(Outcome.FAULT);
    }

    @Test
    void whatCannotBeAddedLeavesNothingBehind() {
        vm.ram().add(0, 0, GPA, 1);
        byte[] ram = new byte[PAGE];
        for (int i = 0; i < 10; i++) { // more often than there is room for mappings
            assertThatThrownBy(() -> vm.ram().add(0, 0, GPA + PAGE, ram)).isInstanceOf(Rejected.class);
            assertThatThrownBy(() -> vm.ram().add(1, 0, GPA, ram)).isInstanceOf(Rejected.class);
            assertThatThrownBy(() -> vm.ram().add(-1, 0, GPA + PAGE, ram)).isInstanceOf(Rejected.class);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> vm.ram().add(1, 0, GPA + PAGE, new byte[1_000_000]))
                    .withMessageContaining("999424");
            assertThatIllegalArgumentException().isThrownBy(() -> vm.ram().add(1, 0, GPA + PAGE, new byte[0][]));
            assertThatIllegalArgumentException().isThrownBy(() -> vm.ram().add(1, 0, GPA + PAGE, 0));
            int token = vm.memslots().enterRead();
            assertThat(vm.ram().add(1, 0, GPA + PAGE, ram)).isEqualTo(Change.BUSY);
            vm.memslots().exitRead(token);
        }
        assertThat(vm.memslots().table().size()).isEqualTo(1);
        assertThat(vm.ram().add(1, 0, GPA + PAGE, ram)).isEqualTo(Change.DONE);
    }

    @Test
    void aHostWithoutRoomSaysSo() {
        List.of(0, 1, 2, 3, 4, 5).forEach(id -> vm.ram().add(id, 0, GPA + id * PAGE, new byte[PAGE]));
        assertThatIllegalStateException()
                .isThrownBy(() -> vm.ram().add(6, 0, GPA + 6 * PAGE, new byte[PAGE]))
                .withMessageContaining("slot 6");
    }

    @Test
    void removingTakesTheSlotAndTheMemoryWhereverTheSlotIs() {
        byte[] ram = new byte[PAGE];
        assertThat(vm.ram().remove(0)).as("never added").isEqualTo(Change.UNCHANGED);
        for (int i = 0; i < 10; i++) { // more often than there is room for mappings
            vm.ram().add(0, 0, GPA, ram);
            long hva = vm.memslots().table().byId(0).hva();
            assertThat(vm.memslots().move(0, GPA + 8 * PAGE)).isEqualTo(Change.DONE);
            int token = vm.memslots().enterRead();
            assertThat(vm.ram().remove(0)).isEqualTo(Change.BUSY);
            vm.memslots().exitRead(token);
            assertThat(store(GPA + 8 * PAGE, i)).isEqualTo(Outcome.OK);
            assertThat(vm.ram().remove(0)).isEqualTo(Change.DONE);
            assertThat(vm.ram().remove(0)).isEqualTo(Change.UNCHANGED);
            assertThat(vm.memslots().table().size()).isZero();
            assertThat(host.isPresent(hva)).isFalse();
        }
    }

    @Test
    void aSlotDeletedByOtherMeansLeavesItsMemoryToBeRemoved() {
        for (int i = 0; i < 10; i++) { // more often than there is room for mappings
            vm.ram().add(0, 0, GPA, new byte[PAGE]);
            vm.memslots().delete(0);
            vm.ram().add(0, 0, GPA, new byte[PAGE]);
            vm.memslots().delete(0);
            vm.memslots().set(0, 0, GPA, PAGE, 0x7000_0000L);
            assertThat(vm.ram().remove(0)).isEqualTo(Change.DONE);
            assertThat(vm.memslots().table().byId(0).hva()).as("another's slot").isEqualTo(0x7000_0000L);
            vm.memslots().delete(0);
        }
    }

    private final IllegalStateException failure = new IllegalStateException("the handler's");

    /** A slot was deleted, and its memory is there: the handler of that throws when it is told that it goes. */
    private PageFaultHandler formerMemoryThatFails() {
        vm.ram().add(0, 0, GPA, new byte[PAGE]);
        HvaRange former = HvaRange.ofPages(vm.memslots().table().byId(0).hva(), 1);
        vm.memslots().delete(0);
        PageFaultHandler handler = new UnmapListener(range -> {
            throw failure;
        });
        host.registerFaultHandler(former, handler, false, false);
        return handler;
    }

    @Test
    void aSlotIsThereAlsoIfTheEndOfTheFormerMemoryFails() {
        PageFaultHandler handler = formerMemoryThatFails();
        assertThatThrownBy(() -> vm.ram().add(0, 0, GPA, new byte[PAGE])).isSameAs(failure);
        assertThat(store(GPA, 7)).isEqualTo(Outcome.OK);
        assertThat(vm.ram().remove(0)).isEqualTo(Change.DONE);
        assertThat(vm.ram()).hasToString("RAM in slots {}");
        host.unregisterFaultHandler(handler);
    }

    @Test
    void ofSeveralSlotsNoneIsThereIfTheEndOfTheFormerMemoryFails() {
        PageFaultHandler handler = formerMemoryThatFails();
        try (Vm other = Vm.builder().build()) {
            other.ram().add(0, 0, GPA, 1);
            other.ram().add(1, 0, 2 * GPA, 1);
            try (RamSnapshot snapshot = other.ram().snapshot()) {
                assertThatThrownBy(() -> vm.ram().addAll(snapshot)).isSameAs(failure);
            }
        }
        assertThat(vm.memslots().table().size()).isZero();
        assertThat(vm.ram()).hasToString("RAM in slots {}");
        host.unregisterFaultHandler(handler);
    }

    /** The slot goes by other means, and the number to another, as soon as it could not be removed. */
    @Test
    void aRemovalThatWasBusyGivesBackWhatHasGoneMeanwhileAndKeepsWhatHasCome() throws Exception {
        vm.ram().add(0, 0, GPA, 1);
        long former = vm.memslots().table().byId(0).hva();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA);
        OpenAccess access = OpenAccess.to(cache);
        assertThat(OnLooker.withoutPatience(() -> vm.ram().remove(0), new Once("unlock SLOTS", () -> {
            assertThatCode(access::end).doesNotThrowAnyException();
            assertThat(vm.memslots().delete(0)).isEqualTo(Change.DONE);
            assertThat(vm.ram().add(0, 0, GPA, 1)).isEqualTo(Change.DONE);
        }))).isEqualTo(Change.BUSY);
        assertThat(host.peek(former, new byte[1])).isEqualTo(HostResult.EFAULT);
        assertThat(store(GPA, 7)).isEqualTo(Outcome.OK);
        assertThat(vm.ram().remove(0)).isEqualTo(Change.DONE);
        assertThat(vm.memslots().table().size()).isZero();
    }

    @Test
    void cachesFollowHotPlugByThemselves() {
        GfnPfnCache cache = vm.newCache(8);
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.FAULT);
        byte[] ram = new byte[PAGE];
        for (int i = 1; i <= 3; i++) {
            vm.ram().add(0, 0, GPA, ram);
            try (GuestAccess access = cache.access()) {
                access.putLong(0, i);
            }
            vm.ram().remove(0);
            try (GuestAccess access = cache.access()) {
                assertThat(access.outcome()).isEqualTo(Outcome.FAULT);
            }
            assertThat(little(ram).getLong(0)).isEqualTo(i);
        }
    }

    @Test
    void twoMachinesOfOneHostGetRoomOfTheirOwn() {
        Vm other = Vm.builder().host(host).build();
        vm.ram().add(0, 0, GPA, 1);
        other.ram().add(0, 0, GPA, 1);
        store(GPA, 1);
        assertThat(other.guestMemory().write(GPA, new byte[] {2})).isEqualTo(1);
        assertThat(load(GPA)).isEqualTo(1);
    }

    @Test
    void afterTheRemovalTheMemoryIsTheCallersAlone() throws InterruptedException, ExecutionException {
        byte[] ram = new byte[PAGE];
        AtomicBoolean stop = new AtomicBoolean();
        ExecutorService pool = Executors.newSingleThreadExecutor();
        try {
            Future<Long> writer = pool.submit(() -> {
                GfnPfnCache cache = vm.newCache(8);
                cache.activate(GPA);
                long written = 0;
                while (!stop.get()) { // until the rounds are done
                    try (GuestAccess access = cache.access()) {
                        if (access.isUsable()) {
                            access.putLong(0, ++written);
                        }
                    }
                }
                return written;
            });
            for (int round = 0; round < 40; round++) {
                assertThat(vm.ram().add(0, 0, GPA, ram)).isEqualTo(Change.DONE);
                while (little(ram).getLong(0) == 0 && !writer.isDone()) { // until the writer gets a turn
                    Thread.onSpinWait();
                }
                assertThat(vm.ram().remove(0)).isEqualTo(Change.DONE);
                little(ram).putLong(0, 0);
                for (int look = 0; look < 1_000; look++) {
                    assertThat(little(ram).getLong(0)).as("written after it was removed").isZero();
                }
            }
            stop.set(true);
            assertThat(writer.get()).isGreaterThanOrEqualTo(40);
        } finally {
            stop.set(true);
            pool.shutdown();
        }
    }
}
