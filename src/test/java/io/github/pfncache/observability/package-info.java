/** What a running system shows: flight recordings, counts, and what objects say about themselves. */
package io.github.pfncache.observability;
