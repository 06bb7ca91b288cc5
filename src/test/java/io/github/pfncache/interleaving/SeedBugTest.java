package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.stress.Scenario;
import io.github.pfncache.stress.ScheduleExplorer;
import io.github.pfncache.stress.ScheduleFailure;
import org.junit.jupiter.api.Test;

/**
 * The bug that this library starts from, as a story.
 *
 * <p><b>Once upon a time</b> a user of the cache said how long its window is, and said it twice: to
 * {@code check(length)} and to {@code refresh(length)}. Each did right by the number it was given. One user had 64
 * bytes in mind when it checked and 32 when it refreshed, and its window began 40 bytes before the end of a page:
 *
 * <pre>{@code
 * while (!cache.check(64)) {               // 64 bytes do not fit in the page: never true
 *     if (cache.refresh(32) != OK) {       // 32 bytes do: always OK
 *         return;
 *     }
 * }
 * }</pre>
 *
 * <p>Nobody is wrong, and the loop never ends. <b>Nowadays</b> the length belongs to the cache. There is one number, so
 * there is nothing to disagree about; a window that does not fit is refused once, when it is pointed somewhere; and
 * nobody writes the loop, because {@link GfnPfnCache#access} is it, with a bound.
 */
final class SeedBugTest {

    private static final long GPA_NEAR_END = Guest.gpa(1) - 40;

    /** The old shape, made from the parts of the new one. */
    private record OldShape(GfnPfnCache oneByte) {

        boolean check(int length) {
            return Pages.fitsInPage(GPA_NEAR_END, length) && oneByte.check();
        }

        Outcome refresh(int length) {
            return Pages.fitsInPage(GPA_NEAR_END, length) ? oneByte.refresh() : Outcome.INVALID;
        }
    }

    private static Scenario user(int checked, int refreshed) {
        return stage -> {
            Guest guest = Guest.touched();
            GfnPfnCache cache = guest.vm.newCache(1);
            assertThat(cache.activate(GPA_NEAR_END)).isEqualTo(Outcome.OK);
            OldShape old = new OldShape(cache);
            stage.thread("user", () -> {
                while (!old.check(checked)) { // bounded by the explorer, and by nothing else
                    if (old.refresh(refreshed) != Outcome.OK) {
                        return;
                    }
                }
            });
            stage.thread("host", () -> guest.host.migrate(Guest.HVA));
        };
    }

    @Test
    void theOldShapeLoopsForEver() {
        ScheduleFailure failure = new ScheduleExplorer(user(64, 32)).maxSteps(60).explore().failure();
        assertThat(failure.kind()).as(failure.toString()).isEqualTo(ScheduleFailure.Kind.LIVELOCK);
        assertThat(failure.listing().lines().count()).as("a short schedule").isLessThan(65);
    }

    @Test
    void withEqualLengthsTheOldShapeEnds() {
        new ScheduleExplorer(user(32, 32)).exhaustive(2, 1_000).maxSteps(1_000).explore().requireNoFailure();
    }

    @Test
    void theNewShapeSaysNoOnce() {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.vm.newCache(64);
        assertThat(cache.activate(GPA_NEAR_END)).isEqualTo(Outcome.INVALID);
        try (GuestAccess access = cache.access()) {
            assertThat(access.outcome()).isEqualTo(Outcome.INACTIVE);
        }
        guest.atRest();
    }
}
