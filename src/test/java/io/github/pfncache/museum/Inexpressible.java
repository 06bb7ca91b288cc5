package io.github.pfncache.museum;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.Scenario;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.scenario.Guest;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
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
                        Inexpressible::aVcpuEntersWhateverIsInvalidated));
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
