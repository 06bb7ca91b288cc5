package io.github.pfncache.host;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** A real file whose reads and writes a test can watch, break, and do something in the middle of. */
public final class HookedChannel extends FileChannel {

    /** Runs before a transfer. */
    public interface Hook {
        void at(long offset, int length) throws IOException;
    }

    public static final Hook NOTHING = (offset, length) -> {};

    final List<Long> readAt = new ArrayList<>();
    public Hook beforeRead = NOTHING;
    public Hook beforeWrite = NOTHING;
    /** Most bytes that one call transfers: real channels may transfer fewer than asked. */
    int most = Integer.MAX_VALUE;

    private final FileChannel real;

    public HookedChannel(Path path) throws IOException {
        real = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    @Override
    public int read(ByteBuffer into, long position) throws IOException {
        if (!into.hasRemaining()) {
            return real.read(into, position);
        }
        readAt.add(position);
        beforeRead.at(position, into.remaining());
        ByteBuffer part = into.duplicate().limit(into.position() + Math.min(most, into.remaining()));
        int count = real.read(part, position);
        into.position(part.position());
        return count;
    }

    @Override
    public int write(ByteBuffer from, long position) throws IOException {
        if (from.hasRemaining()) {
            beforeWrite.at(position, from.remaining());
        }
        ByteBuffer part = from.duplicate().limit(from.position() + Math.min(most, from.remaining()));
        int count = real.write(part, position);
        from.position(part.position());
        return count;
    }

    @Override
    public long size() throws IOException {
        return real.size();
    }

    @Override
    public FileChannel truncate(long size) throws IOException {
        beforeWrite.at(size, 0);
        real.truncate(size);
        return this;
    }

    @Override
    public void force(boolean metaData) throws IOException {
        real.force(metaData);
    }

    @Override
    protected void implCloseChannel() throws IOException {
        real.close();
    }

    // What the library has no use for goes to the real channel.

    @Override
    public int read(ByteBuffer into) throws IOException {
        return real.read(into);
    }

    @Override
    public long read(ByteBuffer[] into, int offset, int length) throws IOException {
        return real.read(into, offset, length);
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
        return real.write(from);
    }

    @Override
    public long write(ByteBuffer[] from, int offset, int length) throws IOException {
        return real.write(from, offset, length);
    }

    @Override
    public long position() throws IOException {
        return real.position();
    }

    @Override
    public FileChannel position(long position) throws IOException {
        return real.position(position);
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) throws IOException {
        return real.transferTo(position, count, target);
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long position, long count) throws IOException {
        return real.transferFrom(source, position, count);
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) throws IOException {
        return real.map(mode, position, size);
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) throws IOException {
        return real.lock(position, size, shared);
    }

    @Override
    public FileLock tryLock(long position, long size, boolean shared) throws IOException {
        return real.tryLock(position, size, shared);
    }
}
