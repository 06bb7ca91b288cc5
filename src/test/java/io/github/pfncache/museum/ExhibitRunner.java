package io.github.pfncache.museum;

import io.github.pfncache.explore.Exploration;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.explore.ScheduleFailure;
import io.github.pfncache.rules.RuleViolation;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Runs the scenario of one exhibit on the library that its own class loader has. Speaks in strings, because its classes
 * are not those of its caller.
 */
public final class ExhibitRunner implements Function<String, String[]> {

    private static final Pattern NAMED_ASSERTION = Pattern.compile("^\\[(.*?)\\]", Pattern.DOTALL);

    /** The id of an exhibit in; reason (empty if nothing was found), schedules, the failure and its recording out. */
    @Override
    public String[] apply(String id) {
        return run(id, Long.MAX_VALUE);
    }

    /** The same, in no more than so many schedules: the first of those that are run to find a fault. */
    static String[] run(String id, long schedules) {
        Exploration exploration = new ScheduleExplorer(Museum.exhibit(id).scenario())
                .exhaustive(4, 1_200)
                .random(300, 1)
                .watchedBy(done -> done < schedules)
                .explore();
        ScheduleFailure failure = exploration.failure();
        return new String[] {
            failure == null ? "" : reason(failure),
            String.valueOf(exploration.schedules()),
            String.valueOf(failure),
            failure == null ? "" : Recording.ofFailure(failure)
        };
    }

    /**
     * Why a schedule failed, as exhibits name it: the rule ({@code CacheRule.I5_BALANCE}), the description of the
     * assertion ({@code assert: value read}), {@code DEADLOCK} or {@code LIVELOCK}; for anything else what was thrown.
     */
    static String reason(ScheduleFailure failure) {
        if (failure.kind() != ScheduleFailure.Kind.VIOLATION) {
            return failure.kind().name();
        }
        Throwable cause = failure.cause();
        if (cause instanceof RuleViolation violation) {
            return violation.rule().getClass().getSimpleName() + "." + violation.rule().name();
        }
        Matcher named = NAMED_ASSERTION.matcher(String.valueOf(cause.getMessage()));
        return cause instanceof AssertionError && named.find() ? "assert: " + named.group(1) : cause.toString();
    }
}
