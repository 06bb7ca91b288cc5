/**
 * What an address is: guest physical and host virtual addresses, page arithmetic, half-open ranges, hex.
 *
 * <p><b>Purpose.</b> The only place in the library that compares addresses as unsigned numbers or adds a length to one.
 * Everything here is a pure function or an immutable record.
 *
 * <p><b>Vocabulary.</b> gpa: guest physical address. gfn: guest frame number, {@code gpa >> 12}. hva: host user virtual
 * address. {@code start} is inclusive, {@code end} exclusive; {@code length} is bytes, {@code npages} pages of 4096
 * bytes.
 *
 * <p><b>Locks owned.</b> None. <b>Rule enum.</b> None. <b>May use.</b> Nothing.
 */
package io.github.pfncache.address;
