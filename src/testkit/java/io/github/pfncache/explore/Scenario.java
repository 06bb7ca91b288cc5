package io.github.pfncache.explore;

/**
 * What a {@link ScheduleExplorer} runs again and again, each time under another schedule: fresh state, two or three
 * threads that do something with it, and a look at the outcome.
 *
 * <pre>{@code
 * Scenario scenario = stage -> {
 *     Vm vm = vmWithOnePage();
 *     GfnPfnCache cache = vm.newCache(8);
 *     stage.thread("activate", () -> cache.activate(GPA));
 *     stage.thread("migrate", () -> vm.host().migrate(HVA));
 *     stage.afterwards(() -> VmAudit.atRest(vm));
 * };
 * new ScheduleExplorer(scenario).explore().requireNoFailure();
 * }</pre>
 *
 * <p>A scenario must be deterministic but for the order in which its threads run: no clock, no random numbers, no state
 * kept from one call to the next. Its threads wait only by the library's locks and by {@link ScenarioRun#waitUntil}.
 *
 * @since 0.1.0
 */
@FunctionalInterface
public interface Scenario {

    /**
     * Makes fresh state, and says which threads work on it. Called once for every schedule, on the explorer's thread.
     *
     * @param stage takes the threads and the check
     * @throws Exception counts as a failure of the schedule
     */
    void prepare(ScenarioRun stage) throws Exception;

    /** What one thread does, or the check at the end. */
    @FunctionalInterface
    interface Body {

        /**
         * Does it.
         *
         * @throws Exception counts as a failure of the schedule, as an {@link AssertionError} does
         */
        void run() throws Exception;
    }
}
