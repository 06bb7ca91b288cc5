package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import java.nio.ByteBuffer;
import java.util.Arrays;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** The write protocol, at every place and over every kind of former content. */
final class PvclockFieldPropertyTest {

    private static final ClockWorld WORLD = new ClockWorld(1);
    private static final int WINDOW = 64;

    private static PvclockTimeInfo value(long tsc, long nanos, int multiplier, byte shift, byte flags) {
        return new PvclockTimeInfo(tsc, nanos, new PvclockScale(multiplier, shift), flags & 0xff);
    }

    private static final PvclockTimeInfo ANY = value(1, 2, 3, (byte) 4, (byte) 0);

    @Property
    void evenVersionsGrowBy2AndOddOnesBy3(@ForAll int version) {
        WORLD.pokeInt(GPA, version);
        WORLD.access(GPA, PvclockTimeInfo.SIZE, access -> PvclockField.ALONE.write(access, ANY));
        assertThat(WORLD.version(GPA)).isEven().isEqualTo(version + 2 + (version & 1));
    }

    @Property
    void whatIsWrittenIsReadAndNothingElseIsTouched(
            @ForAll @IntRange(max = WINDOW - PvclockTimeInfo.SIZE) int offset,
            @ForAll @IntRange(max = 4096 - WINDOW) int windowAt,
            @ForAll long tsc, @ForAll long nanos, @ForAll int multiplier, @ForAll byte shift, @ForAll byte flags,
            @ForAll byte fill) {
        WORLD.fill(fill);
        PvclockTimeInfo time = value(tsc, nanos, multiplier, shift, flags);
        WORLD.access(GPA + windowAt, WINDOW, access -> PvclockField.at(offset, WINDOW).write(access, time));

        int start = windowAt + offset;
        assertThat(WORLD.read(GPA + start).time())
                .isEqualTo(time.withFlags(fill & PvclockTimeInfo.FLAG_GUEST_STOPPED));
        byte[] page = WORLD.bytes(GPA, 4096).array();
        ByteBuffer structure = ByteBuffer.wrap(page, start, PvclockTimeInfo.SIZE).slice();
        assertThat(structure.getInt(PvclockTimeInfo.PAD_0)).isZero();
        assertThat(structure.getShort(PvclockTimeInfo.PAD_1)).isZero();
        byte[] around = new byte[4096];
        Arrays.fill(around, fill);
        System.arraycopy(page, start, around, start, PvclockTimeInfo.SIZE);
        assertThat(page).isEqualTo(around);
    }

    @Property
    void aPlaceExistsIffItHoldsTheWholeStructure(@ForAll int offset, @ForAll @IntRange(max = 4096) int length) {
        if (offset >= 0 && (long) offset + PvclockTimeInfo.SIZE <= length) {
            assertThat(PvclockField.at(offset, length).windowLength()).isEqualTo(length);
        } else {
            assertThatIllegalArgumentException().isThrownBy(() -> PvclockField.at(offset, length));
        }
    }

    @Example
    void placesThatCannotBe() {
        int[][] places = {{33, 64}, {-1, 64}, {0, 31}, {1, 32}, {Integer.MAX_VALUE, 64}, {Integer.MAX_VALUE - 31, 64}};
        for (int[] place : places) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> PvclockField.at(place[0], place[1]))
                    .withMessageContaining("offset=" + place[0]);
        }
    }

    @Example
    void aWindowOfAnotherLengthIsRefusedUntouched() {
        WORLD.fill((byte) 0x55);
        WORLD.access(GPA, 33, access -> assertThatIllegalArgumentException()
                .isThrownBy(() -> PvclockField.at(32, 64).write(access, ANY)));
        assertThat(WORLD.bytes(GPA, 64).array()).containsOnly(0x55);
    }

    @Example
    void anUnusableAccessIsRefused() {
        GfnPfnCache cache = WORLD.vm.newCache(PvclockTimeInfo.SIZE);
        try (GuestAccess access = cache.access()) {
            assertThatIllegalStateException().isThrownBy(() -> PvclockField.ALONE.write(access, ANY));
        }
    }

    @Example
    void flagsFitAByte() {
        assertThatIllegalArgumentException().isThrownBy(() -> new PvclockTimeInfo(0, 0, ANY.scale(), 0x100));
        assertThatIllegalArgumentException().isThrownBy(() -> ANY.withFlags(-1));
        assertThat(ANY.withFlags(PvclockTimeInfo.FLAG_TSC_STABLE).has(PvclockTimeInfo.FLAG_TSC_STABLE)).isTrue();
        assertThat(ANY.has(PvclockTimeInfo.FLAG_TSC_STABLE)).isFalse();
    }
}
