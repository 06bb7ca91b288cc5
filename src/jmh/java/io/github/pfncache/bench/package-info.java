/**
 * What an access, an invalidation, a refresh and a slot change cost, each next to what it is measured against, in the
 * same run. {@code mvn -Pbench verify} runs them all; {@link io.github.pfncache.bench.ratio} makes the table of it.
 *
 * <p>A figure is nanoseconds, the median of all iterations of all forks, and means something only next to another one
 * of the same run. The forks run with assertions off, so the rules fold away as they do in production.
 */
package io.github.pfncache.bench;
