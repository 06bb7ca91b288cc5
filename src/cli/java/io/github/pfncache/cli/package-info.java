/**
 * The command line: commands, progress, tables, exit codes. Not exported; nothing uses it.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.cli.Main} is the program, with one class for each command. Standard
 * output carries the result and nothing else, standard error carries progress and complaints. Exit codes: 0 fine, 1
 * something was found, 2 bad input.
 *
 * <p><b>Locks owned.</b> None. <b>Rule enum.</b> None. <b>May use.</b> Every package, and picocli.
 */
package io.github.pfncache.cli;
