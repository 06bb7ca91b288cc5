/**
 * A real guest: a C++ program, compiled to WebAssembly, run by a virtual machine whose linear memory is guest memory
 * of this library, on a host that moves its pages all the time.
 *
 * <p>{@link io.github.pfncache.wasm.LinearMemory} is what an emulator author writes to put an emulator on top of a
 * {@link io.github.pfncache.cache.GuestTlb}; {@link io.github.pfncache.wasm.NaiveRam} is what they would have written
 * without one, and comes to grief.
 */
package io.github.pfncache.wasm;
