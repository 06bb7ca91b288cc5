package io.github.pfncache.load;

import io.github.pfncache.cache.CacheRule;
import io.github.pfncache.host.HostRule;
import io.github.pfncache.memslot.MemslotRule;
import io.github.pfncache.pvclock.PvclockRule;
import io.github.pfncache.rules.LockRule;
import io.github.pfncache.rules.Rule;
import io.github.pfncache.rules.RuleStats;
import io.github.pfncache.xen.XenRule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** All rules of the library, and how often each was checked and broken since this object was made. */
public final class RuleTable {

    private static final List<Rule> ALL = Stream.<Rule[]>of(
                    LockRule.values(),
                    MemslotRule.values(),
                    HostRule.values(),
                    CacheRule.values(),
                    PvclockRule.values(),
                    XenRule.values())
            .flatMap(Arrays::stream)
            .toList();

    private final Map<Rule, RuleStats.Line> before = new HashMap<>();

    /**
     * One rule.
     *
     * @param rule the rule
     * @param checks how often it was looked at
     * @param violations how often it was broken
     */
    public record Line(Rule rule, long checks, long violations) {

        /**
         * Whether it proves nothing.
         *
         * @return true iff it was never looked at
         */
        public boolean isVacuous() {
            return checks == 0;
        }

        /**
         * Its name.
         *
         * @return such as {@code CacheRule.I5_BALANCE}
         */
        public String name() {
            return rule.getClass().getSimpleName() + "." + rule.name();
        }
    }

    /** Counts from now on. */
    public RuleTable() {
        ALL.forEach(rule -> before.put(rule, RuleStats.of(rule)));
    }

    /**
     * The counts up to now.
     *
     * @return a line for each rule, whether it was checked or not
     */
    public List<Line> lines() {
        List<Line> lines = new ArrayList<>();
        for (Rule rule : ALL) { // bounded by the rules
            RuleStats.Line now = RuleStats.of(rule);
            RuleStats.Line then = before.get(rule);
            lines.add(new Line(rule, now.checks() - then.checks(), now.violations() - then.violations()));
        }
        return lines;
    }
}
