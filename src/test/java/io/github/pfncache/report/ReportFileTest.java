package io.github.pfncache.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ReportFileTest {

    @TempDir
    private Path directory;

    private List<String> files() throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void aFileIsThereWhenItIsComplete() throws IOException {
        Path path = directory.resolve("page.html");
        try (ReportFile file = ReportFile.open(path)) {
            assertThat(path).doesNotExist();
            file.write("whole");
        }
        assertThat(path).hasContent("whole");
        assertThat(files()).containsExactly("page.html");
    }

    @Test
    void whatIsNotWrittenLeavesNothingBehind() throws IOException {
        Path path = Files.writeString(directory.resolve("page.html"), "former");
        ReportFile.open(path).close();
        assertThat(path).hasContent("former");
        ReportFile.open(directory.resolve("other.html")).close();
        assertThat(files()).containsExactly("page.html");
    }

    @Test
    void aFileThatIsThereIsReplacedAndALinkToItStays() throws IOException {
        Path path = Files.writeString(directory.resolve("page.html"), "former");
        Path link = Files.createSymbolicLink(directory.resolve("link.html"), path);
        try (ReportFile file = ReportFile.open(link)) {
            file.write("new");
        }
        assertThat(path).hasContent("new");
        assertThat(link).isSymbolicLink();
    }

    @Test
    void aPlaceThatCannotBeWrittenIsKnownAtOnce() throws IOException {
        assertThatThrownBy(() -> ReportFile.open(directory)).hasMessage(directory + ": is a directory");
        assertThatThrownBy(() -> ReportFile.open(Path.of(""))).hasMessage("the name of a file is empty");
        Path absent = directory.resolve("absent/page.html");
        assertThatThrownBy(() -> ReportFile.open(absent)).hasMessage(absent + ": no such directory");
        Path below = Files.writeString(directory.resolve("file"), "x").resolve("page.html");
        assertThatThrownBy(() -> ReportFile.open(below)).isInstanceOf(IOException.class).hasMessageStartingWith(
                below + ": ");
        assertThat(files()).containsExactly("file");
    }

    @Test
    void aDeviceThatIsFullIsAnError() throws IOException {
        Path full = Path.of("/dev/full");
        Assumptions.assumeTrue(Files.exists(full), "there is no /dev/full");
        try (ReportFile file = ReportFile.open(full)) {
            assertThatThrownBy(() -> file.write("text"))
                    .isInstanceOf(IOException.class)
                    .hasMessageStartingWith("/dev/full: ");
        }
        assertThat(full).exists();
    }
}
