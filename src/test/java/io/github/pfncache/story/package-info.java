/**
 * The bug that this library started from, told as a story with a program to run.
 *
 * <p>A guest registers its runstate area while it runs 32-bit code: 44 bytes. Later it runs 64-bit code, and the same
 * area is 48 bytes. The host's code is the loop that every user of the kernel's cache wrote by hand:
 *
 * <pre>{@code
 * while (!cache.check(48)) {      // as long as the structure is now
 *     cache.refresh(44);          // as long as it was when this line was written
 * }
 * }</pre>
 *
 * <p>Refresh succeeds: 44 bytes are mapped. Check says no: 48 were asked for. Nothing is wrong with either call, nobody
 * else is running, and the loop never ends. {@link io.github.pfncache.story.SeedBugTest} runs it under the schedule
 * explorer, which reports a livelock and prints the lap that repeats.
 *
 * <p>The mistake needs two numbers that may differ. A {@link io.github.pfncache.cache.GfnPfnCache} has one, and it is
 * final: {@code check()} and {@code refresh()} take no length, so the loop cannot be written (the test shows that it
 * does not compile). What an access needs is checked from the access itself, and a structure that changes its size is a
 * {@link io.github.pfncache.cache.GuestArea}, which gets new caches when it does.
 */
package io.github.pfncache.story;
