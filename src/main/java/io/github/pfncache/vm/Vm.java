package io.github.pfncache.vm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheDomain;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.GuestMemory;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.GuestView;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.Failures;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * One virtual machine, put together: an address space of the host, the guest's memory map, the caches, the vCPUs.
 *
 * <pre>{@code
 * try (Vm vm = Vm.builder().vcpus(2).build()) {
 *     vm.ram().add(0, 0, 0x100000, 16);            // 16 pages
 *     GfnPfnCache cache = vm.newCache(64);
 *     ...
 * }
 * }</pre>
 *
 * <p><b>A VM that is dropped without {@link #close}</b> costs nothing if it has its host to itself: both are garbage
 * together. A host that is shared ({@link Builder#host}) keeps it: each invalidation of that host goes on telling the
 * VM, and the VM's memory stays mapped, as long as the host lives.
 *
 * <p>Thread-safe. Kernel counterpart: {@code struct kvm}.
 *
 * @since 0.1.0
 */
public final class Vm implements AutoCloseable {

    private final HostMemory host;
    private final Memslots memslots;
    private final CacheDomain caches;
    private final HostClock clock;
    private final GuestRam ram;

    /** Whether the host belongs to this VM alone. */
    private final boolean ownsHost;

    /** Fixed when the VM is built. */
    private final List<Vcpu> vcpus;

    /** Those that are not closed. Thread-safe by itself. */
    private final Set<DirtyLogFollower> followers = ConcurrentHashMap.newKeySet();

    private volatile boolean closed;

    /** Replaced as a whole: of what is added all is there, or nothing. */
    private final AtomicReference<Interfaces> interfaces = new AtomicReference<>(new Interfaces(Map.of(), List.of()));

    /** The handler of each register, and the hooks that an entry calls, in the order of addition. Immutable. */
    private record Interfaces(Map<Integer, MsrHandler> handlers, List<EntryHook> hooks) {

        Interfaces with(Map<Integer, MsrHandler> more, List<EntryHook> moreHooks) {
            Map<Integer, MsrHandler> all = new HashMap<>(handlers);
            more.forEach((index, handler) -> {
                if (all.putIfAbsent(index, Objects.requireNonNull(handler, "handler")) != null) {
                    throw new IllegalStateException("msr 0x" + Integer.toHexString(index) + " has a handler");
                }
            });
            return new Interfaces(Map.copyOf(all), Stream.concat(hooks.stream(), moreHooks.stream()).toList());
        }
    }

    private Vm(Builder builder) {
        ownsHost = builder.host == null;
        host = builder.host == null ? HostMemory.builder().build() : builder.host;
        boolean rings = builder.dirtyRingEntries > 0;
        memslots = new Memslots(rings ? Memslots.DirtyMode.RING : Memslots.DirtyMode.BITMAP, builder.slotChangeTimeout);
        caches = new CacheDomain(memslots, host, builder.retry, builder.readerBias);
        clock = builder.clock;
        ram = new GuestRam(this);
        List<Vcpu> made = new ArrayList<>();
        for (int id = 0; id < builder.vcpus; id++) { // bounded by the builder's number of vCPUs
            DirtyRing ring = rings ? memslots.newDirtyRing(builder.dirtyRingEntries) : null;
            made.add(new Vcpu(this, id, ring));
        }
        vcpus = List.copyOf(made);
    }

    /**
     * Starts the description of a VM.
     *
     * @return a builder: one vCPU, a host address space of its own, bitmap dirty logs, the system's clocks
     */
    public static Builder builder() {
        return new Builder();
    }

    /** Describes a VM. Not thread-safe. */
    public static final class Builder {

        private static final int MAX_VCPUS = 4096;

        private HostMemory host;
        private RetryPolicy retry = RetryPolicy.DEFAULT;
        private boolean readerBias = CacheDomain.READER_BIAS;
        private Duration slotChangeTimeout = Memslots.DEFAULT_TIMEOUT;
        private HostClock clock = HostClock.system();
        private int dirtyRingEntries;
        private int vcpus = 1;

        private Builder() {}

        /**
         * The host address space that holds the guest's memory.
         *
         * @param memory the address space
         * @return this builder
         */
        public Builder host(HostMemory memory) {
            host = memory;
            return this;
        }

        /**
         * How long a call on a cache goes on before it answers BUSY.
         *
         * @param policy the bound
         * @return this builder
         */
        public Builder retry(RetryPolicy policy) {
            retry = policy;
            return this;
        }

        /**
         * Whether accesses announce themselves and loads take no lock, which is the default and fast. Without, every
         * access takes a plain read-write lock, to the same effect. {@code -Dpfncache.readerBias=false} changes the
         * default.
         *
         * @param biased false for plain locks
         * @return this builder
         */
        public Builder readerBias(boolean biased) {
            readerBias = biased;
            return this;
        }

        /**
         * How long a memslot change waits for readers, invalidations and vCPUs in guest mode before it answers BUSY;
         * and how long a harvest, or a change of the host's, waits for vCPUs in guest mode.
         *
         * @param timeout the bound, 0 to 2<sup>62</sup> ns; {@link #build} refuses another one
         * @return this builder
         */
        public Builder slotChangeTimeout(Duration timeout) {
            slotChangeTimeout = timeout;
            return this;
        }

        /**
         * The host's clocks.
         *
         * @param hostClock the clocks
         * @return this builder
         */
        public Builder clock(HostClock hostClock) {
            clock = hostClock;
            return this;
        }

        /**
         * Logs dirty pages into one ring for each vCPU instead of bitmaps.
         *
         * @param entries size of each ring, a power of two from 128 to 65536; 0 for bitmaps
         * @return this builder
         * @throws IllegalArgumentException if negative; of another bad size {@link #build} complains
         */
        public Builder dirtyRing(int entries) {
            if (entries < 0) {
                throw new IllegalArgumentException("entries=" + entries + " is negative");
            }
            dirtyRingEntries = entries;
            return this;
        }

        /**
         * Number of vCPUs.
         *
         * @param count 0 to 4096
         * @return this builder
         * @throws IllegalArgumentException if out of range
         */
        public Builder vcpus(int count) {
            if (count < 0 || count > MAX_VCPUS) {
                throw new IllegalArgumentException("vcpus=" + count + " is not in 0.." + MAX_VCPUS);
            }
            vcpus = count;
            return this;
        }

        /**
         * Makes the VM.
         *
         * @return a VM without memory
         */
        public Vm build() {
            return new Vm(this);
        }
    }

    /**
     * The host address space.
     *
     * @return the same object each time
     */
    public HostMemory host() {
        return host;
    }

    /**
     * The guest's memory map.
     *
     * @return the same object each time
     */
    public Memslots memslots() {
        return memslots;
    }

    /**
     * The guest's RAM: plugging it in and out, snapshots of it.
     *
     * @return the same object each time
     */
    public GuestRam ram() {
        return ram;
    }

    /**
     * Starts to follow which pages are written, on all slots.
     *
     * @return the follower, whose first delivery is of all pages; to be {@linkplain DirtyLogFollower#close closed}
     * @throws IllegalStateException if the VM is closed
     */
    public DirtyLogFollower followDirtyLog() {
        requireOpen();
        DirtyLogFollower follower = new DirtyLogFollower(this);
        boolean known = false;
        try {
            known = followers.add(follower);
        } finally {
            if (!known || closed) {
                follower.close();
            }
        }
        return follower;
    }

    void followerEnds(DirtyLogFollower follower) {
        followers.remove(follower);
    }

    /**
     * The caches.
     *
     * @return the same object each time
     */
    public CacheDomain caches() {
        return caches;
    }

    /**
     * The host's clocks.
     *
     * @return the same object each time
     */
    public HostClock clock() {
        return clock;
    }

    /**
     * Guest memory without a cache.
     *
     * @return the same object each time
     */
    public GuestMemory guestMemory() {
        return caches.guestMemory();
    }

    /**
     * A new, inactive cache.
     *
     * @param length size of its window in bytes, for its whole life
     * @return the cache
     * @throws IllegalArgumentException if {@code length} is not in 1..4096
     */
    public GfnPfnCache newCache(int length) {
        return caches.newCache(length);
    }

    /**
     * A new, inactive area, for windows that may cross pages or change their length.
     *
     * @return the area
     */
    public GuestArea newArea() {
        return caches.newArea();
    }

    /**
     * As {@link CacheDomain#newView}.
     *
     * @param gpa guest physical address of its start, any value
     * @param length bytes, 1 to {@link GuestView#MAX_LENGTH}; may be more than there is
     * @return the view, to be closed
     */
    public GuestView view(long gpa, long length) {
        return caches.newView(gpa, length);
    }

    /**
     * A new TLB of {@link GuestTlb#DEFAULT_ENTRIES} pages, for CPU-like access to any address.
     *
     * @param unbacked asked for what is not available: devices, or the trap that a processor would raise
     * @return the TLB, for the thread that uses it first
     */
    public GuestTlb newTlb(GuestTlb.Unbacked unbacked) {
        return newTlb(GuestTlb.DEFAULT_ENTRIES, unbacked);
    }

    /**
     * A new TLB, for CPU-like access to any address.
     *
     * @param entries number of pages it holds, a power of two from {@link GuestTlb#MIN_ENTRIES} to
     *     {@link GuestTlb#MAX_ENTRIES}
     * @param unbacked asked for what is not available: devices, or the trap that a processor would raise
     * @return the TLB, for the thread that uses it first
     * @throws IllegalArgumentException if {@code entries} is not such a number
     */
    public GuestTlb newTlb(int entries, GuestTlb.Unbacked unbacked) {
        return caches.newTlb(entries, unbacked);
    }

    /**
     * A new guest mode, for an emulated CPU with a TLB of its own.
     *
     * @param dropped told of each page that has to be given back
     * @return the guest mode, for the thread that enters it first; to be closed
     */
    public GuestMode newGuestMode(GuestMode.Dropped dropped) {
        return caches.newGuestMode(dropped);
    }

    /**
     * The vCPUs.
     *
     * @return all, by id
     */
    public List<Vcpu> vcpus() {
        return vcpus;
    }

    /**
     * One vCPU.
     *
     * @param id its number
     * @return the vCPU
     * @throws IndexOutOfBoundsException if there is none
     */
    public Vcpu vcpu(int id) {
        return vcpus.get(id);
    }

    /**
     * Lets an interface handle a register, on all vCPUs.
     *
     * @param index number of the register
     * @param handler what to do
     * @throws IllegalStateException if the register has a handler
     */
    public void handleMsr(int index, MsrHandler handler) {
        add(Map.of(index, handler), List.of());
    }

    /**
     * Adds an interface: all of it, or nothing if this throws.
     *
     * @param handlers what to do with its registers on all vCPUs, by the number of the register
     * @param hook what to do when a vCPU enters the guest, after the hooks added before
     * @throws IllegalStateException if one of the registers has a handler
     */
    public void addInterface(Map<Integer, MsrHandler> handlers, EntryHook hook) {
        add(handlers, List.of(Objects.requireNonNull(hook, "hook")));
    }

    private void add(Map<Integer, MsrHandler> handlers, List<EntryHook> hooks) {
        interfaces.updateAndGet(now -> now.with(handlers, hooks));
    }

    /**
     * Lets an interface do something when a vCPU enters the guest.
     *
     * @param hook what to do, after the hooks added before
     */
    public void addEntryHook(EntryHook hook) {
        add(Map.of(), List.of(Objects.requireNonNull(hook, "hook")));
    }

    MsrHandler msrHandler(int index) {
        return interfaces.get().handlers.get(index);
    }

    List<EntryHook> hooks() {
        return interfaces.get().hooks;
    }

    /**
     * Ends the VM: caches are inactive, followers of the dirty log closed, the memory map is empty, and what {@link
     * #ram} has made or brought in is given back. Nothing of a shared host knows of the VM any more; a host of the VM's
     * own is closed. To be called when the vCPUs and devices have ended, though it is safe before.
     *
     * <p><b>Afterwards</b> everything answers, and nothing hangs: accesses and {@code activate} INACTIVE, {@code
     * guestMemory} 0 bytes, {@link Vcpu#run} INTERRUPTED; a run that is under way goes on to its end. {@link
     * GuestRam#add}, {@link #followDirtyLog} and a follower's {@code deliver} throw IllegalStateException.
     * {@linkplain GuestRam#snapshot Snapshots} are left alone: they can be read, and hold their memory, until they are
     * closed themselves.
     *
     * <p>A second call does nothing, or what the first could not do.
     *
     * @throws IllegalStateException if something is still in use after as long as {@link Builder#retry} and {@link
     *     Builder#slotChangeTimeout} allow, or is used by this very thread, as inside a page-fault handler: it is
     *     named, and everything else is done. Call it again when that has ended, and after an exception of a fault
     *     handler that was told of what went
     */
    @Override
    public void close() {
        closed = true; // first: nothing new begins
        Failures.each(followers, DirtyLogFollower::close);
        List<Object> left = new ArrayList<>(caches.close());
        left.addAll(ram.close());
        if (!left.isEmpty()) {
            throw new IllegalStateException("the VM is closed, but this is still in use: " + left);
        }
        if (ownsHost) {
            host.close();
        }
    }

    /**
     * Whether the VM was closed.
     *
     * @return true from the begin of {@link #close} on
     */
    public boolean isClosed() {
        return closed;
    }

    /**
     * What a caller has begun and not ended: active caches, followers of the dirty log, snapshots, and open files of a
     * host of the VM's own. After {@link #close} that is snapshots and files, and what {@code close} has named.
     *
     * @return a snapshot of the list, each named as by its {@code toString}
     */
    public List<String> stillOpen() {
        List<HostFile> files = ownsHost ? host.openFiles() : List.of();
        return Stream.of(caches.activeCaches(), followers, ram.snapshots(), files)
                .flatMap(Collection::stream)
                .map(Object::toString)
                .toList();
    }

    void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the VM is closed");
        }
    }

    /**
     * The memory map as a table to be read: a line for each slot, ascending by address, with its guest addresses, its
     * flags, where it is in the host, and how many of its pages are resident and dirty. Looks at each page.
     *
     * @return lines that each end in a line feed
     */
    public String describe() {
        StringBuilder lines = new StringBuilder(String.format(
                Locale.ROOT, "%-33s %6s %10s %10s %10s  %-5s %s\n",
                "gpa", "slot", "pages", "resident", "dirty", "flags", "hva"));
        int readers = memslots.enterRead();
        try {
            for (Memslot slot : memslots.table()) { // bounded by the slots
                long resident = LongStream.range(slot.baseGfn(), slot.endGfn())
                        .filter(gfn -> host.presentPfn(slot.gfnToHva(gfn)) >= 0)
                        .count();
                String flags = (slot.readOnly() ? "R" : "") + (slot.logsDirtyPages() ? "L" : "");
                lines.append(String.format(
                        Locale.ROOT, "%016x-%016x %6d %10d %10d %10d  %-5s %x\n",
                        Pages.gfnToGpa(slot.baseGfn()), Pages.gfnToGpa(slot.endGfn()) - 1, slot.id(), slot.npages(),
                        resident, slot.dirtyPages(), flags, slot.hva()));
            }
        } finally {
            memslots.exitRead(readers);
        }
        return lines.toString();
    }

    @Override
    public String toString() {
        return "Vm " + memslots.number() + "[" + vcpus.size() + " vcpus, " + memslots + (closed ? ", closed]" : "]");
    }
}
