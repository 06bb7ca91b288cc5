package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * What a cache and its domain look like between two switches of threads, without a lock.
 *
 * @param active the cache is
 * @param valid its mapping is
 * @param usable its window is
 * @param page host page that it points at, in address order; -1 for none
 * @param khva frame of the mapping that it owns; -1 for none
 * @param taking whether its page's address is in an invalidation in progress
 */
public record Portrayed(boolean active, boolean valid, boolean usable, long page, long khva, boolean taking) {

    private static final VarHandle USABLE;

    static {
        try {
            USABLE = MethodHandles.privateLookupIn(GuardedMapping.class, MethodHandles.lookup())
                    .findVarHandle(GuardedMapping.class, "usable", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** How a cache looks, and whether an address is being taken away. */
    public static Portrayed of(GfnPfnCache cache, CacheDomain domain, long hva) {
        GuardedMapping mapping = cache.mapping;
        Translation where = mapping.where();
        return new Portrayed(mapping.isActive(), mapping.isValid(), (boolean) USABLE.get(mapping),
                where.isBacked() ? where.uhva() - hva >> Pages.PAGE_SHIFT : -1,
                mapping.khva() == null ? -1 : mapping.khva().pfn(),
                domain.state.invalidations.covers(hva));
    }
}
