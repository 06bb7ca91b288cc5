package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.rules.RuleStats;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The rules are looked at where they say so. */
final class PvclockRuleTest {

    private static Map<PvclockRule, Long> checks() {
        return Arrays.stream(PvclockRule.values())
                .collect(Collectors.toMap(Function.identity(), rule -> RuleStats.of(rule).checks()));
    }

    @Test
    void oneLifeOfAClockLooksAtEveryRule() {
        Map<PvclockRule, Long> before = checks();
        ClockWorld world = new ClockWorld(1);
        world.vm.vcpu(0).writeMsr(StealTime.MSR_STEAL_TIME, GPA + 0x40 | StealTime.ENABLE);
        world.settle(0, GPA + 0x100);
        world.vm.vcpu(0).writeMsr(Kvmclock.MSR_SYSTEM_TIME, 0);
        world.audit();
        assertThat(checks()).allSatisfy((rule, count) -> assertThat(count).isGreaterThan(before.get(rule)));
    }
}
