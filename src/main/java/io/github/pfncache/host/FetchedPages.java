package io.github.pfncache.host;

import io.github.pfncache.rules.HeldLocks;
import java.util.HashMap;
import java.util.Map;

/**
 * The unread file pages that one operation needs. It finds out under the family lock, and reads them without: it asks
 * {@link #get}, and when {@link #isWaiting} leaves the lock, calls {@link #fetch}, and starts over. That ends, because
 * pages that are wanted have been fetched by the next turn, and what was fetched stays right. Confined to one thread.
 */
final class FetchedPages {

    private record Key(FilePages file, long page) {}

    private final Map<Key, byte[]> contents = new HashMap<>();
    /** With the number of bytes that their files hold of them. */
    private final Map<Key, Integer> wanted = new HashMap<>();

    /** The 4096 bytes of an unread page; null if they have to be fetched. Family lock held. */
    byte[] get(FilePages file, long page) {
        Key key = new Key(file, page);
        byte[] content = contents.get(key);
        if (content == null) {
            wanted.put(key, file.backing.bytesOf(page));
        }
        return content;
    }

    boolean isWaiting() {
        return !wanted.isEmpty();
    }

    /** Reads what is wanted; false if a page cannot be read. No lock held: this sleeps. */
    boolean fetch() {
        for (Map.Entry<Key, Integer> one : wanted.entrySet()) { // bounded by the pages of the operation
            Key key = one.getKey();
            HeldLocks.mightSleep("reading a file");
            byte[] content = key.file().backing.read(key.page(), one.getValue());
            if (content == null) {
                return false;
            }
            contents.put(key, content);
        }
        wanted.clear();
        return true;
    }
}
