package io.github.pfncache.vm;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;
import io.github.pfncache.memslot.Memslots;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.CheckedOutputStream;

/**
 * The memory of a VM on its way to another place: the slots, and the pages that have content.
 *
 * <p><b>Saved</b>, big endian: {@link #MAGIC}; the number of slots; each slot's id, flags, first gfn and number of
 * pages; each page with content, as the number of its slot among the slots (from 0), its number in the slot, and its
 * 4096 bytes; -1; the CRC-32 of all that as a long.
 */
final class RamImage {

    /** What a saved one begins with: "pfnRAM", and the version of the format. */
    private static final long MAGIC = 0x70666e52_414d0001L;

    private static final int END = -1;

    private RamImage() {}

    /** A slot as it is saved. */
    record Slot(int id, int flags, long baseGfn, long npages) {

        static Slot of(Memslot slot) {
            return new Slot(slot.id(), slot.askedFlags(), slot.baseGfn(), slot.npages());
        }

        /** Whether it can be a slot, above another one; null for none. The memory map looks at the other rules. */
        boolean isAbove(Slot other) {
            return baseGfn >= (other == null ? 0 : other.baseGfn + other.npages)
                    && id >= 0
                    && id < MemslotTable.MAX_SLOTS
                    && npages >= 1
                    && npages <= Integer.MAX_VALUE
                    && baseGfn <= Pages.GFN_END - npages;
        }
    }

    /** Puts what is to be there into the memory of each slot, which the guest does not see yet. */
    interface Filling {
        void fill(HostMemory host, List<HvaRange> memory) throws IOException;
    }

    static void save(RamSnapshot snapshot, OutputStream to) throws IOException {
        CheckedOutputStream checked = new CheckedOutputStream(new BufferedOutputStream(to), new CRC32());
        DataOutputStream out = new DataOutputStream(checked);
        List<Memslot> slots = snapshot.slots();
        out.writeLong(MAGIC);
        out.writeInt(slots.size());
        for (Memslot slot : slots) { // bounded by the slots
            out.writeInt(slot.id());
            out.writeInt(slot.askedFlags());
            out.writeLong(slot.baseGfn());
            out.writeLong(slot.npages());
        }
        for (int i = 0; i < slots.size(); i++) { // bounded by the slots
            Memslot slot = slots.get(i);
            int number = i;
            snapshot.visitContent(slot, (gfn, page) -> {
                out.writeInt(number);
                out.writeLong(gfn - slot.baseGfn());
                out.write(page);
            });
        }
        out.writeInt(END);
        out.writeLong(checked.getChecksum().getValue());
        out.flush();
    }

    static Memslots.Change load(InputStream from, GuestRam ram) throws IOException {
        CheckedInputStream checked = new CheckedInputStream(from, new CRC32());
        DataInputStream in = new DataInputStream(checked);
        require(in.readLong() == MAGIC, "it does not begin as saved memory does");
        int count = in.readInt();
        require(count >= 0 && count <= MemslotTable.MAX_SLOTS, "it has a number of slots that cannot be");
        List<Slot> slots = new ArrayList<>();
        Set<Integer> ids = new HashSet<>();
        Slot below = null;
        for (int i = 0; i < count; i++) { // bounded by the slots there can be
            Slot slot = new Slot(in.readInt(), in.readInt(), in.readLong(), in.readLong());
            require(slot.isAbove(below) && ids.add(slot.id()), "a slot has pages that cannot be, or another's number");
            slots.add(slot);
            below = slot;
        }
        return ram.addFilled(slots, (host, memory) -> {
            byte[] page = new byte[Pages.PAGE_SIZE];
            for (int slot = in.readInt(); slot != END; slot = in.readInt()) { // bounded by what there is to read
                long number = in.readLong();
                require(slot >= 0 && slot < memory.size() && number >= 0 && number < memory.get(slot).npages(),
                        "a page lies outside of the slots");
                in.readFully(page);
                put(host, memory.get(slot), number, page);
            }
            long sum = checked.getChecksum().getValue();
            require(in.readLong() == sum, "it is not as it was saved: the checksum is another");
        });
    }

    private static void require(boolean holds, String otherwise) throws IOException {
        if (!holds) {
            throw new IOException(otherwise);
        }
    }

    static Memslots.Change copy(RamSnapshot snapshot, GuestRam ram) {
        List<Memslot> slots = snapshot.slots();
        try {
            return ram.addFilled(slots.stream().map(Slot::of).toList(), (host, memory) -> {
                for (int i = 0; i < slots.size(); i++) { // bounded by the slots
                    Memslot slot = slots.get(i);
                    HvaRange to = memory.get(i);
                    snapshot.visitContent(slot, (gfn, page) -> put(host, to, gfn - slot.baseGfn(), page));
                }
            });
        } catch (IOException e) {
            throw new AssertionError(e); // nothing is read
        }
    }

    private static void put(HostMemory host, HvaRange memory, long number, byte[] page) {
        HostResult put = host.poke(memory.start() + (number << Pages.PAGE_SHIFT), page);
        if (put != HostResult.OK) {
            throw new IllegalStateException(put + " filling page " + number + " of " + memory + ", " + host.shortage());
        }
    }
}
