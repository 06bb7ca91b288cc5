package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.interleaving.Once;
import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.memslot.Memslots.Change;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A slot that gets other memory: one bank or the other, at no time none, and nothing that was written is forgotten. */
final class BankTest {

    private static final int PAGE = 4096;
    private static final int NPAGES = 4;
    private static final long A = 0x7000_0000_0000L;
    private static final long B = A + 0x10_0000;
    private static final long ALIAS = 0x10_0000;

    private final Vm vm = Vm.builder().slotChangeTimeout(Duration.ofMillis(100)).build();

    BankTest() {
        for (long bank : new long[] {A, B}) {
            vm.host().mapAnonymous(bank, NPAGES, Protection.READ_WRITE);
            byte[] content = new byte[NPAGES * PAGE];
            Arrays.fill(content, (byte) (bank == A ? 1 : 2));
            vm.host().poke(bank, content);
        }
    }

    @AfterEach
    void close() {
        VmAudit.atRest(vm);
        vm.close();
    }

    private Memslots slots() {
        return vm.memslots();
    }

    private byte read(long gpa) {
        byte[] one = new byte[1];
        assertThat(vm.guestMemory().read(gpa, one)).isOne();
        return one[0];
    }

    private long[] harvest() {
        return harvest(slots());
    }

    private static long[] harvest(Memslots slots) {
        return slots.harvestDirty(0).harvest().pages();
    }

    @Test
    void aSwitchShowsTheOtherBankWithAllOfItMarked() {
        slots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 2 * PAGE, A);
        GfnPfnCache cache = vm.newCache(8);
        assertThat(cache.activate(PAGE)).isEqualTo(Outcome.OK);
        harvest();
        assertThat(slots().replace(0, B)).isEqualTo(Change.DONE);
        assertThat(slots().replace(0, B)).isEqualTo(Change.UNCHANGED);
        assertThat(cache.loadByte(0, (byte) 9)).isEqualTo((byte) 2);
        assertThat(harvest()).containsExactly(0, 1);
        assertThat(cache.storeByte(0, (byte) 7)).isEqualTo(Outcome.OK);
        assertThat(harvest()).containsExactly(1);
        assertThat(slots().setFlags(0, 0)).as("the log is the slot's own").isEqualTo(Change.DONE);
        assertThat(slots().replace(0, A)).isEqualTo(Change.DONE);
        assertThat(cache.loadByte(0, (byte) 9)).isEqualTo((byte) 1);
        assertThatThrownBy(() -> slots().replace(1, A)).isInstanceOf(Memslots.Rejected.class);
        assertThatThrownBy(() -> slots().replace(0, A + 1)).isInstanceOf(Memslots.Rejected.class);
        cache.deactivate();
    }

    @Test
    void whatTheSlotHasBecomeIsRemovedWithIt() {
        vm.ram().add(0, 0, 0, 2);
        assertThat(slots().replace(0, B)).isEqualTo(Change.DONE);
        assertThatThrownBy(() -> slots().replace(0, B + 1)).isInstanceOf(Memslots.Rejected.class);
        int token = slots().enterRead();
        try {
            assertThat(slots().replace(0, A)).isEqualTo(Change.BUSY);
        } finally {
            slots().exitRead(token);
        }
        assertThat(slots().move(0, PAGE)).isEqualTo(Change.DONE);
        assertThat(vm.ram().remove(0)).isEqualTo(Change.DONE);
        assertThat(slots().table().size()).isZero();
        slots().set(0, 0, 0, 2 * PAGE, B);
        assertThat(vm.ram().remove(0)).as("another slot of this number").isEqualTo(Change.UNCHANGED);
        assertThat(slots().table().size()).isOne();
    }

    /** What a hidden bank has is delivered where another slot shows it. */
    @Test
    void aFollowerHasWhatWasWrittenBeforeASwitch() {
        slots().set(0, 0, 0, 2 * PAGE, A);
        slots().set(5, 0, ALIAS, 2 * PAGE, A);
        try (DirtyLogFollower follower = vm.followDirtyLog()) {
            follower.deliver(gfn -> true);
            vm.guestMemory().write(PAGE, new byte[] {42});
            assertThat(slots().replace(0, B)).isEqualTo(Change.DONE);
            List<Long> delivered = new ArrayList<>();
            assertThat(follower.deliver(delivered::add).complete()).isTrue();
            assertThat(delivered).containsExactlyInAnyOrder(0L, 1L, 0x101L);
            vm.guestMemory().write(ALIAS, new byte[] {43});
            assertThat(slots().replace(0, A)).isEqualTo(Change.DONE);
            assertThat(slots().delete(0)).isEqualTo(Change.DONE);
            delivered.clear();
            assertThat(follower.deliver(delivered::add).complete()).isTrue();
            assertThat(delivered).contains(0x100L).isSubsetOf(0x100L, 0x101L);
        }
    }

    /** The log is asked for with the slot, whichever bank it shows. */
    @Test
    void theLogStaysWithTheSlotWhenItsReaderGoes() {
        slots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 2 * PAGE, A);
        assertThat(slots().replace(0, B)).isEqualTo(Change.DONE);
        try (DirtyReader reader = slots().newDirtyReader()) {
            assertThat(reader.follow(slots().table().byId(0))).isNotNull();
        }
        assertThat(slots().table().byId(0).logsDirtyPages()).isTrue();
    }

    /** A thread stays with the table from before, so the switch is taken back, and that is not waited for either. */
    @Test
    void aSwitchThatAReaderMakesBusyTakesTheCachesBack() throws Exception {
        slots().set(0, 0, 0, 2 * PAGE, A);
        GfnPfnCache cache = vm.newCache(8);
        ExecutorService reader = Executors.newSingleThreadExecutor();
        try {
            int token = reader.submit(() -> slots().enterRead()).get();
            Once activation = new Once("memslot table published", () -> {
                assertThat(cache.activate(PAGE)).isEqualTo(Outcome.OK);
                assertThat(cache.loadByte(0, (byte) 9)).isEqualTo((byte) 2);
            });
            Change change = OnLooker.withoutPatience(() -> slots().replace(0, B), activation);
            assertThat(change).isEqualTo(Change.BUSY);
            assertThat(cache.loadByte(0, (byte) 9)).isEqualTo((byte) 1);
            reader.submit(() -> slots().exitRead(token)).get();
        } finally {
            reader.shutdown();
        }
        cache.deactivate();
    }

    /** The copy that a harvest in between led to has to be made once more. */
    @Test
    void aSwitchThatIsTakenBackMarksTheFormerBank() throws Exception {
        Vm patient = Vm.builder().host(vm.host()).slotChangeTimeout(Duration.ofMinutes(1)).build();
        Memslots slots = patient.memslots();
        slots.set(0, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 2 * PAGE, A);
        harvest(slots);
        GfnPfnCache cache = patient.newCache(8);
        cache.activate(PAGE);
        AtomicReference<Change> change = new AtomicReference<>();
        try (OpenAccess access = OpenAccess.to(cache)) {
            Thread switching = begun(slots, change);
            assertThat(harvest(slots)).as("while it shows the other").containsExactly(0, 1);
            takenBack(switching, change);
        }
        byte[] one = new byte[1];
        assertThat(patient.guestMemory().read(0, one)).isOne();
        assertThat(one[0]).isEqualTo((byte) 1);
        assertThat(harvest(slots)).containsExactly(0, 1);
        cache.deactivate();
        patient.close();
    }

    /** An access that is open to the third page stops the switch half way: the first pages show the other bank. */
    @Test
    void anAccessToAnAreaIsOfOneBank() throws Exception {
        ExecutorService threads = Executors.newSingleThreadExecutor();
        try (Vm patient = Vm.builder().host(vm.host()).slotChangeTimeout(Duration.ofMinutes(1)).build()) {
            patient.memslots().set(0, 0, 0, NPAGES * PAGE, A);
            GuestArea area = patient.newArea();
            assertThat(area.activate(0, NPAGES * PAGE)).isEqualTo(Outcome.OK);
            GfnPfnCache third = patient.newCache(8);
            assertThat(third.activate(2 * PAGE)).isEqualTo(Outcome.OK);
            Future<Change> change;
            boolean refused = false;
            try (OpenAccess used = OpenAccess.to(third)) {
                change = threads.submit(() -> patient.memslots().replace(0, B));
                while (!refused && !change.isDone()) { // bounded by the change's deadline
                    try (AreaAccess access = area.access()) {
                        refused = !access.isUsable();
                        assertThat(refused || access.getByte(0) == access.getByte(3 * PAGE)).as("of one bank").isTrue();
                    }
                }
            }
            assertThat(refused).as("while half of it shows the other bank").isTrue();
            assertThat(change.get()).isEqualTo(Change.DONE);
            try (AreaAccess access = area.access()) {
                assertThat(access.getByte(0)).isEqualTo(access.getByte(3 * PAGE)).isEqualTo((byte) 2);
            }
        } finally {
            threads.shutdown();
        }
    }

    /**
     * A switch that waits for an access to the former bank is interrupted, and taken back while another access is open
     * to the new bank: that one is not waited for, and the caches behind it show the former bank all the same.
     */
    @Test
    void aSwitchThatIsTakenBackTakesEveryCacheBack() throws Exception {
        Vm patient = Vm.builder().host(vm.host()).slotChangeTimeout(Duration.ofMinutes(1))
                .retry(new RetryPolicy(64, Duration.ofMillis(50))).build();
        Memslots slots = patient.memslots();
        slots.set(0, 0, 0, NPAGES * PAGE, A);
        List<GfnPfnCache> caches = new ArrayList<>();
        for (int page = 0; page < NPAGES; page++) { // bounded by the pages
            caches.add(patient.newCache(8));
            assertThat(caches.get(page).activate((long) page * PAGE)).isEqualTo(Outcome.OK);
        }
        AtomicReference<Change> change = new AtomicReference<>();
        try (OpenAccess used = OpenAccess.to(caches.get(0))) {
            Thread switching = begun(slots, change);
            vm.host().migrate(A + PAGE); // both are translated anew
            vm.host().migrate(A + 2 * PAGE);
            assertThat(caches.get(2).loadByte(0, (byte) 9)).as("while it switches").isEqualTo((byte) 2);
            try (GuestAccess access = caches.get(1).access()) {
                assertThat(access.getByte(0)).isEqualTo((byte) 2);
                takenBack(switching, change);
                CompletableFuture<Byte> other =
                        CompletableFuture.supplyAsync(() -> caches.get(1).loadByte(0, (byte) 9));
                assertThat(other.join()).as("in use").isEqualTo((byte) 9);
                assertThat(access.getByte(0)).as("what is open stays").isEqualTo((byte) 2);
            }
            assertThat(caches.get(2).loadByte(0, (byte) 9)).as("taken back").isEqualTo((byte) 1);
            assertThat(caches.get(1).loadByte(0, (byte) 9)).as("was in use").isEqualTo((byte) 1);
            assertThat(caches.get(1).storeByte(1, (byte) 5)).isEqualTo(Outcome.OK);
        }
        assertThat(slots.replace(0, B)).isEqualTo(Change.DONE);
        for (GfnPfnCache cache : caches) { // bounded by the pages
            assertThat(cache.loadByte(0, (byte) 9)).isEqualTo((byte) 2);
            cache.deactivate();
        }
        patient.close();
    }

    /** Also where an access to a page of the former bank is what the switch waits for. */
    @Test
    void aVcpuGivesBackThePagesOfASwitchThatWasTakenBack() throws Exception {
        Vm patient = Vm.builder().host(vm.host()).slotChangeTimeout(Duration.ofMinutes(1)).build();
        Memslots slots = patient.memslots();
        slots.set(0, 0, 0, NPAGES * PAGE, A);
        GfnPfnCache used = patient.newCache(8);
        assertThat(used.activate(0)).isEqualTo(Outcome.OK);
        GuestMode mode = patient.newGuestMode(gpa -> {});
        AtomicReference<Change> change = new AtomicReference<>();
        mode.enter();
        try (OpenAccess before = OpenAccess.to(used)) {
            Thread switching = begun(slots, change);
            HeldPage page = mode.hold(PAGE, true);
            assertThat(page.bytes().get(0)).isEqualTo((byte) 2);
            assertThat(mode.poll()).as("nobody wants it yet").isFalse();
            takenBack(switching, change);
            assertThat(mode.poll()).as("it is wanted back").isTrue();
            assertThat(mode.hold(PAGE, true).bytes().get(0)).isEqualTo((byte) 1);
        } finally {
            mode.leave();
        }
        mode.close();
        patient.close();
    }

    /** A refresh has found the page in the other bank, and is late to install it. */
    @Test
    void aRefreshThatEndsAfterItsSwitchWasTakenBackIsOfTheFormerBank() throws Exception {
        Vm patient = Vm.builder().host(vm.host()).slotChangeTimeout(Duration.ofMinutes(1)).build();
        Memslots slots = patient.memslots();
        slots.set(0, 0, 0, NPAGES * PAGE, A);
        GfnPfnCache used = patient.newCache(8);
        assertThat(used.activate(0)).isEqualTo(Outcome.OK);
        GfnPfnCache late = patient.newCache(8);
        CountDownLatch faulted = new CountDownLatch(1);
        CountDownLatch resolve = new CountDownLatch(1);
        vm.host().discard(B + PAGE, 1);
        vm.host().registerFaultHandler(HvaRange.ofPages(B + PAGE, 1), fault -> {
            faulted.countDown();
            await(resolve);
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        AtomicReference<Change> change = new AtomicReference<>();
        ExecutorService threads = Executors.newSingleThreadExecutor();
        try (GuestAccess access = used.access()) {
            Thread switching = begun(slots, change);
            List<Boolean> usable = new ArrayList<>(); // by another thread, each time that the window has been renewed
            Future<Outcome> activation = threads.submit(() -> OnLooker.amongOthers(() -> late.activate(PAGE), point -> {
                if (point.startsWith("write-unlock") && change.get() != null) {
                    usable.add(CompletableFuture.supplyAsync(() -> isUsable(late)).join());
                }
            }));
            faulted.await();
            takenBack(switching, change);
            resolve.countDown();
            assertThat(activation.get()).isEqualTo(Outcome.OK);
            assertThat(usable).as("of the bank that was refused").isNotEmpty().doesNotContain(true);
            assertThat(threads.submit(() -> late.loadByte(0, (byte) 9)).get()).isEqualTo((byte) 1);
            assertThat(threads.submit(() -> late.storeByte(0, (byte) 7)).get()).isEqualTo(Outcome.OK);
            assertThat(access.getByte(0)).isEqualTo((byte) 1);
        } finally {
            resolve.countDown();
            threads.shutdown();
        }
        byte[] one = new byte[1];
        patient.guestMemory().read(PAGE, one);
        assertThat(one[0]).isEqualTo((byte) 7);
        assertThat(slots.replace(0, B)).isEqualTo(Change.DONE);
        assertThat(late.loadByte(0, (byte) 9)).as("of the bank, which was discarded").isZero();
        patient.close();
    }

    /** A switch to the other bank, by another thread; back when that one shows. */
    private static Thread begun(Memslots slots, AtomicReference<Change> change) {
        long generation = slots.generation();
        Thread switching = new Thread(() -> change.set(slots.replace(0, B)), "switching");
        switching.start();
        while (slots.generation() == generation) { // bounded by the begin of the switch
            Thread.onSpinWait();
        }
        return switching;
    }

    /** It is interrupted while it waits for an access, and answers that. */
    private static void takenBack(Thread switching, AtomicReference<Change> change) throws InterruptedException {
        switching.interrupt();
        switching.join();
        assertThat(change).hasValue(Change.BUSY);
    }

    private static boolean isUsable(GfnPfnCache cache) {
        try (GuestAccess access = cache.tryAccess()) {
            return access.isUsable();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void memoryThatTwoSlotsShowNowIsNotRewoundToTwoContents() {
        slots().set(0, 0, 0, 2 * PAGE, A);
        slots().set(1, 0, ALIAS, 2 * PAGE, B);
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            assertThat(slots().replace(1, A)).isEqualTo(Change.DONE);
            vm.guestMemory().write(0, new byte[] {9});
            assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.EINVAL);
            assertThat(read(0)).isEqualTo((byte) 9);
            assertThat(slots().replace(1, B)).isEqualTo(Change.DONE);
            assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.OK);
            assertThat(read(0)).isEqualTo((byte) 1);
            assertThat(read(ALIAS)).isEqualTo((byte) 2);
        }
    }
}
