package io.github.pfncache.stress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class AdversaryTest {

    private static final long HVA = 0x7f00_0000_0000L;
    private static final long GPA = 0x10_0000;
    private static final long OTHER_GPA = 0x80_0000;
    private static final int NPAGES = 8;

    private final Vm vm = Vm.builder().build();

    AdversaryTest() {
        vm.host().mapAnonymous(HVA, 2 * NPAGES, Protection.READ_WRITE);
        vm.memslots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, NPAGES * 4096, HVA);
        vm.memslots().set(1, 0, GPA + NPAGES * 4096, NPAGES * 4096, HVA + NPAGES * 4096);
    }

    private static List<HostAdversary.Step> hostPlan(HostMemory host, long seed) {
        List<HostAdversary.Action> all = List.of(HostAdversary.Action.values());
        List<HvaRange> memory = List.of(HvaRange.ofPages(HVA, 2 * NPAGES));
        HostAdversary adversary = new HostAdversary(host, all, memory, memory, seed, null);
        return IntStream.range(0, 200).mapToObj(i -> {
            HostAdversary.Step step = adversary.next();
            if (i % 3 == 0) {
                adversary.turn(); // what becomes of a step changes nothing about the next, but it is a step
            } else {
                adversary.next();
            }
            return step;
        }).toList();
    }

    @Test
    void aSeedIsAPlan() {
        List<HostAdversary.Step> plan = hostPlan(vm.host(), 7);
        HostMemory empty = HostMemory.builder().build();
        empty.mapAnonymous(HVA, 2 * NPAGES, Protection.READ_WRITE);
        assertThat(hostPlan(empty, 7)).isEqualTo(plan);
        assertThat(hostPlan(empty, 8)).isNotEqualTo(plan);
        Set<HostAdversary.Action> seen = EnumSet.noneOf(HostAdversary.Action.class);
        plan.forEach(step -> seen.add(step.action()));
        assertThat(seen).containsExactlyInAnyOrder(HostAdversary.Action.values());
        assertThat(new Plan(7, "a").choose(1 << 30)).isNotEqualTo(new Plan(7, "b").choose(1 << 30));
    }

    @Test
    void everythingIsDoneAndPutBack() {
        List<Memslot> before = List.of(vm.memslots().table().byId(0), vm.memslots().table().byId(1));
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(OTHER_GPA);
        Adversary adversary = Adversary.of(vm)
                .seed(3)
                .resting(Duration.ZERO)
                .migrating().evicting().writeProtecting().forking().discarding(HVA + NPAGES * 4096, NPAGES)
                .replugging(1).moving(1, OTHER_GPA).togglingLog(1).togglingReadOnly(1)
                .followingDirtyLog(0)
                .start();
        long deadline = System.nanoTime() + 60_000_000_000L;
        int ok = 0;
        int fault = 0;
        try (adversary) {
            // Bounded by the deadline.
            while (ok == 0 || fault == 0 || adversary.actions().values().stream().anyMatch(count -> count < 5)) {
                assertThat(System.nanoTime() - deadline).as("%s", adversary.actions()).isNegative();
                assertThat(adversary.hasFailed()).isFalse();
                try (GuestAccess access = cache.access()) {
                    ok += access.outcome() == Outcome.OK ? 1 : 0;
                    fault += access.outcome() == Outcome.FAULT ? 1 : 0;
                }
            }
        }
        for (Memslot slot : before) {
            Memslot now = vm.memslots().table().byId(slot.id());
            assertThat(now).hasToString(slot.toString());
        }
        cache.deactivate();
        VmAudit.atRest(vm);
    }

    @Test
    void aRestMayBeOfAnyLengthAndCloseEndsIt() {
        Duration ever = ChronoUnit.FOREVER.getDuration();
        for (Duration rest : List.of(ever, ever.negated(), Duration.ZERO, Duration.ofNanos(-1))) {
            Adversary.of(vm).migrating().resting(rest).start().close(); // in time: else it says that a thread hangs
        }
    }

    @Test
    void aWriteThatIsNotLoggedIsFound() {
        Adversary adversary = Adversary.of(vm).followingDirtyLog(0).start();
        vm.host().poke(HVA + 5000, new byte[] {1}); // like a device that forgets the log
        assertThatThrownBy(adversary::close).isInstanceOf(AssertionError.class).hasMessageContaining("1 pages");
    }

    @Test
    void aForkThatSeesItsParentsWritesIsFound() {
        HostMemory host = HostMemory.builder().build();
        host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
        HvaRange page = HvaRange.ofPages(HVA, 1);
        List<HostAdversary.Action> fork = List.of(HostAdversary.Action.FORK);
        HostAdversary adversary = new HostAdversary(host, fork, List.of(page), List.of(), 1, null);
        adversary.turn();
        host.poke(HVA, new byte[] {1}); // the parent's copy
        adversary.turn();
        assertThat(adversary.done().get(HostAdversary.Action.FORK).sum()).isEqualTo(2);
        adversary.turn();
        adversary.child().poke(HVA, new byte[] {2}); // as a parent's stale mapping would
        assertThatThrownBy(adversary::end).isInstanceOf(AssertionError.class).hasMessageContaining("fork's page");
    }

    @Test
    void whatCannotBeFollowedIsRefused() {
        assertThatThrownBy(() -> Adversary.of(vm).moving(9, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Adversary.of(vm).followingDirtyLog(1).start())
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Adversary.of(vm).followingDirtyLog(0).replugging(0).start())
                .isInstanceOf(IllegalArgumentException.class);
    }
}
