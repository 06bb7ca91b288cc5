package io.github.pfncache.explore;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;

/** Any text is a schedule, which is printed and read again as the same, or is refused with a reason. */
final class ScheduleTextFuzzTest {

    @FuzzTest(maxDuration = "60s")
    void anyTextIsAScheduleOrIsRefused(byte[] bytes) {
        Schedule schedule;
        try {
            schedule = Schedule.parse(new String(bytes, StandardCharsets.UTF_8));
        } catch (IllegalArgumentException refused) {
            assertThat(refused.getMessage()).contains("schedule");
            return;
        }
        assertThat(Schedule.parse(schedule.toString())).isEqualTo(schedule);
        assertThat(schedule.inOrder()).allMatch(each -> each.decision() >= 0 && each.thread() >= 0);
    }
}
