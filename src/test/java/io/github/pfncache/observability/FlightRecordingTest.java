package io.github.pfncache.observability;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.io.IOException;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;

/** What flight recordings show. */
final class FlightRecordingTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int NPAGES = 4;
    private static final long SIZE = NPAGES * 4096L;

    private final Vm vm = Vm.builder().build();
    private final GfnPfnCache cache = vm.newCache(8);

    FlightRecordingTest() {
        vm.host().mapAnonymous(HVA, NPAGES, Protection.READ_WRITE);
        vm.memslots().set(1, 0, GPA, SIZE, HVA);
    }

    private void access() {
        try (GuestAccess access = cache.access()) {
            assertThat(access.isUsable()).isTrue();
        }
    }

    @Test
    void aRefreshSaysWhyAndWhere() throws IOException {
        Recorded recorded = Recorded.whileRunning(() -> {
            cache.activate(GPA + 0x40);
            vm.host().migrate(HVA);
            access();
            access(); // usable: no refresh
            vm.memslots().set(2, 0, 0x200000, SIZE, HVA + SIZE);
            access(); // usable still: that slot is another
            cache.refresh();
            cache.refresh();
            cache.activate(0x900000);
        });
        assertThat(recorded.of("Refresh", "reason"))
                .containsExactly("activation", "invalidated", "slots", "requested", "activation");
        assertThat(recorded.of("Refresh", "outcome")).containsExactly("OK", "OK", "OK", "OK", "FAULT");
        RecordedEvent second = recorded.of("Refresh").get(1);
        assertThat(second.getLong("gpa")).isEqualTo(GPA + 0x40);
        assertThat(second.getLong("uhva")).isEqualTo(HVA + 0x40);
        assertThat(second.getLong("pfn")).isEqualTo(vm.host().presentPfn(HVA));
        assertThat(second.getLong("generation")).isEqualTo(1);
        assertThat(second.getDuration().toNanos()).isPositive();
        assertThat(recorded.of("Refresh").get(4).getLong("pfn")).isEqualTo(-1);
    }

    @Test
    void eachEventNamesItsVm() throws IOException {
        Vm other = Vm.builder().build();
        other.ram().add(0, 0, GPA, NPAGES);
        GfnPfnCache beside = other.newCache(8);
        Recorded recorded = Recorded.whileRunning(() -> {
            cache.activate(GPA);
            beside.activate(GPA);
            vm.host().migrate(HVA);
            other.host().migrate(other.memslots().table().find(GPA >> 12).gfnToHva(GPA >> 12));
            vm.memslots().delete(1);
            other.memslots().delete(0);
        });
        long mine = vm.memslots().number();
        long others = other.memslots().number();
        assertThat(others).isNotEqualTo(mine);
        for (String event : List.of("Refresh", "Invalidate", "SlotChange")) {
            assertThat(recorded.of(event, "vm")).as(event).containsExactly(mine, others);
        }
        assertThat(vm.toString()).startsWith("Vm " + mine + "[");
    }

    @Test
    void anInvalidationSaysWhatItHit() throws IOException {
        GfnPfnCache other = vm.newCache(8);
        Recorded recorded = Recorded.whileRunning(() -> {
            cache.activate(GPA);
            other.activate(GPA + 0x100);
            vm.host().migrate(HVA);
            vm.host().discard(HVA + 4096, 2);
        });
        assertThat(recorded.of("Invalidate", "hits")).containsExactly(2, 0);
        RecordedEvent first = recorded.of("Invalidate").get(0);
        assertThat(first.getLong("rangeStart")).isEqualTo(HVA);
        assertThat(first.getLong("bytes")).isEqualTo(4096);
        assertThat(first.getBoolean("accepted")).isTrue();
        assertThat(first.getDuration("waitedForRefreshes").toNanos()).isNotNegative();
        assertThat(recorded.of("Invalidate").get(1).getLong("bytes")).isEqualTo(8192);
    }

    @Test
    void aSlotChangeSaysWhatBecameOfIt() throws IOException {
        Recorded recorded = Recorded.whileRunning(() -> {
            Memslots slots = vm.memslots();
            slots.set(2, 0, 0x200000, SIZE, HVA + SIZE);
            slots.set(2, 0, 0x200000, SIZE, HVA + SIZE);
            slots.setFlags(2, Memslot.FLAG_LOG_DIRTY_PAGES);
            slots.move(2, 0x300000);
            assertThatThrownBy(() -> slots.move(2, GPA)).isInstanceOf(Memslots.Rejected.class);
            int token = slots.enterRead();
            slots.delete(2);
            slots.exitRead(token);
            slots.delete(2);
        });
        assertThat(recorded.of("SlotChange", "kind"))
                .containsExactly("create", "none", "flags", "move", "unknown", "unknown", "delete");
        assertThat(recorded.of("SlotChange", "outcome"))
                .containsExactly("DONE", "UNCHANGED", "DONE", "DONE", "REJECTED", "BUSY", "DONE");
        assertThat(recorded.of("SlotChange", "id")).containsOnly(2);
        assertThat(recorded.of("SlotChange", "generation")).containsExactly(2L, 2L, 3L, 4L, 4L, 4L, 5L);
    }

    @Test
    void givingUpSaysWhatWasAwaited() throws IOException {
        cache.activate(GPA);
        Recorded recorded = Recorded.whileRunning(() -> {
            vm.host().discard(HVA, 1);
            vm.host().registerFaultHandler(
                    HvaRange.ofPages(HVA, 1),
                    fault -> {
                        assertThat(cache.refresh()).as("from inside its own fault").isEqualTo(Outcome.BUSY);
                        return PageFaultHandler.Decision.RESOLVE;
                    },
                    true,
                    false);
            access();
        });
        assertThat(recorded.of("Busy", "awaited")).containsExactly("another call on this cache");
        RecordedEvent busy = recorded.of("Busy").get(0);
        assertThat(busy.getLong("gpa")).isEqualTo(GPA);
        assertThat(busy.getStackTrace().getFrames()).anyMatch(
                frame -> frame.getMethod().getType().getName().equals(GfnPfnCache.class.getName()));
    }

    /** Addresses are shown in hexadecimal by every tool, because the fields say what they are. */
    @Test
    void addressesAreMarkedAsSuch() throws IOException {
        RecordedEvent refresh = Recorded.whileRunning(() -> cache.activate(GPA)).of("Refresh").get(0);
        for (String field : List.of("gpa", "uhva")) {
            assertThat(refresh.getEventType().getField(field).getContentType()).isEqualTo("jdk.jfr.MemoryAddress");
        }
        assertThat(refresh.getEventType().getCategoryNames()).containsExactly("pfncache");
        assertThat(refresh.getStackTrace()).isNull();
    }
}
