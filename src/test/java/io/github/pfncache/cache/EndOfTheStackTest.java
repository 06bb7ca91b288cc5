package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.TrackedRwLock;
import io.github.pfncache.rules.WithoutRules;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.Test;

/**
 * A guest that recurses until the stack ends can try every depth, in every place: what a store or a section was in the
 * middle of there is made and logged or not made at all, and keeps nothing.
 */
class EndOfTheStackTest {

    @Test
    void aStoreIsLoggedOrNotMadeAndHoldsNothing() {
        new Stores().run();
    }

    @Test
    void aStoreIsLoggedOrNotMadeAndHoldsNothingWithoutRules() {
        WithoutRules.run(Stores.class);
    }

    @Test
    void aReaderOfTheSlotsIsWaitedForWhateverWasCutShortBefore() {
        WithoutRules.run(Sections.class);
    }

    /** A stack that is used up to a chosen depth. */
    abstract static class Deep implements Runnable {
        static final long GPA = 0x100000;
        static final long HVA = 0x7f00_0000_0000L;
        private static final int STACK_BYTES = 256 << 10;
        private static final int WARM_UP = 30_000;
        private static final int TURNS = 512;

        final HostMemory host = HostMemory.builder().checked(true).build();
        final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(1));
        // What holds, holds for announced readers: with plain locks a store is a slow way.
        final CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT, true);

        /** How often the stack ended inside the operation. */
        private int cutShort;

        Deep() {
            host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
            assertThat(memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 2 * Pages.PAGE_SIZE, HVA))
                    .isEqualTo(Memslots.Change.DONE);
        }

        /** Does something at every depth near the end of the stack, in frames of several sizes; looks after each. */
        final void atEveryDepth(LongConsumer operation, LongConsumer look) {
            onSmallStack(() -> {
                operation.accept(0);
                for (long turn = 1; turn <= 2 * TURNS; turn++) { // bounded by its count
                    if (turn == TURNS) { // interpreted up to here
                        warmUp(operation);
                    }
                    Dive dive = new Dive(operation, turn, (int) (turn % 128));
                    dive.down(0, (int) (turn / 128 % 4));
                    cutShort += dive.isCutShort() ? 1 : 0;
                    look.accept(turn);
                }
            });
            assertThat(cutShort).as("operations cut short").isPositive();
        }

        private static void warmUp(LongConsumer operation) {
            for (long i = 0; i < WARM_UP; i++) { // bounded by its count
                operation.accept(-1 - i);
            }
        }

        /** Goes down to where the stack ends, and does something so many frames above that. */
        private static final class Dive {
            private final LongConsumer operation;
            private final long turn;
            private final int above;
            private int deepest;
            private boolean begun;
            private boolean ended;

            Dive(LongConsumer operation, long turn, int above) {
                this.operation = operation;
                this.turn = turn;
                this.above = above;
            }

            boolean isCutShort() {
                return begun && !ended;
            }

            /** Bounded by the stack. The first frames are wide, so that the end comes at another place. */
            void down(int level, int wide) {
                deepest = level;
                try {
                    if (wide > 0) {
                        downWide(level + 1, wide - 1, level, wide);
                    } else {
                        down(level + 1, 0);
                    }
                } catch (StackOverflowError end) {
                    // here the stack ends, or the operation was cut short, or the frame below has seen one of the two
                }
                if (level == deepest - above && !begun) {
                    begun = true;
                    operation.accept(turn);
                    ended = true;
                }
            }

            private long downWide(int level, int wide, long more, long most) {
                down(level, wide);
                return more + most;
            }
        }

        private static void onSmallStack(Runnable body) {
            AtomicReference<Throwable> failure = new AtomicReference<>();
            Thread thread = new Thread(null, () -> {
                try {
                    body.run();
                } catch (Throwable e) {
                    failure.set(e);
                }
            }, "small stack", STACK_BYTES);
            thread.start();
            try {
                thread.join();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            if (failure.get() != null) {
                throw new AssertionError(failure.get());
            }
        }
    }

    /** Through a cache and through a TLB. */
    public static final class Stores extends Deep {
        @Override
        public void run() {
            GfnPfnCache cache = domain.newCache(Pages.PAGE_SIZE);
            assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
            atEveryDepth(turn -> cache.storeLong(8, turn), this::look);
            GuestTlb tlb = domain.newTlb(GuestTlb.MIN_ENTRIES, new GuestTlb.Unbacked() {
                @Override
                public long load(long gpa, int width, Outcome why) {
                    throw new IllegalStateException(why.toString());
                }

                @Override
                public void store(long gpa, int width, long value, Outcome why) {
                    throw new IllegalStateException(why.toString());
                }
            });
            atEveryDepth(turn -> {
                if (turn == 0) {
                    tlb.enter();
                }
                tlb.storeLong(GPA + Pages.PAGE_SIZE + 8, turn);
            }, turn -> {});
            assertThat(memslots.harvestDirty(1).harvest().pages()).contains(1);
            assertThat(host.migrate(HVA)).isEqualTo(HostResult.OK);
            assertThat(host.migrate(HVA + Pages.PAGE_SIZE)).isEqualTo(HostResult.OK);
        }

        private void look(long turn) {
            assertThat(TrackedRwLock.awaitBriefReaders(System.nanoTime() + 1_000_000_000)).as("holds ended").isTrue();
            byte[] bytes = new byte[8];
            assertThat(host.peek(HVA + 8, bytes)).isEqualTo(HostResult.OK);
            boolean made = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong() == turn;
            long[] logged = memslots.harvestDirty(1).harvest().pages();
            assertThat(made && logged.length == 0).as("turn %d made and not logged", turn).isFalse();
        }
    }

    /** Sections of readers of the memslots. */
    public static final class Sections extends Deep {
        @Override
        public void run() {
            atEveryDepth(turn -> memslots.exitRead(memslots.enterRead()), turn -> {
                int token = memslots.enterRead();
                Memslots.Change[] change = new Memslots.Change[1];
                Thread other = new Thread(() -> change[0] = memslots.delete(1));
                other.start();
                try {
                    other.join();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                assertThat(change[0]).as("a slot deleted under its reader").isEqualTo(Memslots.Change.BUSY);
                memslots.exitRead(token);
            });
        }
    }
}
