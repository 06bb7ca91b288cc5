package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.HeldLocks;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GuestAreaTest {

    static final long GPA = 0x100000;
    static final long HVA = 0x7f00_0000_0000L;
    static final int NPAGES = 4;
    static final byte FILL = (byte) 0xa5;

    final HostMemory host = HostMemory.builder().checked(true).build();
    final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(50));
    final CacheDomain domain = new CacheDomain(memslots, host, new RetryPolicy(8, Duration.ofMillis(50)));
    final GuestArea area = domain.newArea();

    GuestAreaTest() {
        host.mapAnonymous(HVA, NPAGES, Protection.READ_WRITE);
        memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, NPAGES * Pages.PAGE_SIZE, HVA);
        byte[] fill = new byte[NPAGES * Pages.PAGE_SIZE];
        Arrays.fill(fill, FILL);
        host.poke(HVA, fill);
    }

    @AfterEach
    void audit() {
        domain.audit(true);
    }

    byte[] memory() {
        byte[] bytes = new byte[NPAGES * Pages.PAGE_SIZE];
        host.peek(HVA, bytes);
        return bytes;
    }

    @Test
    void anAreaMayEndWhereUserAddressesEnd() {
        long last = HvaRange.USER_END - Pages.PAGE_SIZE;
        host.mapAnonymous(last, 1, Protection.READ_WRITE);
        assertThat(area.activateHva(HvaRange.USER_END - 16, 16)).isEqualTo(Outcome.OK);
        assertThat(area.activateHva(HvaRange.USER_END - 15, 16)).isEqualTo(Outcome.INVALID);
        area.deactivate();
    }

    @Test
    void anAreaThatMovesDownIsLockedInTheOrderOfItsCaches() {
        assertThat(area.activate(GPA + Pages.PAGE_SIZE, 2 * Pages.PAGE_SIZE)).isEqualTo(Outcome.OK);
        assertThat(area.activate(GPA, 2 * Pages.PAGE_SIZE)).isEqualTo(Outcome.OK);
        try (AreaAccess access = area.access()) {
            assertThat(access.isUsable()).isTrue();
        }
    }

    @Test
    void everyByteAddressAroundAPageBoundaryTakesItsBytesAndNoOther() {
        for (int start = Pages.PAGE_SIZE - 60; start <= Pages.PAGE_SIZE + 4; start++) {
            for (boolean byHva : new boolean[] {false, true}) {
                assertThat(byHva ? area.activateHva(HVA + start, 48) : area.activate(GPA + start, 48))
                        .isEqualTo(Outcome.OK);
                byte[] expected = memory();
                byte[] value = new byte[48];
                Arrays.fill(value, (byte) start);
                System.arraycopy(value, 0, expected, start, 48);
                try (AreaAccess access = area.access()) {
                    access.put(0, value);
                    byte[] back = new byte[48];
                    access.get(0, back);
                    assertThat(back).isEqualTo(value);
                }
                assertThat(memory()).isEqualTo(expected);
            }
        }
    }

    @Test
    void numbersThatStraddleAreLittleEndian() {
        area.activate(GPA + Pages.PAGE_SIZE - 3, 12);
        try (AreaAccess access = area.access()) {
            access.putLong(0, 0x8877665544332211L);
            access.putInt(8, -2);
            assertThat(access.getLong(0)).isEqualTo(0x8877665544332211L);
            assertThat(access.getInt(8)).isEqualTo(-2);
            assertThat(access.getByte(3)).isEqualTo((byte) 0x44);
        }
        assertThat(Arrays.copyOfRange(memory(), Pages.PAGE_SIZE - 3, Pages.PAGE_SIZE + 1))
                .containsExactly(0x11, 0x22, 0x33, 0x44);
    }

    @Test
    void marksEachPageWrittenAndNoOther() {
        area.activate(GPA + Pages.PAGE_SIZE - 8, 16);
        memslots.harvestDirty(1);
        try (AreaAccess access = area.access()) {
            access.putByte(15, (byte) 1);
        }
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(1);
        try (AreaAccess access = area.access()) {
            access.putLong(4, 1);
        }
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(0, 1);
        try (AreaAccess access = area.access()) {
            access.getLong(4);
        }
        assertThat(memslots.harvestDirty(1).harvest().pages()).isEmpty();
    }

    /** Seventeen pages: each is read, written and marked, and none stays locked. */
    @Test
    void theLongestAreaIsOneAsAnyOther() {
        long far = GPA + 0x100_0000;
        memslots.set(2, Memslot.FLAG_LOG_DIRTY_PAGES, far, 17 * Pages.PAGE_SIZE, HVA + 0x100_0000);
        host.mapAnonymous(HVA + 0x100_0000, 17, Protection.READ_WRITE);
        assertThat(area.activate(far + 5, GuestArea.MAX_LENGTH)).isEqualTo(Outcome.OK);
        byte[] bytes = new byte[GuestArea.MAX_LENGTH];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i / 251);
        }
        try (AreaAccess access = area.access()) {
            access.put(0, bytes);
            byte[] back = new byte[bytes.length];
            access.get(0, back);
            assertThat(back).isEqualTo(bytes);
        }
        assertThat(memslots.harvestDirty(2).harvest().count()).isEqualTo(17);
        try (AreaAccess access = area.tryAccess()) {
            access.put(1, bytes, 1, 2 * Pages.PAGE_SIZE);
        }
        assertThat(memslots.harvestDirty(2).harvest().pages()).containsExactly(0, 1, 2);
        for (int page = 16; page >= 0; page--) {
            assertThat(host.migrate(HVA + 0x100_0000 + (long) page * Pages.PAGE_SIZE)).isEqualTo(HostResult.OK);
        }
        assertThat(area.deactivate()).isEqualTo(Outcome.OK);
    }

    @Test
    void isAllOrNothingWhenOnePageHasGone() {
        area.activate(GPA + Pages.PAGE_SIZE - 8, 16);
        host.unmap(HVA + Pages.PAGE_SIZE, 1);
        try (AreaAccess access = area.access()) {
            assertThat(access.outcome()).isEqualTo(Outcome.FAULT);
            assertThatThrownBy(() -> access.putByte(0, (byte) 1)).isInstanceOf(IllegalStateException.class);
        }
        byte[] first = new byte[Pages.PAGE_SIZE];
        host.peek(HVA, first);
        assertThat(first).containsOnly(FILL);
        host.mapAnonymous(HVA + Pages.PAGE_SIZE, 1, Protection.READ_WRITE);
        try (AreaAccess access = area.access()) {
            assertThat(access.isUsable()).isTrue();
        }
    }

    @Test
    void aNewLengthMakesNewCachesAndRetiresTheOld() {
        area.activate(GPA + Pages.PAGE_SIZE - 46, 44);
        assertThat(domain.activeCaches()).hasSize(1);
        area.activate(GPA + Pages.PAGE_SIZE - 46, 48);
        assertThat(domain.activeCaches()).hasSize(2);
        assertThat(area.length()).isEqualTo(48);
        assertThat(area.deactivate()).isEqualTo(Outcome.OK);
        assertThat(domain.activeCaches()).isEmpty();
        assertThat(host.liveMappings()).isZero();
    }

    @Test
    void refusesWhatWrapsAndStaysAsItWas() {
        area.activate(GPA, 16);
        assertThat(area.activate(Pages.INVALID_GPA, 1)).isEqualTo(Outcome.INVALID);
        assertThat(area.activate(-8, 16)).isEqualTo(Outcome.INVALID);
        assertThat(area.activateHva((1L << 56) - 8, 16)).isEqualTo(Outcome.INVALID);
        assertThat(area.activateHva(-8, 4)).isEqualTo(Outcome.INVALID);
        assertThatThrownBy(() -> area.activate(GPA, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> area.activate(GPA, GuestArea.MAX_LENGTH + 1))
                .isInstanceOf(IllegalArgumentException.class);
        try (AreaAccess access = area.access()) {
            assertThat(access.isUsable()).isTrue();
            assertThatThrownBy(() -> access.getLong(9)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> access.getByte(-1)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> access.getInt(Integer.MAX_VALUE)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void inAtomicContextTriesAndGivesUp() {
        area.activate(GPA + Pages.PAGE_SIZE - 8, 16);
        HeldLocks.atomically(() -> {
            try (AreaAccess access = area.tryAccess()) {
                access.putLong(4, 42);
            }
        });
        host.migrate(HVA + Pages.PAGE_SIZE);
        HeldLocks.atomically(() -> {
            try (AreaAccess access = area.tryAccess()) {
                assertThat(access.outcome()).isEqualTo(Outcome.BUSY);
            }
        });
        try (AreaAccess access = area.access()) {
            assertThat(access.getLong(4)).isEqualTo(42);
        }
    }

    @Test
    void withoutActivationIsInactive() {
        try (AreaAccess access = area.access()) {
            assertThat(access.outcome()).isEqualTo(Outcome.INACTIVE);
        }
    }

    @Test
    void closedOnAnotherThreadItStaysOpenForItsOwn() throws InterruptedException {
        area.activate(GPA + Pages.PAGE_SIZE - 8, 16);
        try (AreaAccess access = area.access()) {
            Throwable[] thrown = new Throwable[1];
            Thread other = new Thread(access::close);
            other.setUncaughtExceptionHandler((dead, cause) -> thrown[0] = cause);
            other.start();
            other.join();
            assertThat(thrown[0]).isInstanceOf(IllegalStateException.class);
            access.putLong(4, 0x1234);
        }
        assertThat(host.discard(HVA, 2)).isEqualTo(HostResult.OK); // would wait for a lock that was not given back
    }
}
