package machine;

import io.github.pfncache.vm.DirtyLogFollower;
import java.util.function.LongPredicate;

/** Moves a running machine: its memory while it runs, then what it has written meanwhile, until little is left. */
final class Migration {

    private static final int ROUNDS = 30;
    private static final int FEW_PAGES = 32;

    /** The first machine rests afterwards; the second goes on when it is started. */
    static void move(Machine from, Machine to) throws Exception {
        byte[] page = new byte[Region.PAGE];
        LongPredicate send = gfn -> {
            from.vm.guestMemory().read(gfn * Region.PAGE, page);
            to.put(gfn * Region.PAGE, page); // here would be a line between two hosts
            return true;
        };
        try (DirtyLogFollower log = from.vm.followDirtyLog()) {
            boolean fewLeft = false;
            for (int round = 0; round < ROUNDS && !fewLeft; round++) {
                DirtyLogFollower.Round sent = log.deliver(send);
                fewLeft = sent.complete() && sent.pages() <= FEW_PAGES;
            }
            from.stop();
            log.deliver(send);
        }
        to.state(new State(Moment.parts(from)));
    }
}
