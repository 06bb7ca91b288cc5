package io.github.pfncache.bench.ratio;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** The name of this machine's processor: a ratio is a processor's. */
final class Processor {

    private static final Path LINUX = Path.of("/proc/cpuinfo");
    private static final Pattern MODEL = Pattern.compile("(?m)^model name\\s*: (.+)$");

    /** What makers add to the name: marks, clock rates, how many cores there are. */
    private static final String ORNAMENT = "\\((R|TM)\\)|\\bCPU\\b|@.*|\\b\\d+-Core Processor\\b|\\bProcessor\\b";

    private Processor() {}

    /** As Linux tells it; elsewhere the architecture, which is why the name can be given. */
    static String name() throws IOException {
        String text = Files.isReadable(LINUX) ? Files.readString(LINUX) : "";
        String model = MODEL.matcher(text).results().map((MatchResult found) -> found.group(1)).findFirst()
                .orElse(System.getProperty("os.arch"));
        return model.replaceAll(ORNAMENT, " ").strip().replaceAll("\\s+", " ");
    }
}
