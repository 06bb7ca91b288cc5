package io.github.pfncache.wasm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.host.Protection;
import java.util.HashMap;
import java.util.Map;

/**
 * What an emulator has that looks each page up once and keeps the pointer: no notifier, so nobody tells it when the
 * page goes. Right on a host that stands still.
 */
final class NaiveRam implements Ram {

    private final HostMemory host;

    /** By page, from the first access on. */
    private final Map<Long, HostMapping> pointers = new HashMap<>();

    NaiveRam(HostMemory host) {
        this.host = host;
    }

    @Override
    public void grow(long size, long newSize) {
        host.mapAnonymous(TlbRam.HVA + size, (newSize - size) / Pages.PAGE_SIZE, Protection.READ_WRITE);
    }

    private HostMapping pointer(long at) {
        return pointers.computeIfAbsent(at / Pages.PAGE_SIZE, number -> {
            HostPage page = host.hvaToPage(TlbRam.HVA + number * Pages.PAGE_SIZE);
            HostMapping mapping = host.map(page);
            host.release(page);
            return mapping;
        });
    }

    @Override
    public long load(long at, int width) {
        long value = 0;
        for (int i = 0; i < width; i++) { // bounded by the width
            value |= (pointer(at + i).get(Pages.offsetInPage(at + i), 1) & 0xffL) << 8 * i;
        }
        return value;
    }

    @Override
    public void store(long at, int width, long value) {
        for (int i = 0; i < width; i++) { // bounded by the width
            pointer(at + i).put(Pages.offsetInPage(at + i), 1, value >>> 8 * i);
        }
    }

    @Override
    public void read(long at, byte[] into) {
        for (int i = 0; i < into.length; i++) { // bounded by the array
            into[i] = (byte) load(at + i, 1);
        }
    }

    @Override
    public void write(long at, byte[] from) {
        for (int i = 0; i < from.length; i++) { // bounded by the array
            store(at + i, 1, from[i]);
        }
    }

    /** Ends the mappings, so that the host's books balance. */
    void close() {
        pointers.values().forEach(host::unmap);
        pointers.clear();
    }
}
