package io.github.pfncache.host;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.explore.ScenarioRun;
import java.nio.ByteBuffer;

/** What the host's own callers may count on, with no cache and no notifier between them. */
public final class HostScenarios {

    private HostScenarios() {}

    /** A page that is held stays where it is: what its holder writes is in memory, whenever that is. */
    public static void heldPageAgainstMigration(ScenarioRun stage) {
        HostWorld world = new HostWorld();
        world.store(HostWorld.A, 1);
        boolean[] migrated = new boolean[1];
        stage.thread("migrate", () -> {
            world.host.migrate(HostWorld.A);
            migrated[0] = true;
        });
        stage.thread("hold", () -> {
            HostPage page = world.host.hvaToPage(HostWorld.A);
            HostMapping mapping = world.host.map(page);
            stage.waitUntil("migrated or refused", () -> migrated[0]);
            mapping.put(0, 8, 7);
            world.host.unmap(mapping);
            world.host.release(page);
        });
        stage.afterwards(() -> {
            assertThat(world.load(HostWorld.A)).as("value at rest").isEqualTo(7);
            world.close();
        });
    }

    /** Two threads that find no frame at once do not number more of them than there are numbers. */
    public static void twoThreadsThatNeedTheLastChunk(ScenarioRun stage) {
        FrameSupply supply = new FrameSupply(true, 1, 1, 1 << 20, 1, ByteBuffer::allocateDirect);
        for (int thread = 0; thread < 2; thread++) {
            stage.thread("grow " + thread, () -> supply.grow(1));
        }
        stage.afterwards(() -> {
            assertThat(supply.take()).as("the first frame").isZero();
            assertThat(supply.take()).as("frames beyond the last number").isEqualTo(FrameStore.NONE);
        });
    }
}
