/**
 * An emulated process address space that moves pages about the way a real host does: from a host user address to the
 * page frame that backs it, and to a usable mapping of that frame.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.host.HostMemory} is the memory map and its page tables;
 * {@link io.github.pfncache.host.HostPage} is a reference to a frame, {@link io.github.pfncache.host.HostMapping} a
 * view of one, {@link io.github.pfncache.host.HostFile} memory that several mappings share. Everything that takes a
 * mapping away goes the same way: notifiers start with no lock held; page-table lock, entries cleared, frames dropped,
 * unlock; notifiers end. A frame is freed only after the start has returned.
 *
 * <p><b>Layers</b>, each knowing itself and those above it, as a test holds. Values and what the library's user
 * implements ({@code HostRule}, {@code HostResult}, {@code Protection}, {@code RewindRange}, {@code MmuNotifier},
 * {@code PageFault}, {@code PageFaultHandler}); entries and frames ({@code LockAtomics}, {@code StripedCount},
 * {@code Pte}, {@code PageTable}, {@code Chunk}, {@code FrameSupply}, {@code FrameStore}, {@code SwapStore},
 * {@code PageStore}); what is mapped ({@code Undisturbed}, {@code PageMarks}, {@code UserBlocks}, {@code Backing} for
 * the content of a real file, {@code FetchedPages}, {@code FilePages}, {@code Vma}, {@code VmaSet}); the state of an
 * address space and its relatives, and the one way to change it ({@code Invalidation}, {@code AddressSpace},
 * {@code HostFamily}); the changes ({@code SpaceOps}, {@code FaultPath}, {@code RangeOps}, {@code Residency},
 * {@code Fork}, {@code Snapshot}, {@code Rewind}, {@code WriteBack}, {@code ProcessCopy}, {@code HostAudit})
 * and the use of a frame ({@code FrameHandle}, {@code HostPage}, {@code HostMapping},
 * {@code HostWindow}, {@code MemoryRun}); the interface ({@code HostMemory}, {@code HostMemoryBuilder},
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
