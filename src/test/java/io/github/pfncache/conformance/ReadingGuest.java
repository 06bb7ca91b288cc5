package io.github.pfncache.conformance;

import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.pvclock.PvclockReader;
import io.github.pfncache.pvclock.PvclockTimeInfo;

/** A guest that reads its clock all the time, by the version protocol. Its page stays where it is. */
final class ReadingGuest extends Churn {

    private static final int READS_PER_ROUND = 100;

    private final HostMapping page;
    private final PvclockReader reader;
    private PvclockTimeInfo last;
    private long unstable;
    private long nonMonotonic;

    ReadingGuest(ClockRig rig) {
        super(rig);
        HostPage resolved = rig.host().hvaToPage(ClockRig.HVA);
        page = rig.host().map(resolved);
        rig.host().release(resolved);
        reader = new PvclockReader(offset -> (int) page.getVolatile(ClockRig.CLOCK + offset, 4));
    }

    @Override
    void round() {
        for (int i = 0; i < READS_PER_ROUND; i++) { // bounded by the constant
            PvclockReader.Reading reading = reader.read();
            if (reading.status() != PvclockReader.Status.OK) {
                unstable++;
                continue;
            }
            PvclockTimeInfo now = reading.time();
            torn += reading.version() & 1;
            boolean back = last != null
                    && (now.tscTimestamp() < last.tscTimestamp() || now.systemTime() < last.systemTime());
            nonMonotonic += back ? 1 : 0;
            last = now;
        }
    }

    @Override
    Fields detail() {
        return new Fields().put("nonmonotonic", nonMonotonic);
    }

    @Override
    void end() {
        rig.host().unmap(page);
        if (unstable > 0) {
            throw new AssertionError(unstable + " reads never found the clock at rest");
        }
    }
}
