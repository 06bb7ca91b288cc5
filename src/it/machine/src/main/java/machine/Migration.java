package machine;

import io.github.pfncache.vm.DirtyLogFollower;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.function.LongPredicate;

/** Moves a running machine: its memory while it runs, then what it has written meanwhile, until little is left. */
final class Migration {

    private static final int ROUNDS = 30, FEW_PAGES = 32;
    private static final byte[] ZEROS = new byte[Region.PAGE];

    /** The first machine has come to its end afterwards; the second, which is new, goes on when it is started. */
    static void move(Machine from, Machine to) throws Exception {
        byte[] page = new byte[Region.PAGE];
        Set<Long> sent = new HashSet<>();
        LongPredicate send = gfn -> {
            boolean read = from.vm.guestMemory().read(gfn * Region.PAGE, page) == page.length;
            if (read && (sent.contains(gfn) || !Arrays.equals(page, ZEROS))) { // the other has zeros already
                sent.add(gfn);
                to.vm.guestMemory().writeAsHost(gfn * Region.PAGE, page, 0, page.length); // over a line, in earnest
            }
            return read; // if not, the next round has the page again
        };
        try (DirtyLogFollower log = from.vm.followDirtyLog()) {
            DirtyLogFollower.Round round = log.deliver(send);
            for (int i = 1; i < ROUNDS && (!round.complete() || round.pages() > FEW_PAGES); i++) {
                round = log.deliver(send);
            }
            from.stop();
            do { // what is left, and what could not be had at once
                round = log.deliver(send);
            } while (!round.complete() || round.putBack() > 0);
        }
        to.state(new State(Moment.partsOf(from)));
        from.vm.close(); // gives all its memory back
    }
}
