package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.scenario.Guest;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFaultHandler;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/** vCPUs that hold pages raw, while pages move, slots change and dirty logs are harvested. */
public final class GuestModeScenarios {

    private static final long MOVED = 0x40000;

    private GuestModeScenarios() {}

    /** An emulated CPU: keeps what it holds until it is told to drop it, and looks nowhere else. */
    private static final class Cpu {

        private final Guest guest;
        private final GuestMode mode;
        private final HeldPage[] pages = new HeldPage[Guest.PAGES];
        private int faults;

        Cpu(Guest guest) {
            this.guest = guest;
            this.mode = guest.vm.newGuestMode(gpa -> pages[(int) (gpa - Guest.GPA >>> 12)] = null);
        }

        private HeldPage page(int number, boolean forWriting) {
            if (pages[number] == null || forWriting && !pages[number].isWritable()) {
                HeldPage page = mode.hold(Guest.gpa(number), forWriting);
                if (page.outcome() == Outcome.FAULT) {
                    faults++;
                    return null;
                }
                assertThat(page.outcome()).as("outcome of a hold").isEqualTo(Outcome.OK);
                pages[number] = page;
            }
            return pages[number];
        }

        /** Writes raw, and looks whether it is in the memory: nobody may have taken the page away in between. */
        void store(int number, long value) {
            HeldPage page = page(number, true);
            if (page != null) {
                Interleaving.reached("about to store raw");
                page.bytes().putLong(0, value);
                Interleaving.reached("stored raw");
                assertThat(guest.peek(number)).as("raw store as the memory shows it").isEqualTo(value);
            }
        }

        void load(int number, long expected) {
            HeldPage page = page(number, false);
            if (page != null) {
                Interleaving.reached("about to load raw");
                assertThat(page.bytes().getLong(0)).as("raw load").isEqualTo(expected);
            }
        }

        void end() {
            mode.leave();
            mode.close();
        }
    }

    /** A store through a held page whose frame moves. */
    public static void heldStoreAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Cpu cpu = new Cpu(guest);
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.store(0, 5);
            cpu.mode.poll();
            cpu.store(0, 6);
            cpu.mode.leave();
            cpu.mode.enter();
            cpu.load(0, 6);
            cpu.end();
        });
        stage.thread("migrate", () -> {
            guest.host.migrate(Guest.hva(0));
            guest.host.migrate(Guest.hva(0));
        });
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(6);
            guest.atRest();
        });
    }

    /** A vCPU that enters while a page that it holds is taken away. */
    public static void enterAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Cpu cpu = new Cpu(guest);
        cpu.mode.enter();
        cpu.store(0, 5);
        cpu.mode.leave();
        cpu.mode.handOver();
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.store(0, 6);
            cpu.end();
        });
        stage.thread("migrate", () -> guest.host.migrate(Guest.hva(0)));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(6);
            guest.atRest();
        });
    }

    /** Nobody waits for a vCPU that has left the guest, whatever it holds. */
    public static void migrationOfWhatIsHeldOutside(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Cpu cpu = new Cpu(guest);
        cpu.mode.enter();
        cpu.store(0, 5);
        cpu.mode.leave();
        cpu.mode.handOver();
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.store(1, 6);
            cpu.mode.leave();
            cpu.mode.handOver();
        });
        stage.thread("migrate", () -> assertThat(guest.host.migrate(Guest.hva(0)))
                .as("a page held outside is moved").isEqualTo(HostResult.OK));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(5);
            cpu.mode.close();
            guest.atRest();
        });
    }

    /** The handler of the page that is about to be held enters, and so gives back what is wanted: that page too. */
    public static void holdWhoseHandlerEntersAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Cpu cpu = new Cpu(guest);
        guest.host.discard(Guest.hva(0), 1);
        guest.host.registerFaultHandler(HvaRange.ofPages(Guest.hva(0), 1), fault -> {
            cpu.mode.enter();
            cpu.mode.leave();
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.store(0, 5);
            cpu.store(0, 6);
            cpu.end();
        });
        stage.thread("migrate", () -> {
            guest.host.discard(Guest.hva(0), 1);
            guest.host.migrate(Guest.hva(0));
        });
        stage.afterwards(guest::atRest);
    }

    /** Two takers want different pages of one vCPU: each is acknowledged when its own page was dropped. */
    public static void pollAgainstTwoMigrations(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Cpu cpu = new Cpu(guest);
        cpu.mode.enter();
        cpu.store(0, 5);
        cpu.store(1, 6);
        cpu.mode.leave();
        cpu.mode.handOver();
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.mode.poll();
            cpu.store(0, 7);
            cpu.store(1, 8);
            cpu.end();
        });
        stage.thread("migrate 0", () -> guest.host.migrate(Guest.hva(0)));
        stage.thread("migrate 1", () -> guest.host.migrate(Guest.hva(1)));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("page 0 at rest").isEqualTo(7);
            assertThat(guest.peek(1)).as("page 1 at rest").isEqualTo(8);
            guest.atRest();
        });
    }

    /** Two vCPUs that write two pages, which a range wants at once. */
    public static void twoVcpusAgainstEvictionOfARange(ScenarioRun stage) {
        Guest guest = Guest.touched();
        for (int page = 0; page < 2; page++) { // two
            int own = page;
            Cpu cpu = new Cpu(guest);
            stage.thread("vcpu " + page, () -> {
                cpu.mode.enter();
                cpu.store(own, 10 + own);
                cpu.mode.poll();
                cpu.store(own, 20 + own);
                cpu.end();
            });
        }
        stage.thread("evict", () -> guest.host.evict(Guest.HVA, Guest.PAGES));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("page 0 at rest").isEqualTo(20);
            assertThat(guest.peek(1)).as("page 1 at rest").isEqualTo(21);
            guest.atRest();
        });
    }

    /** A follower of the dirty log: what it copied after a harvest, and after the last one, is what the guest wrote. */
    public static void heldStoreAgainstHarvest(ScenarioRun stage) {
        Guest guest = Guest.logging();
        Cpu cpu = new Cpu(guest);
        long[] copy = {1};
        Runnable follow = () -> {
            if (Arrays.stream(guest.harvest()).anyMatch(page -> page == 0)) {
                Interleaving.reached("about to copy");
                copy[0] = guest.peek(0);
            }
        };
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.store(0, 5);
            cpu.mode.poll();
            cpu.store(0, 6);
            cpu.mode.poll();
            cpu.store(0, 7);
            cpu.end();
        });
        stage.thread("harvest", () -> {
            follow.run();
            follow.run();
        });
        stage.afterwards(() -> {
            follow.run();
            assertThat(copy[0]).as("copy of a page written").isEqualTo(guest.peek(0)).isEqualTo(7);
            guest.atRest();
        });
    }

    /** Logging is turned on: what is written after that is in the log. */
    public static void heldStoreAgainstLoggingTurnedOn(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Cpu cpu = new Cpu(guest);
        long[] copy = new long[1];
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.store(0, 5);
            cpu.mode.poll();
            cpu.store(0, 6);
            cpu.end();
        });
        stage.thread("log", () -> {
            assertThat(guest.vm.memslots().setFlags(Guest.SLOT, Memslot.FLAG_LOG_DIRTY_PAGES))
                    .isEqualTo(Memslots.Change.DONE);
            copy[0] = guest.peek(0);
        });
        stage.afterwards(() -> {
            boolean marked = guest.harvest().length > 0;
            assertThat(marked || copy[0] == guest.peek(0)).as("in the copy or in the log").isTrue();
            guest.atRest();
        });
    }

    /** The slot goes away: afterwards no raw store reaches its memory. */
    public static void heldStoreAgainstSlotDeletion(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Cpu cpu = new Cpu(guest);
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.store(0, 5);
            cpu.mode.poll();
            cpu.store(0, 6);
            cpu.end();
        });
        stage.thread("delete", () -> {
            assertThat(guest.vm.memslots().delete(Guest.SLOT)).isEqualTo(Memslots.Change.DONE);
            long found = guest.peek(0);
            stage.reached("looked");
            assertThat(guest.peek(0)).as("memory of a deleted slot").isEqualTo(found);
        });
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(cpu.faults == 0 ? 6 : cpu.faults == 1 ? 5 : 1);
            guest.atRest();
        });
    }

    /**
     * The slot moves, and its log with it: what is written through a hold of the former slot, after a harvest in the
     * midst of the move, is in the log.
     */
    public static void heldStoreAgainstMoveAndHarvest(ScenarioRun stage) {
        Guest guest = Guest.logging();
        Cpu cpu = new Cpu(guest);
        long[] copy = {1};
        BitSet first = BitSet.valueOf(new long[] {1}); // a part: the pages are told apart
        Runnable follow = () -> {
            if (guest.vm.memslots().harvestDirty(Guest.SLOT, first).harvest().pages().length > 0) {
                copy[0] = guest.peek(0);
            }
        };
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.store(0, 5);
            cpu.store(0, 6);
            cpu.end();
        });
        stage.thread("move", () -> assertThat(guest.vm.memslots().move(Guest.SLOT, MOVED))
                .isEqualTo(Memslots.Change.DONE));
        stage.thread("harvest", follow::run);
        stage.afterwards(() -> {
            follow.run();
            assertThat(copy[0]).as("copy of a page written").isEqualTo(guest.peek(0));
            guest.atRest();
        });
    }

    /** The caches close while a vCPU is about to hold a page: nobody has told it to keep that. */
    public static void holdAgainstClose(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Cpu cpu = new Cpu(guest);
        stage.thread("vcpu", () -> {
            cpu.mode.enter();
            cpu.store(0, 5);
            cpu.mode.leave();
            cpu.mode.handOver();
        });
        stage.thread("close", () -> assertThat(guest.vm.caches().close()).as("in use").isEmpty());
        stage.afterwards(() -> {
            cpu.mode.enter(); // drops what is wanted
            assertThat(cpu.pages[0]).as("held on").isNull();
            cpu.end();
            guest.atRest();
        });
    }

    /** Two vCPUs, a mover, a harvester and a slot that comes and goes. */
    public static void everybodyAtOnce(ScenarioRun stage) {
        Guest guest = Guest.logging();
        List<Cpu> cpus = new ArrayList<>();
        for (int page = 0; page < 2; page++) { // two
            int own = page;
            Cpu cpu = new Cpu(guest);
            cpus.add(cpu);
            stage.thread("vcpu " + page, () -> {
                cpu.mode.enter();
                cpu.store(own, 5);
                cpu.mode.poll();
                cpu.store(own, 6);
                cpu.end();
            });
        }
        stage.thread("migrate", () -> guest.host.migrate(Guest.hva(0)));
        long[] copies = {1, 2};
        Runnable follow = () -> Arrays.stream(guest.harvest()).filter(page -> page < 2)
                .forEach(page -> copies[(int) page] = guest.peek((int) page));
        stage.thread("harvest", follow::run);
        stage.thread("move", () -> {
            Memslots memslots = guest.vm.memslots();
            assertThat(memslots.move(Guest.SLOT, Guest.gpa(16))).isEqualTo(Memslots.Change.DONE);
            assertThat(memslots.move(Guest.SLOT, Guest.GPA)).isEqualTo(Memslots.Change.DONE);
        });
        stage.afterwards(() -> {
            follow.run();
            for (int page = 0; page < 2; page++) { // two
                assertThat(copies[page]).as("copy of page %s", page).isEqualTo(guest.peek(page));
                if (cpus.get(page).faults == 0) {
                    assertThat(guest.peek(page)).as("page %s at rest", page).isEqualTo(6);
                }
            }
            guest.atRest();
        });
    }
}
