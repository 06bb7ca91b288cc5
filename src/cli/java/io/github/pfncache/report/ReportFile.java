package io.github.pfncache.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.function.Supplier;

/**
 * A file that is there completely or not at all. Opened before the work begins, so that a place that cannot be written
 * is known at once; what is written goes into a file beside it, which takes its place at the end. Not thread-safe.
 *
 * <pre>{@code
 * try (ReportFile file = ReportFile.open(path)) {
 *     file.write(workFor(minutes));
 * }
 * }</pre>
 */
public final class ReportFile implements AutoCloseable {

    private final Path path;

    /** Beside the file; null if the file is no regular one (a pipe, a device), which is written directly. */
    private final Path draft;

    private ReportFile(Path path, Path draft) {
        this.path = path;
        this.draft = draft;
    }

    /**
     * Makes sure that a file can be written. One that is there already stays as it is for now.
     *
     * @param path the file
     * @return to be written, and closed
     * @throws IOException if it cannot be written; its message is the file and the reason
     */
    public static ReportFile open(Path path) throws IOException {
        if (path.toString().isEmpty()) {
            throw new FileSystemException(null, null, "the name of a file is empty");
        }
        if (Files.isDirectory(path)) {
            throw new FileSystemException(path.toString(), null, "is a directory");
        }
        boolean special = Files.exists(path) && !Files.isRegularFile(path);
        if (Files.exists(path) && !Files.isWritable(path)) {
            throw new FileSystemException(path.toString(), null, "not writable");
        }
        try {
            Path real = Files.exists(path, LinkOption.NOFOLLOW_LINKS) ? path.toRealPath() : path.toAbsolutePath();
            return new ReportFile(real, special ? null : Files.createFile(draftOf(real)));
        } catch (IOException fault) {
            throw located(path, fault);
        }
    }

    /** Some work, whose exit code it answers. */
    public interface Work {

        /**
         * Does it.
         *
         * @return the exit code
         * @throws IOException if a file cannot be read or written
         */
        int run() throws IOException;
    }

    /**
     * Does work and writes the page about it. A place that cannot be written is an error before the work begins.
     *
     * @param path the file; null if no page is wanted
     * @param work the work
     * @param page the page, asked when the work is done
     * @return what the work answered
     * @throws IOException if the work throws it, or the page cannot be written
     */
    public static int around(Path path, Work work, Supplier<String> page) throws IOException {
        if (path == null) {
            return work.run();
        }
        try (ReportFile file = open(path)) {
            int code = work.run();
            file.write(page.get());
            return code;
        }
    }

    private static Path draftOf(Path path) {
        return path.resolveSibling("." + path.getFileName() + "." + ProcessHandle.current().pid() + ".part");
    }

    /**
     * Writes it.
     *
     * @param text all of it
     * @throws IOException if that fails; then nothing has changed
     */
    public void write(String text) throws IOException {
        try {
            if (draft == null) {
                Files.writeString(path, text, StandardCharsets.UTF_8);
                return;
            }
            Files.writeString(draft, text, StandardCharsets.UTF_8);
            try {
                Files.move(draft, path, StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException plainly) {
                Files.move(draft, path, StandardCopyOption.REPLACE_EXISTING);
            }
        } catch (IOException fault) {
            throw located(path, fault);
        }
    }

    private static IOException located(Path path, IOException fault) {
        String reason = fault instanceof NoSuchFileException ? "no such directory"
                : fault instanceof FileSystemException at && at.getReason() != null ? at.getReason()
                : fault instanceof FileSystemException ? "not writable" : String.valueOf(fault.getMessage());
        FileSystemException located = new FileSystemException(path.toString(), null, reason);
        located.initCause(fault);
        return located;
    }

    /** Takes the draft away, if the file was not written. */
    @Override
    public void close() throws IOException {
        if (draft != null) {
            Files.deleteIfExists(draft);
        }
    }
}
