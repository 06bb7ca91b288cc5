package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.explore.Exploration;
import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.explore.ScheduleFailure.Kind;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The explorer finds the faults it is for: one seeded fault for each kind, and a correct twin that passes. */
final class ScheduleExplorerTest {

    private static final int BUDGET = 5_000;

    private static Exploration explore(Scenario scenario) {
        return new ScheduleExplorer(scenario).exhaustive(100, BUDGET).maxSteps(500).explore();
    }

    /** Reads in one locked section and writes in another, or does both in one. */
    private static Scenario counting(boolean inOneSection) {
        return stage -> {
            TrackedLock lock = new TrackedLock(LockClass.DIRTY);
            int[] counter = new int[1];
            for (String name : new String[] {"first", "second"}) {
                stage.thread(name, () -> {
                    lock.lock();
                    int seen = counter[0];
                    if (!inOneSection) {
                        lock.unlock();
                        lock.lock();
                    }
                    counter[0] = seen + 1;
                    lock.unlock();
                });
            }
            stage.afterwards(() -> assertThat(counter[0]).as("count").isEqualTo(2));
        };
    }

    @Test
    void aLostUpdateIsFound() {
        Exploration found = explore(counting(false));
        assertThat(found.failure().kind()).isEqualTo(Kind.VIOLATION);
        assertThat(found.failure().cause()).hasMessageContaining("count");
        assertThat(found.failure().listing()).contains("first", "second", "lock DIRTY");
    }

    @Test
    void everyScheduleOfACorrectCounterPasses() {
        Exploration all = explore(counting(true)).requireNoFailure();
        assertThat(all.schedules()).isBetween(2L, (long) BUDGET);
    }

    @Test
    void aLockOrderDeadlockIsFound() {
        Exploration found = explore(stage -> {
            // Tries with a deadline are exempt from the order rule; waits of the stage have no order at all.
            boolean[] held = new boolean[2];
            for (int i = 0; i < 2; i++) {
                int mine = i;
                stage.thread("takes-" + i + "-first", () -> {
                    stage.waitUntil("free " + mine, () -> !held[mine]);
                    held[mine] = true;
                    stage.waitUntil("free " + (1 - mine), () -> !held[1 - mine]);
                    held[mine] = false;
                });
            }
        });
        assertThat(found.failure().kind()).isEqualTo(Kind.DEADLOCK);
        assertThat(found.failure().cause()).hasMessageContaining("thread 0 waits for free 1")
                .hasMessageContaining("thread 1 waits for free 0");
    }

    @Test
    void aDeadlockOverRealLocksIsFound() {
        Exploration found = explore(stage -> {
            TrackedLock lock = new TrackedLock(LockClass.SLOTS);
            boolean[] done = new boolean[1];
            stage.thread("holder", () -> {
                lock.lock();
                stage.waitUntil("done", () -> done[0]);
                lock.unlock();
            });
            stage.thread("worker", () -> {
                lock.lock();
                done[0] = true;
                lock.unlock();
            });
        });
        assertThat(found.failure().kind()).isEqualTo(Kind.DEADLOCK);
        assertThat(found.failure().cause()).hasMessageContaining("waits for SLOTS");
    }

    @Test
    void aMissedWakeupIsFound() {
        Exploration found = explore(stage -> {
            TrackedLock lock = new TrackedLock(LockClass.DIRTY);
            boolean[] waiting = new boolean[1];
            boolean[] woken = new boolean[1];
            stage.thread("sleeper", () -> {
                stage.reached("about to wait");
                waiting[0] = true;
                stage.waitUntil("woken", () -> woken[0]);
            });
            stage.thread("waker", () -> {
                lock.lock();
                woken[0] = waiting[0]; // who is not waiting yet is not woken
                lock.unlock();
            });
        });
        assertThat(found.failure().kind()).isEqualTo(Kind.DEADLOCK);
    }

    @Test
    void aLivelockIsFound() {
        Exploration found = explore(stage -> {
            boolean[] done = new boolean[2];
            for (int i = 0; i < 2; i++) {
                int mine = i;
                stage.thread("polite-" + i, () -> {
                    while (!done[1 - mine]) { // after you: bounded by the explorer
                        stage.reached("after you");
                    }
                    done[mine] = true;
                });
            }
        });
        assertThat(found.failure().kind()).isEqualTo(Kind.LIVELOCK);
        assertThat(found.failure().cause()).hasMessageContaining("500 steps");
    }

    @Test
    void oneThreadCannotKeepTheOthersFromRunning() {
        new ScheduleExplorer(stage -> {
            AtomicInteger turns = new AtomicInteger();
            stage.thread("spins", () -> {
                while (turns.get() == 0) {
                    stage.reached("spin");
                }
            });
            stage.thread("ends it", turns::incrementAndGet);
        }).exhaustive(0, 10).explore().requireNoFailure();
    }

    @Test
    void aTimedWaitExpiresOnlyWhenNobodyElseCanRun() {
        Exploration all = explore(stage -> {
            TrackedLock lock = new TrackedLock(LockClass.SLOTS);
            boolean[] set = new boolean[1];
            boolean[] seen = new boolean[1];
            stage.thread("waits", () -> {
                lock.lock();
                seen[0] = lock.await(() -> set[0], 0);
                lock.unlock();
            });
            stage.thread("sets", () -> {
                lock.lock();
                set[0] = true;
                lock.signalAll();
                lock.unlock();
            });
            stage.afterwards(() -> assertThat(seen[0]).isTrue());
        }).requireNoFailure();
        assertThat(all.complete()).isTrue();
        Exploration alone = explore(stage -> {
            TrackedLock lock = new TrackedLock(LockClass.SLOTS);
            stage.thread("waits alone", () -> {
                lock.lock();
                assertThat(lock.await(() -> false, Long.MAX_VALUE)).isFalse();
                lock.unlock();
            });
        });
        assertThat(alone.requireNoFailure().complete()).isTrue();
    }

    @Test
    void everyOrderOfIndependentStepsIsRunOnce() {
        Set<String> orders = new HashSet<>();
        Exploration all = new ScheduleExplorer(stage -> {
            StringBuilder order = new StringBuilder();
            for (String name : new String[] {"a", "b"}) {
                stage.thread(name, () -> {
                    order.append(name);
                    stage.reached(name);
                    order.append(name);
                    stage.reached(name);
                    order.append(name);
                });
            }
            stage.afterwards(() -> assertThat(orders.add(order.toString())).as("new: %s", order).isTrue());
        }).exhaustive(100, 1_000).explore();
        // Six letters, three of each.
        assertThat(orders).hasSize(20);
        assertThat(all.requireNoFailure().complete()).as(all.toString()).isTrue();
        assertThat(all.schedules()).isEqualTo(20);
    }

    @Test
    void aFailingScheduleFailsAgain() {
        Exploration found = explore(counting(false));
        Exploration again = new ScheduleExplorer(counting(false)).replay(found.failure().schedule());
        assertThat(again.failure().listing()).isEqualTo(found.failure().listing());
        assertThat(new ScheduleExplorer(counting(false)).replay("-").failure()).isNull();
    }

    @Test
    void theSystemPropertyChoosesTheSchedule() {
        String schedule = explore(counting(false)).failure().schedule();
        System.setProperty(ScheduleExplorer.SCHEDULE_PROPERTY, schedule);
        try {
            Exploration one = explore(counting(false));
            assertThat(one.schedules()).isEqualTo(1);
            assertThat(one.failure().schedule()).isEqualTo(schedule);
        } finally {
            System.clearProperty(ScheduleExplorer.SCHEDULE_PROPERTY);
        }
    }

    @Test
    void aScheduleOfAnotherScenarioIsRefused() {
        assertThatThrownBy(() -> new ScheduleExplorer(counting(false)).replay("0:7"))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> new ScheduleExplorer(counting(false)).replay("two:1"))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new ScheduleExplorer(counting(false)).replay("5:1,4:0"))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void randomSchedulesFindAFaultToo() {
        Exploration found = new ScheduleExplorer(counting(false)).exhaustive(0, 0).random(1_000, 7).explore();
        assertThat(found.failure().cause()).hasMessageContaining("count");
        Exploration again = new ScheduleExplorer(counting(false)).replay(found.failure().schedule());
        assertThat(again.failure()).isNotNull();
    }

    @Test
    void noThreadStaysBehind() {
        explore(counting(false));
        explore(counting(true));
        assertThat(Thread.getAllStackTraces().keySet()).noneMatch(t -> t.getName().startsWith("explored-"));
    }

    @Test
    void aWatcherEndsAnExploration() {
        Exploration all = new ScheduleExplorer(counting(true)).exhaustive(4, 50).random(50, 1).explore();
        assertThat(all.schedules()).isGreaterThan(5);
        Exploration some = new ScheduleExplorer(counting(true))
                .exhaustive(4, 50)
                .random(50, 1)
                .watchedBy(done -> done < 5)
                .explore();
        assertThat(some.schedules()).isEqualTo(5);
        assertThat(some.complete()).isFalse();
        assertThat(some.failure()).isNull();
    }
}
