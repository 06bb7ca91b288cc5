/** What an author of an emulator builds on this library, as programs that the tests run. */
package io.github.pfncache.examples;
