/**
 * From a host user address to the page frame behind it, and to a usable mapping of that frame: an emulated process
 * address space that moves pages about the way a real host does.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.host.HostMemory} is the memory map and its page tables;
 * {@link io.github.pfncache.host.HostPage} is a reference to a frame, {@link io.github.pfncache.host.HostMapping} a
 * view of one, {@link io.github.pfncache.host.HostFile} memory that several mappings share. Everything that takes a
 * mapping away goes the same way: notifiers start with no lock held; page-table lock, entries cleared, frames dropped,
 * unlock; notifiers end. A frame is freed only after the start has returned.
 *
 * <p><b>Layers</b>, each knowing those above it: entries and frames ({@code Pte}, {@code PageTable}, {@code
 * FrameStore}, {@code SwapStore}); what is mapped ({@code Vma}, {@code VmaSet}, {@code FilePages}, and {@code Backing}
 * for what a real file holds); the one way to change it ({@code HostFamily}, {@code Invalidation}); the changes ({@code
 * RangeOps}, {@code Residency}, {@code Fork}, {@code Snapshot}, {@code Rewind}, {@code FaultPath}, {@code WriteBack});
 * the interface ({@code HostMemory},
 * {@code HostFile}).
 *
 * <p><b>Locks owned.</b> HOST_PAGES, one for an address space and all its forks, over mappings, page tables, file pages
 * and swap; FRAMES, the free list, and the stripes that stand in for atomics where
 * the platform has none. Resolving a resident
 * writable page takes neither. HOST_FILES, the write-back of one real file, is the outermost of all. A real file is
 * read and written with neither of the inner two held: what was read counts only if the page is still unread then.
 *
 * <p><b>Rule enum.</b> {@link io.github.pfncache.host.HostRule}. <b>May use.</b> {@code address}, {@code rules}.
 */
package io.github.pfncache.host;
