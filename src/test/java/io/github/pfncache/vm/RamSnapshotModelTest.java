package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Writes, snapshots, rewinds, closings and copies in any order, against one number for each page. */
class RamSnapshotModelTest {

    /** Of the first slot: its tables have two leaves of their own and a part of a third. */
    private static final int KEPT = 1100;
    private static final int OWN = 4;
    private static final int[] PAGES = {0, 1, 511, 512, 1023, 1024, 1099, 1100, 1101, 1103};

    enum Call { WRITE, ZERO, SNAPSHOT, REWIND, CLOSE, COMPARE, COPY, EVICT, MIGRATE, DISCARD, FORK, SAVE }

    record Step(Call call, int page, int one, int other, byte value) {}

    @Provide
    Arbitrary<List<Step>> steps() {
        return Combinators.combine(
                        Arbitraries.of(Call.class),
                        Arbitraries.integers().between(0, PAGES.length - 1),
                        Arbitraries.integers().between(0, 3),
                        Arbitraries.integers().between(0, 3),
                        Arbitraries.bytes())
                .as(Step::new)
                .list()
                .ofMinSize(5)
                .ofMaxSize(60);
    }

    @Property(tries = 60, edgeCases = EdgeCasesMode.NONE)
    void everySnapshotIsWhatItWasAndKnowsWhatHasChanged(@ForAll("steps") List<Step> steps) throws IOException {
        try (Vm vm = Vm.builder().build()) {
            vm.ram().add(0, 0, 0, KEPT);
            vm.ram().add(1, 0, KEPT * 4096L, new byte[OWN * 4096]);
            byte[] now = new byte[KEPT + OWN];
            List<RamSnapshot> snapshots = new ArrayList<>();
            List<byte[]> models = new ArrayList<>();
            List<HostMemory> forks = new ArrayList<>();
            for (Step s : steps) {
                int page = PAGES[s.page];
                long hva = vm.memslots().table().byId(0).hva() + Math.min(page, KEPT - 1) * 4096L;
                int one = snapshots.isEmpty() ? -1 : s.one % snapshots.size();
                switch (s.call) {
                    case WRITE, ZERO -> {
                        now[page] = s.call == Call.ZERO ? 0 : s.value;
                        assertThat(vm.guestMemory().write(page * 4096L, new byte[] {now[page]})).isOne();
                    }
                    case EVICT -> vm.host().evict(hva, 1);
                    case MIGRATE -> vm.host().migrate(hva);
                    case DISCARD -> {
                        now[Math.min(page, KEPT - 1)] = 0;
                        assertThat(vm.host().discard(hva, 1)).isEqualTo(HostResult.OK);
                    }
                    case FORK -> forks.add(vm.host().fork());
                    case SNAPSHOT -> {
                        if (snapshots.size() < 4) {
                            snapshots.add(vm.ram().snapshot());
                            models.add(now.clone());
                        }
                    }
                    default -> {
                        if (one >= 0) {
                            of(s, vm, snapshots, models, one);
                            now = s.call == Call.REWIND ? models.get(one).clone() : now;
                        }
                    }
                }
                if (s.call == Call.CLOSE && one >= 0) {
                    snapshots.remove(one).close();
                    models.remove(one);
                }
                vm.host().audit();
                check(vm, now, snapshots, models);
            }
            forks.forEach(HostMemory::close);
            snapshots.forEach(RamSnapshot::close);
            vm.host().audit();
        }
    }

    private static void of(Step s, Vm vm, List<RamSnapshot> snapshots, List<byte[]> models, int one)
            throws IOException {
        RamSnapshot snapshot = snapshots.get(one);
        byte[] model = models.get(one);
        switch (s.call) {
            case REWIND -> assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.OK);
            case COMPARE -> {
                byte[] other = models.get(s.other % snapshots.size());
                assertThat(snapshot.pagesChangedSince(snapshots.get(s.other % snapshots.size())).toArray())
                        .isEqualTo(IntStream.range(0, model.length)
                                .filter(page -> model[page] != other[page])
                                .asLongStream().toArray());
                assertThat(snapshot.pagesWithContent().toArray())
                        .isEqualTo(IntStream.range(0, model.length)
                                .filter(page -> model[page] != 0)
                                .asLongStream().toArray());
            }
            case COPY, SAVE -> {
                try (Vm copy = Vm.builder().build()) {
                    if (s.call == Call.SAVE) {
                        ByteArrayOutputStream saved = new ByteArrayOutputStream();
                        snapshot.save(saved);
                        copy.ram().load(new ByteArrayInputStream(saved.toByteArray()));
                    } else {
                        copy.ram().addAll(snapshot);
                    }
                    copy.guestMemory().write(0, new byte[] {(byte) (model[0] + 1)});
                    try (RamSnapshot ofCopy = copy.ram().snapshot()) {
                        assertThat(ofCopy.pagesChangedSince(snapshot).toArray()).containsExactly(0);
                    }
                }
            }
            default -> assertThat(s.call).isEqualTo(Call.CLOSE);
        }
    }

    private static void check(Vm vm, byte[] now, List<RamSnapshot> snapshots, List<byte[]> models) {
        byte[] there = new byte[1];
        for (int page : PAGES) {
            assertThat(vm.guestMemory().read(page * 4096L, there)).isOne();
            assertThat(there[0]).as("page %d", page).isEqualTo(now[page]);
            for (int i = 0; i < snapshots.size(); i++) {
                assertThat(snapshots.get(i).read(page * 4096L, there)).isOne();
                assertThat(there[0]).as("page %d of snapshot %d", page, i).isEqualTo(models.get(i)[page]);
            }
        }
    }
}
