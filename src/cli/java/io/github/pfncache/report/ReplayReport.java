package io.github.pfncache.report;

import io.github.pfncache.rules.RuleStats;
import io.github.pfncache.trace.ReplayObserver;
import io.github.pfncache.trace.ReplayResult;
import java.util.ArrayList;
import java.util.List;

/**
 * Collects what a page about some replays shows, and makes the page. Used by the replaying thread only.
 *
 * <pre>{@code
 * ReplayReport report = new ReplayReport(traces.size());
 * for (MemslotTrace trace : traces) {
 *     report.replayed(Replay.observe(trace, report.observer()), List.of());
 * }
 * String page = report.page(false);
 * }</pre>
 */
public final class ReplayReport {

    /** One trace. The timeline is null if the trace is beyond what is drawn; the result if it was not finished. */
    record Part(Timeline timeline, ReplayResult result, List<String> differences) {}

    private final Budget budget;
    private final List<Part> parts = new ArrayList<>();
    private final List<RuleStats.Line> rulesBefore = RuleStats.snapshot();

    private TimelineRecorder recorder;
    private String broken;
    private String unfinished;

    /**
     * A report without anything in it.
     *
     * @param traces how many will be replayed
     */
    public ReplayReport(int traces) {
        budget = Budget.of(traces);
    }

    /**
     * Who looks on at the next trace.
     *
     * @return an observer, for one replay
     */
    public ReplayObserver observer() {
        recorder = parts.size() < budget.pictures() ? new TimelineRecorder(budget) : null;
        return recorder == null ? ReplayObserver.NONE : recorder;
    }

    /**
     * The replay that was looked on at is over.
     *
     * @param result its numbers
     * @param differences what was not as it should be, in words
     */
    public void replayed(ReplayResult result, List<String> differences) {
        parts.add(new Part(recorder == null ? null : recorder.timeline(), result, List.copyOf(differences)));
        recorder = null;
    }

    /**
     * Somebody has stopped the replay: what agrees is not all.
     *
     * @param extent how far it came, in words; null if it was at its end
     */
    public void interrupted(String extent) {
        unfinished = extent;
    }

    /**
     * The replay that was looked on at ended in a broken rule.
     *
     * @param message which one, and how
     */
    public void broken(String message) {
        broken = message;
        if (recorder != null) {
            parts.add(new Part(recorder.timeline(), null, List.of(message)));
            recorder = null;
        }
    }

    /**
     * The page.
     *
     * @param compared whether the traces were compared with what real KVM did
     * @return HTML; the same whenever the same traces were replayed
     */
    public String page(boolean compared) {
        return new ReplayPage(parts, unfinished, budget, compared, broken, rulesSince()).html();
    }

    /** What was checked of each rule since this report was made. */
    private List<RuleStats.Line> rulesSince() {
        List<RuleStats.Line> since = new ArrayList<>();
        for (RuleStats.Line now : RuleStats.snapshot()) { // bounded by the rules
            RuleStats.Line before = rulesBefore.stream()
                    .filter(line -> line.rule() == now.rule())
                    .findFirst()
                    .orElse(new RuleStats.Line(now.rule(), 0, 0));
            if (now.checks() > before.checks()) {
                since.add(new RuleStats.Line(
                        now.rule(), now.checks() - before.checks(), now.violations() - before.violations()));
            }
        }
        return since;
    }
}
