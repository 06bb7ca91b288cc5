package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.RuleViolation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pages that a vCPU holds raw: what holds them there, and what takes them back. */
@Timeout(600)
final class GuestModeTest {

    private static final int PAGE = Pages.PAGE_SIZE;
    private static final long HVA = 0x7f00_0000_0000L;

    /** Four pages of RAM. */
    private static final long RAM = 0x10000;

    /** One read-only page, right behind. */
    private static final long ROM = RAM + 4 * PAGE;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final List<Long> dropped = new ArrayList<>();
    private Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofSeconds(5));
    private CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT);
    private GuestMode mode = domain.newGuestMode(dropped::add);

    GuestModeTest() {
        host.mapAnonymous(HVA, 5, Protection.READ_WRITE);
        plug(0);
    }

    private void plug(int flags) {
        memslots.set(1, flags, RAM, 4 * PAGE, HVA);
        memslots.set(2, Memslot.FLAG_READONLY, ROM, PAGE, HVA + 4 * PAGE);
    }

    /** The same memory with other memslots. */
    private void again(Memslots.DirtyMode dirtyMode, Duration timeout, int flags) {
        mode.close();
        memslots = new Memslots(dirtyMode, timeout);
        domain = new CacheDomain(memslots, host, new RetryPolicy(4, Duration.ofMinutes(1)));
        mode = domain.newGuestMode(dropped::add);
        plug(flags);
    }

    @AfterEach
    void audit() {
        mode.close();
        domain.audit(true);
        host.audit();
    }

    private byte peek(long offset) {
        byte[] bytes = new byte[1];
        host.peek(HVA + offset, bytes);
        return bytes[0];
    }

    private long[] dirty() {
        return memslots.harvestDirty(1).harvest().pages();
    }

    private HeldPage write(int page, int value) {
        HeldPage held = mode.hold(RAM + (long) page * PAGE, true);
        assertThat(held.outcome()).isEqualTo(Outcome.OK);
        held.bytes().put(0, (byte) value);
        return held;
    }

    /** What another thread's call answers; polls until it has returned. */
    private <T> T whilePolling(Supplier<T> call) {
        AtomicReference<Object> answer = new AtomicReference<>();
        Thread other = new Thread(() -> answer.set(tried(call)), "taker");
        other.start();
        while (answer.get() == null) { // bounded by the test's timeout
            mode.poll();
            Thread.onSpinWait();
        }
        return answerOf(answer.get());
    }

    /** What another thread's call answers while this one is inside and does not poll. */
    private <T> T whileNotPolling(Supplier<T> call) throws InterruptedException {
        AtomicReference<Object> answer = new AtomicReference<>();
        Thread other = new Thread(() -> answer.set(tried(call)), "taker");
        other.start();
        other.join();
        return answerOf(answer.get());
    }

    private static Object tried(Supplier<?> call) {
        try {
            return call.get();
        } catch (RuntimeException | Error e) {
            return e;
        }
    }

    @SuppressWarnings("unchecked")
    private static <T> T answerOf(Object answer) {
        if (answer instanceof Error e) {
            throw e;
        }
        if (answer instanceof RuntimeException e) {
            throw e;
        }
        return (T) answer;
    }

    // ------------------------------------------------------------------ holding

    @Test
    void whatIsHeldIsTheMemory() {
        mode.enter();
        HeldPage page = mode.hold(RAM + PAGE + 123, true);
        page.bytes().putInt(8, 0x0403_0201);
        assertThat(peek(PAGE + 8)).isEqualTo((byte) 1);
        assertThat(page.gpa()).isEqualTo(RAM + PAGE);
        assertThat(page.isWritable()).isTrue();
        assertThat(page.bytes().capacity()).isEqualTo(PAGE);
        assertThat(page.bytes().isDirect()).isTrue();
        assertThat(mode.hold(RAM + PAGE, false)).as("held already").isSameAs(page);
        assertThat(mode).asString().contains("inside", "held=1");
        mode.leave();
        assertThat(dropped).isEmpty();
    }

    @Test
    void aCallersMemoryOnTheHeapIsHeldAsItIs() {
        byte[] memory = new byte[PAGE];
        host.mapBuffer(HVA + 64L * PAGE, memory, Protection.READ_WRITE);
        memslots.set(3, 0, 0x100_0000, PAGE, HVA + 64L * PAGE);
        mode.enter();
        HeldPage page = mode.hold(0x100_0000, true);
        page.bytes().put(5, (byte) 7);
        assertThat(memory[5]).isEqualTo((byte) 7);
        assertThat(page.bytes().isDirect()).isFalse();
        mode.leave();
    }

    @Test
    void readOnlyMemoryIsHeldForReading() {
        host.poke(HVA + 4 * PAGE, new byte[] {9});
        mode.enter();
        HeldPage rom = mode.hold(ROM, false);
        assertThat(rom.bytes().get(0)).isEqualTo((byte) 9);
        assertThat(rom.isWritable()).isFalse();
        assertThat(rom.bytes().isReadOnly()).isTrue();
        assertThat(mode.hold(ROM, true).outcome()).isEqualTo(Outcome.FAULT);
        assertThat(rom.isHeld()).isTrue();
        mode.leave();
    }

    @Test
    void aPageThatShowsAFileIsBroughtInToBeReadWhateverItsProtection() {
        HostFile file = host.createFile(2);
        host.mapShared(HVA + 64L * PAGE, 2, file, 0, Protection.READ_WRITE);
        host.poke(HVA + 64L * PAGE, new byte[] {5});
        host.poke(HVA + 65L * PAGE, new byte[] {6});
        host.mapPrivate(HVA + 66L * PAGE, 1, file, 0, Protection.READ_WRITE);
        host.mapPrivate(HVA + 67L * PAGE, 1, file, 1, Protection.READ);
        memslots.set(3, 0, 0x100_0000, 2 * PAGE, HVA + 66L * PAGE);
        mode.enter();
        HeldPage page = mode.hold(0x100_0000, false);
        HeldPage rom = mode.hold(0x100_0000 + PAGE, false);
        assertThat(page.bytes().get(0)).isEqualTo((byte) 5);
        assertThat(rom.bytes().get(0)).isEqualTo((byte) 6);
        assertThat(rom.isWritable()).isFalse();
        assertThat(mode.hold(0x100_0000 + PAGE, true).outcome()).isEqualTo(Outcome.FAULT);
        mode.hold(0x100_0000, true).bytes().put(0, (byte) 7);
        mode.leave();
        assertThat(peek(66L * PAGE)).isEqualTo((byte) 7);
        assertThat(peek(64L * PAGE)).as("the file").isEqualTo((byte) 5);
    }

    @Test
    void whereThereIsNoMemoryIsAFaultAndNoGarbage() {
        mode.enter();
        for (long gpa : new long[] {0, RAM - 1, ROM + PAGE, -1, Long.MIN_VALUE, Pages.INVALID_GPA}) { // bounded
            HeldPage page = mode.hold(gpa, false);
            assertThat(page.outcome()).isEqualTo(Outcome.FAULT);
            assertThat(page.isHeld()).isFalse();
            assertThat(page.bytes()).isNull();
            assertThat(mode.hold(gpa, true)).isSameAs(page);
        }
        mode.leave();
        memslots.set(3, 0, 0x100_0000, PAGE, HVA + 64L * PAGE);
        mode.enter();
        assertThat(mode.hold(0x100_0000, true).outcome()).as("slot without memory").isEqualTo(Outcome.FAULT);
        mode.leave();
    }

    @Test
    void aReadHoldOfASharedPageBecomesAWriteHoldOfACopy() {
        host.poke(HVA, new byte[] {3});
        HostMemory child = host.fork();
        mode.enter();
        HeldPage shared = mode.hold(RAM, false);
        assertThat(shared.isWritable()).isFalse();
        HeldPage own = write(0, 4);
        assertThat(shared.isHeld()).isFalse();
        assertThat(own.bytes().get(0)).isEqualTo((byte) 4);
        byte[] theirs = new byte[1];
        child.peek(HVA, theirs);
        assertThat(theirs[0]).isEqualTo((byte) 3);
        assertThat(dropped).as("by the copy").containsExactly(RAM);
        mode.leave();
        child.close();
    }

    @Test
    void whatIsReleasedIsNotWaitedFor() throws InterruptedException {
        mode.enter();
        HeldPage page = write(0, 1);
        mode.release(page);
        mode.release(page);
        assertThat(page.isHeld()).isFalse();
        assertThat(whileNotPolling(() -> host.migrate(HVA) == HostResult.OK)).isTrue();
        assertThat(mode.poll()).isFalse();
        mode.leave();
        assertThat(dropped).isEmpty();
    }

    // ------------------------------------------------------------------ what takes pages back

    @Test
    void aMigrationWaitsForThePollAndTheNextHoldIsOfTheNewFrame() {
        mode.enter();
        HeldPage before = write(0, 1);
        HeldPage other = write(1, 2);
        assertThat(whilePolling(() -> host.migrate(HVA) == HostResult.OK)).isTrue();
        assertThat(before.isHeld()).isFalse();
        assertThat(other.isHeld()).as("nobody wants it").isTrue();
        assertThat(dropped).containsExactly(RAM);
        assertThat(mode.drops()).isEqualTo(1);
        HeldPage after = mode.hold(RAM, true);
        assertThat(after.bytes().get(0)).isEqualTo((byte) 1);
        after.bytes().put(0, (byte) 5);
        assertThat(peek(0)).isEqualTo((byte) 5);
        mode.leave();
    }

    @Test
    void aVcpuOutsideIsNotWaitedForAndDropsWhenItEnters() throws InterruptedException {
        mode.enter();
        write(0, 1);
        mode.leave();
        assertThat(whileNotPolling(() -> host.evict(HVA, 4))).isEqualTo(HostResult.OK);
        assertThat(dropped).isEmpty();
        mode.enter();
        assertThat(dropped).containsExactly(RAM);
        assertThat(mode.hold(RAM, false).bytes().get(0)).isEqualTo((byte) 1);
        mode.leave();
    }

    @Test
    void rangesOfAnySizeTakeWhatTheyCover() {
        mode.enter();
        for (Supplier<HostResult> change : List.<Supplier<HostResult>>of(
                () -> host.evict(HVA, 5),
                () -> {
                    host.protect(HVA, 4, Protection.READ);
                    return host.protect(HVA, 4, Protection.READ_WRITE);
                },
                () -> host.writeProtect(HVA, 2, true), () -> host.collapse(HVA, 5))) { // bounded by the list
            dropped.clear();
            write(0, 1);
            write(1, 1);
            mode.hold(ROM, false);
            assertThat(whilePolling(change)).isEqualTo(HostResult.OK);
            assertThat(dropped).contains(RAM, RAM + PAGE);
        }
        mode.leave();
    }

    @Test
    void theWholeAddressSpaceTakesEverything() {
        mode.enter();
        write(0, 1);
        write(3, 2);
        mode.hold(ROM, false);
        HostMemory[] fork = new HostMemory[1];
        assertThat(whilePolling(() -> fork[0] = host.fork())).isNotNull();
        assertThat(dropped).contains(RAM, RAM + 3 * PAGE);
        assertThat(whilePolling(() -> {
            fork[0].close();
            host.close();
            return true;
        })).isTrue();
        assertThat(dropped).contains(ROM);
        assertThat(mode.hold(RAM, false).outcome()).isEqualTo(Outcome.FAULT);
        mode.leave();
    }

    @Test
    void aSlotChangeTakesThePagesOfItsSlotOnly() {
        mode.enter();
        write(0, 1);
        HeldPage rom = mode.hold(ROM, false);
        assertThat(whilePolling(() -> memslots.move(1, RAM + 16 * PAGE))).isEqualTo(Memslots.Change.DONE);
        assertThat(dropped).containsExactly(RAM);
        assertThat(rom.isHeld()).isTrue();
        assertThat(mode.hold(RAM, false).outcome()).isEqualTo(Outcome.FAULT);
        assertThat(mode.hold(RAM + 16 * PAGE, false).bytes().get(0)).isEqualTo((byte) 1);
        mode.leave();
    }

    @Test
    void anAliasOfAnotherSlotStays() {
        memslots.set(3, 0, 0x100_0000, PAGE, HVA);
        mode.enter();
        write(0, 1);
        HeldPage alias = mode.hold(0x100_0000, true);
        assertThat(whilePolling(() -> memslots.delete(1))).isEqualTo(Memslots.Change.DONE);
        assertThat(alias.isHeld()).isTrue();
        assertThat(whilePolling(() -> host.migrate(HVA) == HostResult.OK)).isTrue();
        assertThat(dropped).containsExactly(RAM, 0x100_0000L);
        mode.leave();
    }

    @Test
    void whoMayNotBlockIsRefusedAtOnce() throws InterruptedException {
        mode.enter();
        HeldPage page = write(0, 1);
        assertThat(whileNotPolling(() -> host.tryEvict(HVA, 1))).isEqualTo(HostResult.BUSY);
        assertThat(mode.poll()).as("and nobody is disturbed").isFalse();
        assertThat(page.isHeld()).isTrue();
        assertThat(whileNotPolling(() -> host.tryEvict(HVA + PAGE, 1))).isEqualTo(HostResult.OK);
        mode.leave();
        assertThat(host.tryEvict(HVA, 1)).isEqualTo(HostResult.OK);
    }

    @Test
    void whoHasWaitedForTooLongIsToldSoAndNothingHasChanged() throws InterruptedException {
        again(Memslots.DirtyMode.BITMAP, Duration.ofMillis(50), Memslot.FLAG_LOG_DIRTY_PAGES);
        mode.enter();
        HeldPage page = write(0, 1);
        assertThat(whileNotPolling(() -> host.migrate(HVA) == HostResult.OK)).isFalse();
        assertThat(whileNotPolling(() -> host.evict(HVA, 4))).isEqualTo(HostResult.BUSY);
        assertThat(whileNotPolling(() -> memslots.delete(1))).isEqualTo(Memslots.Change.BUSY);
        assertThat(page.isHeld()).isTrue();
        page.bytes().put(0, (byte) 7);
        assertThat(peek(0)).isEqualTo((byte) 7);
        assertThat(whileNotPolling(this::dirty)).as("harvested").containsExactly(0);
        assertThat(mode.poll()).isTrue();
        assertThat(dropped).containsExactly(RAM);
        mode.leave();
        assertThat(dirty()).as("marked again, since it was written on").containsExactly(0);
        assertThat(dirty()).isEmpty();
        assertThat(memslots.delete(1)).isEqualTo(Memslots.Change.DONE);
    }

    // ------------------------------------------------------------------ the dirty log

    @Test
    void aHoldForWritingMarksThePageAndAHarvestTakesItBack() {
        again(Memslots.DirtyMode.BITMAP, Duration.ofSeconds(5), Memslot.FLAG_LOG_DIRTY_PAGES);
        mode.enter();
        HeldPage read = mode.hold(RAM + PAGE, false);
        assertThat(read.isWritable()).as("that would have to be marked").isFalse();
        HeldPage page = write(0, 1);
        assertThat(whilePolling(this::dirty)).containsExactly(0);
        assertThat(page.isHeld()).isFalse();
        assertThat(read.isHeld()).as("is not written").isTrue();
        write(0, 2);
        write(1, 2);
        assertThat(whilePolling(this::dirty)).containsExactly(0, 1);
        assertThat(whilePolling(this::dirty)).isEmpty();
        mode.leave();
    }

    @Test
    void whereNothingIsLoggedAPageThatCanBeWrittenIsWritableAtOnce() {
        host.poke(HVA, new byte[1]);
        mode.enter();
        HeldPage page = mode.hold(RAM, false);
        assertThat(page.isWritable()).isTrue();
        assertThat(mode.hold(RAM, true)).isSameAs(page);
        mode.leave();
    }

    @Test
    void turningTheLogOnTakesThePagesBack() {
        mode.enter();
        write(0, 1);
        assertThat(whilePolling(() -> memslots.setFlags(1, Memslot.FLAG_LOG_DIRTY_PAGES)))
                .isEqualTo(Memslots.Change.DONE);
        assertThat(dropped).containsExactly(RAM);
        write(0, 2);
        assertThat(whilePolling(this::dirty)).containsExactly(0);
        assertThat(whilePolling(() -> memslots.setFlags(1, 0))).isEqualTo(Memslots.Change.DONE);
        write(0, 3);
        mode.leave();
    }

    @Test
    void withRingsAHoldIsAnEntryAndAResetTakesThePageBack() {
        again(Memslots.DirtyMode.RING, Duration.ofSeconds(5), Memslot.FLAG_LOG_DIRTY_PAGES);
        DirtyRing ring = memslots.newDirtyRing(128);
        ring.bind();
        mode.enter();
        HeldPage page = write(2, 1);
        HeldPage other = write(3, 1);
        assertThat(ring.entries()).containsExactly(new DirtyRing.Entry(1, 2), new DirtyRing.Entry(1, 3));
        write(0, 1);
        assertThat(page.isHeld()).isTrue();
        assertThat(whilePolling(ring::reset)).isEqualTo(2);
        assertThat(page.isHeld()).isFalse();
        assertThat(other.isHeld()).isFalse();
        assertThat(dropped).containsExactlyInAnyOrder(RAM + 2 * PAGE, RAM + 3 * PAGE);
        write(2, 2);
        assertThat(ring.entries()).containsExactly(new DirtyRing.Entry(1, 0), new DirtyRing.Entry(1, 2));
        mode.leave();
        ring.unbind();
    }

    @Test
    void aResetThatIsNotAcknowledgedMarksThePageInTheBitmap() throws InterruptedException {
        again(Memslots.DirtyMode.RING, Duration.ofMillis(50), Memslot.FLAG_LOG_DIRTY_PAGES);
        DirtyRing ring = memslots.newDirtyRing(128);
        ring.bind();
        mode.enter();
        write(2, 1);
        assertThat(ring.entries()).hasSize(1);
        assertThat(whileNotPolling(ring::reset)).isEqualTo(1);
        mode.leave();
        ring.unbind();
        assertThat(memslots.harvestDirtyOutsideRings(1).harvest().pages()).containsExactly(2);
    }

    // ------------------------------------------------------------------ nobody waits for itself

    @Test
    void aHoldWaitsForAnInvalidationThatWaitsForThisVcpu() throws InterruptedException {
        mode.enter();
        write(0, 1);
        write(1, 2);
        mode.release(mode.hold(RAM + PAGE, true));
        AtomicReference<HostResult> evicted = new AtomicReference<>();
        Thread taker = new Thread(() -> evicted.set(host.evict(HVA, 4)), "taker");
        taker.start();
        while (taker.getState() != Thread.State.TIMED_WAITING && evicted.get() == null) { // until it waits for page 0
            Thread.onSpinWait();
        }
        assertThat(mode.hold(RAM + PAGE, true).bytes().get(0)).isEqualTo((byte) 2);
        taker.join();
        assertThat(evicted.get()).isEqualTo(HostResult.OK);
        assertThat(dropped).containsExactly(RAM);
        mode.leave();
    }

    @Test
    void aPageFaultHandlerMayMoveWhatIsHeld() {
        host.registerFaultHandler(HvaRange.ofPages(HVA + PAGE, 1), fault -> {
            assertThat(host.migrate(HVA)).isEqualTo(HostResult.OK);
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        mode.enter();
        HeldPage first = write(0, 1);
        assertThat(mode.hold(RAM + PAGE, true).isHeld()).isTrue();
        assertThat(first.isHeld()).isFalse();
        assertThat(dropped).containsExactly(RAM);
        mode.leave();
    }

    @Test
    void aCallThatMayWaitBreaksARuleInside() {
        memslots.setFlags(1, Memslot.FLAG_LOG_DIRTY_PAGES);
        GfnPfnCache cache = domain.newCache(8);
        mode.enter();
        write(0, 1);
        List<Runnable> calls = List.of(
                () -> cache.activate(RAM), () -> host.migrate(HVA), () -> memslots.delete(1), this::dirty,
                () -> domain.guestMemory().write(RAM, new byte[1]));
        for (Runnable call : calls) { // bounded by the list
            assertThatThrownBy(call::run).isInstanceOf(RuleViolation.class)
                    .hasMessageContaining("NO_WAIT_IN_GUEST_MODE");
        }
        mode.leave();
        calls.forEach(Runnable::run);
        assertThat(cache.deactivate()).isEqualTo(Outcome.OK);
    }

    @Test
    void aCacheIsAccessedInsideWithoutWaiting() {
        GfnPfnCache cache = domain.newCache(8);
        cache.activate(RAM);
        mode.enter();
        write(0, 1);
        assertThat(cache.loadByte(0, (byte) 0)).isEqualTo((byte) 1);
        assertThat(cache.storeByte(0, (byte) 2)).isEqualTo(Outcome.OK);
        mode.leave();
        assertThat(cache.deactivate()).isEqualTo(Outcome.OK);
    }

    // ------------------------------------------------------------------ what goes wrong

    @Test
    void aCallbackThatThrowsKeepsNothingHeld() throws InterruptedException {
        GuestMode broken = domain.newGuestMode(gpa -> {
            throw new IllegalStateException("dropped " + Pages.hex(gpa));
        });
        broken.enter();
        HeldPage first = broken.hold(RAM, true);
        HeldPage second = broken.hold(RAM + PAGE, true);
        AtomicReference<HostResult> evicted = new AtomicReference<>();
        Thread taker = new Thread(() -> evicted.set(host.evict(HVA, 4)), "taker");
        taker.start();
        assertThatThrownBy(() -> {
            while (evicted.get() == null) { // bounded by the test's timeout
                broken.poll();
            }
        }).hasMessageContaining("dropped 0x1").satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        taker.join();
        assertThat(evicted.get()).isEqualTo(HostResult.OK);
        assertThat(first.isHeld() || second.isHeld()).isFalse();
        broken.hold(RAM, true);
        broken.leave();
        host.migrate(HVA);
        assertThatThrownBy(broken::enter).hasMessage("dropped " + Pages.hex(RAM));
        assertThat(broken.isInside()).isFalse();
        broken.enter();
        broken.leave();
        broken.close();
    }

    @Test
    void aCallbackThatThrowsOneExceptionForAllKeepsNothingHeld() {
        IllegalStateException always = new IllegalStateException("always the same");
        GuestMode broken = domain.newGuestMode(gpa -> {
            throw always;
        });
        broken.enter();
        HeldPage first = broken.hold(RAM, true);
        HeldPage second = broken.hold(RAM + PAGE, true);
        broken.leave();
        host.evict(HVA, 4);
        assertThat(first.isWritable() && second.isWritable()).as("while they are held").isTrue();
        assertThatThrownBy(broken::enter).isSameAs(always);
        assertThat(first.isHeld() || second.isHeld() || first.isWritable() || second.isWritable()).isFalse();
        broken.close();
    }

    @Test
    void aPageFaultHandlerThatThrowsLeavesItInsideWithWhatWasHeld() {
        host.registerFaultHandler(HvaRange.ofPages(HVA + PAGE, 1), fault -> {
            throw new IllegalStateException("no network");
        }, true, false);
        mode.enter();
        HeldPage page = write(0, 1);
        assertThatThrownBy(() -> mode.hold(RAM + PAGE, true)).hasMessage("no network");
        assertThat(mode.isInside()).isTrue();
        assertThat(page.isHeld()).isTrue();
        assertThat(mode).asString().contains("held=1");
        mode.leave();
    }

    @Test
    void aThreadThatDiesInsideHoldsUpNobody() throws InterruptedException {
        Thread vcpu = new Thread(() -> {
            mode.enter();
            write(0, 1);
        }, "vcpu");
        vcpu.start();
        vcpu.join();
        assertThat(mode.isInside()).isTrue();
        assertThat(host.migrate(HVA)).isEqualTo(HostResult.OK);
        assertThat(host.tryEvict(HVA, 1)).isEqualTo(HostResult.OK);
        mode.enter(); // takes over
        assertThat(dropped).containsExactly(RAM);
        mode.leave();
    }

    // ------------------------------------------------------------------ whose it is

    @Test
    void handedOverItKeepsWhatItHolds() throws InterruptedException {
        mode.enter();
        HeldPage page = write(0, 1);
        assertThatThrownBy(() -> whileNotPolling(() -> {
            mode.enter();
            return null;
        })).isInstanceOf(IllegalStateException.class).hasMessageContainingAll("taker", "handOver()");
        assertThatThrownBy(mode::handOver).isInstanceOf(IllegalStateException.class);
        mode.leave();
        assertThat(mode.handOver()).isEqualTo(Outcome.OK);
        assertThat(whileNotPolling(() -> {
            mode.enter();
            HeldPage again = mode.hold(RAM, true);
            mode.leave();
            mode.handOver();
            return again;
        })).isSameAs(page);
        mode.enter();
        mode.leave();
    }

    @Test
    void enteredOnceAndLeftAsOftenAsOneLikes() {
        mode.enter();
        assertThatThrownBy(mode::enter).isInstanceOf(IllegalStateException.class);
        mode.leave();
        mode.leave();
        assertThatThrownBy(() -> mode.hold(RAM, false)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("not entered");
    }

    @Test
    void closedItIsOfNoUse() {
        mode.enter();
        HeldPage page = write(0, 1);
        assertThatThrownBy(mode::close).isInstanceOf(IllegalStateException.class);
        mode.leave();
        mode.close();
        mode.close();
        assertThat(page.isHeld()).isFalse();
        assertThat(host.liveMappings()).isZero();
        assertThatThrownBy(mode::enter).isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
        assertThat(dropped).isEmpty();
    }

    /** The handler of a page that is about to be held: nobody else can have the guest mode now. */
    @Test
    void nobodyElseGetsItWhileAPageIsBroughtIn() {
        List<Object> answers = new ArrayList<>();
        host.registerFaultHandler(HvaRange.ofPages(HVA, 1), fault -> {
            answers.add(mode.handOver());
            answers.add(mode.releaseAll());
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        mode.enter();
        assertThat(mode.hold(RAM, true).isHeld()).isTrue();
        mode.leave();
        assertThat(answers).containsExactly(Outcome.BUSY, Outcome.BUSY);
        assertThat(mode.handOver()).isEqualTo(Outcome.OK);
    }

    @Test
    void oneWhoseThreadEndedInsideCanBeClosed() throws InterruptedException {
        Thread vcpu = new Thread(() -> {
            mode.enter();
            mode.hold(RAM, true);
        });
        vcpu.start();
        vcpu.join();
        mode.close();
        assertThat(host.liveMappings()).isZero();
    }

    /** A second taker comes while the first one's page is given back: its own is given back by the next poll. */
    @Test
    void whatIsWantedWhileAnotherPageIsGivenBackIsNotTakenForGiven() throws InterruptedException {
        List<Thread> takers = new ArrayList<>();
        GuestMode other = domain.newGuestMode(gpa -> {
            if (gpa == RAM) {
                takers.add(taker(1));
            }
        });
        other.enter();
        other.hold(RAM, true);
        HeldPage second = other.hold(RAM + PAGE, true);
        takers.add(taker(0));
        while (takers.size() < 2) { // bounded by the test's timeout
            other.poll();
        }
        while (second.isHeld() && takers.get(1).isAlive()) { // as well
            other.poll();
        }
        assertThat(second.isHeld()).as("though its taker has ended").isFalse();
        other.leave();
        for (Thread taker : takers) {
            taker.join();
        }
        other.close();
    }

    /** A thread that wants a page back and waits for it. */
    private Thread taker(int page) {
        Thread taker = new Thread(() -> host.migrate(HVA + (long) page * PAGE));
        taker.start();
        while (taker.getState() == Thread.State.NEW || taker.getState() == Thread.State.RUNNABLE) {
            Thread.onSpinWait(); // until it has ended, or waits
        }
        return taker;
    }

    @Test
    void twoVcpusThatHoldWhatTheOthersMigrationWantsDoNotDeadlock() throws InterruptedException {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Runnable vcpu = () -> {
            GuestMode own = domain.newGuestMode(gpa -> {});
            try {
                for (int turn = 0; turn < 200; turn++) { // bounded
                    own.enter();
                    own.hold(RAM, true).bytes().put(1, (byte) turn);
                    own.hold(RAM + PAGE, true);
                    own.poll();
                    own.leave();
                    host.migrate(HVA + (turn & 1) * PAGE);
                }
            } catch (RuntimeException | Error e) {
                failure.set(e);
            } finally {
                own.leave();
                own.close();
            }
        };
        Thread one = new Thread(vcpu, "vcpu-1");
        Thread two = new Thread(vcpu, "vcpu-2");
        one.start();
        two.start();
        one.join();
        two.join();
        assertThat(failure.get()).isNull();
    }
}
