package io.github.pfncache.vm;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.host.PageFault;
import io.github.pfncache.host.PageFaultHandler;
import java.util.function.Consumer;

/** Is told of memory that is unmapped, and asked for no page: to be registered with both flags false. */
record UnmapListener(Consumer<HvaRange> told) implements PageFaultHandler {

    @Override
    public Decision onFault(PageFault fault) {
        throw new AssertionError(fault);
    }

    @Override
    public void onUnmap(HvaRange range) {
        told.accept(range);
    }
}
