package io.github.pfncache.lincheck;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheDomain;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Guest memory seen through a cache is a register: a write is there for the next read, whatever the host does to the
 * page meanwhile, until the host takes the content away. A host is much to look through, so this is for the nightly
 * run; every build has the explorer's scenarios of the same race.
 */
@Tag("lincheck")
@Tag("deep")
final class CacheLincheckTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;

    /** In memory at the start, with the cache invalidated, so that the first access has to refresh. */
    private static final int BEFORE = 7;

    /** One page of memory, and what the host does to it. */
    @Param(name = "value", gen = IntGen.class, conf = "1:9")
    public abstract static class Memory {
        final HostMemory host = HostMemory.builder().checked(false).build();

        Memory() {
            host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
        }

        @Operation
        public abstract int get();

        @Operation
        public abstract void put(@Param(name = "value") int value);

        @Operation
        public final void discard() {
            host.discard(HVA, 1);
        }

        @Operation
        public final void migrate() {
            host.migrate(HVA);
        }
    }

    /** Through the cache of the library. */
    public static final class Real extends Memory {
        private final Memslots memslots = new Memslots();
        private final CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT);
        private final GfnPfnCache cache = domain.newCache(64);

        public Real() {
            memslots.set(1, 0, GPA, Pages.PAGE_SIZE, HVA);
            cache.activate(GPA);
            put(BEFORE);
            migrate();
        }

        @Override
        public int get() {
            try (GuestAccess access = cache.access()) {
                return access.getInt(0);
            }
        }

        @Override
        public void put(int value) {
            try (GuestAccess access = cache.access()) {
                access.putInt(0, value);
            }
        }
    }

    /** A cache in small, which installs a page without asking whether it was invalidated since it was resolved. */
    public static final class NoRetryTest extends Memory {
        private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
        private HostMapping khva;
        private boolean valid;

        public NoRetryTest() {
            host.registerNotifier(new MmuNotifier() {
                @Override
                public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                    lock.writeLock().lock();
                    valid = false;
                    lock.writeLock().unlock();
                    return true;
                }

                @Override
                public void invalidateRangeEnd(HvaRange range) {
                    // Nobody waits for the end: that is part of the fault.
                }
            });
            refresh();
            put(BEFORE);
            migrate();
        }

        private void refresh() {
            HostPage page = host.hvaToPage(HVA);
            HostMapping fresh = host.map(page);
            host.release(page);
            lock.writeLock().lock();
            HostMapping former = khva;
            khva = fresh;
            valid = true;
            lock.writeLock().unlock();
            if (former != null) {
                host.unmap(former);
            }
        }

        private void lockRefreshed() {
            lock.readLock().lock();
            while (!valid) { // bounded by the invalidations of a scenario
                lock.readLock().unlock();
                refresh();
                lock.readLock().lock();
            }
        }

        @Override
        public int get() {
            lockRefreshed();
            try {
                return (int) khva.get(0, 4);
            } finally {
                lock.readLock().unlock();
            }
        }

        @Override
        public void put(int value) {
            lockRefreshed();
            try {
                khva.put(0, 4, value);
            } finally {
                lock.readLock().unlock();
            }
        }
    }

    /** The specification. */
    public static final class Register {
        private int value = BEFORE;

        public int get() {
            return value;
        }

        public void put(int newValue) {
            value = newValue;
        }

        public void discard() {
            value = 0;
        }

        public void migrate() {}
    }

    private static ModelCheckingOptions search() {
        return Checking.quick().invocationsPerIteration(80).actorsBefore(0).sequentialSpecification(Register.class);
    }

    @Test
    void memoryThroughTheCacheIsARegister() {
        search().check(Real.class);
    }

    @Test
    void anInstallWithoutTheRetryTestIsFound() {
        Checking.mustFind(Checking.NO_ORDER_EXPLAINS, search(), NoRetryTest.class);
    }
}
