package io.github.pfncache.host;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** One address space with two anonymous arenas and a shared file, as the tests of this package use it. */
final class HostWorld implements AutoCloseable {

    static final long A = 0x2000_0000_0000L;
    static final long B = 0x2000_1000_0000L;
    static final long M = 0x2000_2000_0000L;
    static final int NPAGES = 16;

    final HostMemory host;
    final HostFile file;
    /** What a notifier of {@link #host} was told: {@code "start"} or {@code "end"} and the range. */
    final List<String> told = Collections.synchronizedList(new ArrayList<>());

    HostWorld() {
        this(HostMemory.builder().build());
    }

    HostWorld(HostMemory host) {
        this.host = host;
        this.file = host.createFile(NPAGES);
        assertThat(host.mapAnonymous(A, NPAGES, Protection.READ_WRITE)).isEqualTo(HostResult.OK);
        assertThat(host.mapAnonymous(B, NPAGES, Protection.READ_WRITE)).isEqualTo(HostResult.OK);
        assertThat(host.mapShared(M, NPAGES, file, 0, Protection.READ_WRITE)).isEqualTo(HostResult.OK);
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                return told.add("start " + range);
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                told.add("end " + range);
            }
        });
    }

    static long page(long arena, int index) {
        return arena + (long) index * Pages.PAGE_SIZE;
    }

    /** Writes as a guest would, through a resolved page; false if there is none. */
    static boolean store(HostMemory host, long hva, long value) {
        HostPage page = host.hvaToPage(hva);
        if (page == null) {
            return false;
        }
        // The reference is held across the store: there is no notifier here that would tell when to stop.
        HostMapping khva = host.map(page);
        khva.put(Pages.offsetInPage(hva), 8, value);
        host.unmap(khva);
        host.release(page);
        return true;
    }

    boolean store(long hva, long value) {
        return store(host, hva, value);
    }

    static long load(HostMemory host, long hva) {
        byte[] bytes = new byte[Long.BYTES];
        assertThat(host.peek(hva, bytes)).isEqualTo(HostResult.OK);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    long load(long hva) {
        return load(host, hva);
    }

    static byte[] bytes(long value) {
        return ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    }

    /** Checks the balance and closes. */
    @Override
    public void close() {
        assertThat(host.pageReferences()).isZero();
        assertThat(host.liveMappings()).isZero();
        host.audit();
        host.close();
    }
}
