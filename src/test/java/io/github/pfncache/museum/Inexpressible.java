package io.github.pfncache.museum;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.Scenario;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.scenario.Guest;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.xen.EventScenarios;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A historical fault that cannot be written into this design.
 *
 * @param id number of the museum page
 * @param fault what was wrong, in one sentence
 * @param reason why it cannot be here
 * @param proof shows it
 */
record Inexpressible(String id, String fault, String reason, Scenario.Body proof) {

    static List<Inexpressible> all() {
        return List.of(
                new Inexpressible("B18", "check() with a longer length than refresh(): loops for ever",
                        "neither takes a length: it is fixed when the cache is made", Inexpressible::noLengthToGive),
                new Inexpressible("B31", "a cache by hva marks the gfn of INVALID_GPA dirty",
                        "a target by hva has no gpa, and its translation has no slot to mark in",
                        Inexpressible::noGpaToMark),
                new Inexpressible("B32", "a request to leave guest mode that nobody clears",
                        "an invalidation asks nothing of a vCPU: there is no request to forget",
                        Inexpressible::aVcpuEntersWhateverIsInvalidated),
                new Inexpressible("B83", "has-interrupt looks at the memslots outside of a read section",
                        "what it looks at is a cache's, which finds its slot in a read section of its own",
                        EventScenarios::interruptAfterTheSlotWent),
                new Inexpressible("B84", "the second half of a store that splits two devices' pages comes later",
                        "a store is over when its call is: nothing of it is kept for later",
                        Inexpressible::nothingAfterTheCall),
                new Inexpressible("B88", "a fork with another geometry reads the parent's tables as data",
                        "the geometry is the family's: there is none to give to a fork",
                        Inexpressible::noGeometryToGive),
                new Inexpressible("B91", "\"has an interrupt\" and \"take it\" look twice; the second finds it gone",
                        "taking is a look of its own, and that there is nothing to take is one of its answers",
                        EventScenarios::interruptThatIsGoneWhenItIsTaken));
    }

    private static void noLengthToGive() {
        assertThatCode(() -> user("cache.check(); cache.refresh();")).doesNotThrowAnyException();
        assertThatThrownBy(() -> user("cache.check(64);")).hasMessageContaining("does not compile");
        assertThatThrownBy(() -> user("cache.refresh(64);")).hasMessageContaining("does not compile");
    }

    private static void noGpaToMark() {
        String target = "new io.github.pfncache.cache.CacheTarget.ByHva(0)";
        assertThatCode(() -> user(target + ".hva();")).doesNotThrowAnyException();
        assertThatThrownBy(() -> user(target + ".gpa();")).hasMessageContaining("does not compile");
        Guest guest = Guest.logging();
        GfnPfnCache cache = guest.vm.newCache(8);
        assertThat(cache.activateHva(Guest.HVA)).isEqualTo(Outcome.OK);
        assertThat(Guest.write(cache, 7)).isTrue();
        assertThat(guest.harvest()).isEmpty();
        guest.atRest();
    }

    private static void nothingAfterTheCall() {
        List<Long> stored = new ArrayList<>();
        Guest guest = Guest.touched();
        GuestTlb tlb = guest.vm.newTlb(new GuestTlb.Unbacked() {
            @Override
            public long load(long gpa, int width, Outcome why) {
                return 0;
            }

            @Override
            public void store(long gpa, int width, long value, Outcome why) {
                stored.add(gpa);
            }
        });
        tlb.storeLong(Guest.GPA - 4, -1);
        assertThat(stored).isNotEmpty().allMatch(gpa -> gpa < Guest.GPA);
        int told = stored.size();
        long memory = guest.peek(0);
        tlb.loadInt(Guest.GPA);
        tlb.deactivate();
        assertThat(stored).hasSize(told);
        assertThat(guest.peek(0)).isEqualTo(memory);
    }

    private static void noGeometryToGive() {
        String host = "io.github.pfncache.host.HostMemory.builder().chunkBytes(4096, 4096).build()";
        assertThatCode(() -> user(host + ".fork(); " + host + ".snapshot();")).doesNotThrowAnyException();
        assertThatThrownBy(() -> user(host + ".fork(4096, 8192);")).hasMessageContaining("does not compile");
        HostMemory small = HostMemory.builder().chunkBytes(4096, 4096).build();
        small.mapAnonymous(Guest.HVA, 2, Protection.READ_WRITE);
        small.poke(Guest.HVA + 4096, new byte[] {7});
        for (HostMemory child : List.of(small.fork(), small.snapshot())) {
            byte[] content = new byte[1];
            child.peek(Guest.HVA + 4096, content);
            assertThat(content[0]).isEqualTo((byte) 7);
        }
        small.audit();
    }

    private static void user(String code) {
        MutantCompiler.compile(Map.of("museum/User.java", "package io.github.pfncache.museum; class User {"
                + " void use(io.github.pfncache.cache.GfnPfnCache cache) {" + code + "} }"));
    }

    private static void aVcpuEntersWhateverIsInvalidated() {
        Guest guest = Guest.touched();
        Vm vm = Vm.builder().host(guest.host).vcpus(1).build();
        vm.memslots().set(0, 0, 0, Guest.PAGES * 4096L, Guest.HVA);
        GfnPfnCache cache = vm.newCache(8);
        assertThat(cache.activate(0)).isEqualTo(Outcome.OK);
        Vcpu vcpu = vm.vcpu(0);
        for (int i = 0; i < 3; i++) {
            Vcpu.Exit exit = vcpu.run(() -> {
                assertThat(guest.host.migrate(Guest.HVA)).isEqualTo(HostResult.OK);
                try (GuestAccess access = cache.access()) {
                    assertThat(access.getLong(0)).isEqualTo(1);
                }
            });
            assertThat(exit).isEqualTo(Vcpu.Exit.GUEST);
        }
        cache.deactivate();
    }
}
