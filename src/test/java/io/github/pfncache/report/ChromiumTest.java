package io.github.pfncache.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/** What a reader sees. Needs Chromium ({@code apt-get install chromium}, as CI does); is not run without. */
final class ChromiumTest {

    private static final List<String> NAMES = List.of("chromium", "chromium-browser", "google-chrome");
    private static final int WIDTH = 1160;
    private static final int HEIGHT = 700;

    /** A browser on a busy machine may take long to start, or not start at all: it is not what is tested. */
    private static final int TIMEOUT_SECONDS = 90;
    private static final int ATTEMPTS = 3;

    /** Lanes begin below the marks of the operations. */
    private static final int LANES_TOP = 56;

    /** Shows the first picture alone, at the corner and in its own size, so that a test knows where to look. */
    private static final String PICTURE_ALONE = "<style>"
            + "body{margin:0;padding:0;max-width:none} header,main>:not(#t0),#t0>:not(.wide){display:none}"
            + "details{border:0;padding:0 !important;border-radius:0} svg.trace{margin:0;width:1160px}</style>";

    /** Not deleted: a process of the browser's may still write there. */
    @TempDir(cleanup = CleanupMode.NEVER)
    private Path directory;

    private static Path chromium() {
        Optional<Path> found = Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .flatMap(place -> NAMES.stream().map(name -> Path.of(place, name)))
                .filter(Files::isExecutable)
                .findFirst();
        Assumptions.assumeTrue(found.isPresent(), "not run: there is no chromium on the PATH to render the page with");
        return found.get();
    }

    private BufferedImage screenshot(String page, boolean dark) throws IOException, InterruptedException {
        Path browser = chromium();
        Path html = Files.writeString(directory.resolve("page.html"), page);
        Path png = directory.resolve(dark ? "dark.png" : "light.png");
        Path log = directory.resolve("chromium.log");
        List<String> command = new ArrayList<>(List.of(
                browser.toString(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--force-color-profile=srgb", "--force-device-scale-factor=1", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage",
                "--user-data-dir=" + directory.resolve("profile"), "--window-size=" + WIDTH + "," + HEIGHT,
                "--blink-settings=preferredColorScheme=" + (dark ? 0 : 1), "--screenshot=" + png));
        command.add(html.toUri().toString());
        boolean done = false;
        for (int attempt = 0; attempt < ATTEMPTS && !done; attempt++) { // bounded by the attempts
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
            boolean ended = process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS);
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
            done = ended && Files.exists(png);
        }
        assertThat(done).as("screenshot; chromium said: %s", Files.readString(log)).isTrue();
        return ImageIO.read(png.toFile());
    }

    /** Pixels of a colour in a box; one step more or less is the same colour. */
    private static int count(BufferedImage image, int rgb, int left, int top, int right, int bottom) {
        int count = 0;
        for (int y = top; y < bottom; y++) {
            for (int x = left; x < right; x++) {
                int found = image.getRGB(x, y);
                boolean same = true;
                for (int shift = 0; shift < 24; shift += 8) {
                    same &= Math.abs((found >> shift & 0xff) - (rgb >> shift & 0xff)) <= 1;
                }
                count += same ? 1 : 0;
            }
        }
        return count;
    }

    /** The colour of a translucent one on paper. */
    private static int mixed(int colour, int paper, double opacity) {
        int mixed = 0;
        for (int shift = 0; shift < 24; shift += 8) {
            int above = colour >> shift & 0xff;
            int below = paper >> shift & 0xff;
            mixed |= (int) Math.round(above * opacity + below * (1 - opacity)) << shift;
        }
        return mixed;
    }

    /** Looks at the lanes of a trace of 35 operations, and at the memslots below them. */
    private static void picture(BufferedImage image, int paper, int valid, int stale, int empty, int hatch, int ram) {
        assertThat(image.getRGB(5, 5) & 0xffffff).as("paper").isEqualTo(paper);
        Frame frame = new Frame(35);
        int left = (int) Math.ceil(Frame.LEFT);
        int right = (int) frame.end();
        int bottom = LANES_TOP + 12 * (int) LaneDrawing.PITCH;
        int area = (right - left) * (bottom - LANES_TOP);
        assertThat(count(image, valid, left, LANES_TOP, right, bottom)).as("valid").isGreaterThan(area / 6);
        assertThat(count(image, stale, left, LANES_TOP, right, bottom)).as("stale").isGreaterThan(area / 200);
        assertThat(count(image, empty, left, LANES_TOP, right, bottom)).as("unbacked").isGreaterThan(area / 20);
        assertThat(count(image, hatch, left, LANES_TOP, right, bottom)).as("its hatching").isGreaterThan(area / 200);
        assertThat(count(image, ram, left, LANES_TOP, right, bottom)).as("strips").isGreaterThan(area / 20);
        int firstRow = LANES_TOP + 8;
        int column = (int) frame.columnWidth();
        assertThat(count(image, stale, left + 1, firstRow, left + 3, firstRow + 1)).as("a sliver").isEqualTo(2);
        assertThat(count(image, valid, left + 5, LANES_TOP + 1, left + column - 1, LANES_TOP + 2))
                .as("the top of the first column behind it").isEqualTo(column - 6);
        assertThat(count(image, paper, left, bottom - 3, right, bottom)).as("space below the last lane")
                .isEqualTo(3 * (right - left));
        int tinted = mixed(ram, paper, 0.28);
        assertThat(count(image, tinted, left, bottom, right, HEIGHT)).as("memslots").isGreaterThan(area / 6);
    }

    @Test
    void theLanesAndTheSlotMapAreThereInTheLight() throws Exception {
        String page = Traces.page(List.of(Traces.bundled("pc_m32_vga_std.tsv")));
        picture(screenshot(page + PICTURE_ALONE, false), 0xffffff, 0x66bda9, 0xe08a00, 0xeef1f5, 0xc3cad5, 0x2f6fb5);
    }

    @Test
    void andInTheDark() throws Exception {
        String page = Traces.page(List.of(Traces.bundled("pc_m32_vga_std.tsv")));
        picture(screenshot(page + PICTURE_ALONE, true), 0x12171f, 0x2f8d79, 0xffb53e, 0x1c232e, 0x3c4758, 0x6aa9ec);
    }
}
