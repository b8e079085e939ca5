/**
 * `qtrain watch`: shows runs in a browser, and follows them.
 *
 * @module
 */
import { DataError, UsageError } from "../lib/core/errors.ts";
import { fileError } from "../lib/core/files.ts";
import { shellWord, visible } from "../lib/core/text.ts";
import { findRuns } from "../lib/view/find_runs.ts";
import { LiveServer } from "../lib/view/watch/server.ts";
import { type Arguments, defineCommand, type Options } from "./command.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { needsNetwork, OPEN, openBrowser, PORT } from "./live_view.ts";
import { print, printError, PROGRAM } from "./print.ts";

const OPTIONS = { port: PORT, open: OPEN } as const satisfies Options;

/** `qtrain watch`. */
export const watchCommand = defineCommand({
  name: "watch",
  synopsis: "qtrain watch [RUN|DIR]",
  summary: "Shows a run, or the runs of a folder, in a browser, and follows them.",
  details:
    `Prints an address of this machine, at which a browser shows the report of the run. The page changes
as the run goes on, at most once a second. The runs of a folder (default: runs) are those in it and up to three levels
below, as in runs/NAME-compare/runs; new ones appear by themselves. Ctrl-C ends the server.

Only this machine can reach the page: over SSH, forward the port (ssh -L 6174:127.0.0.1:6174 HOST).
It needs the permission to listen on 127.0.0.1, which \`deno task live watch RUN\` has.

Exit codes: 0 ended by Ctrl-C, 2 wrong usage, a folder that is not there, or a port that is taken.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [path = "runs", more] = args.positionals;
  if (more !== undefined) {
    throw new UsageError(`qtrain watch: expected one folder, got ${visible(more)} too`);
  }
  await needsNetwork(args.port);
  await expectFolder(path);
  const { paths } = await findRuns(path);
  const server = LiveServer.start(path, args.port);
  if (paths.size === 0) printError(`${path}: there is no run yet; those that begin will appear`);
  printError(`watching ${path}; Ctrl-C ends the server`);
  print(server.url);
  const stopped = Promise.withResolvers<void>();
  using interrupt = listenForInterrupt(() => stopped.resolve());
  if (args.open) await openBrowser(server.url, printError);
  if (!interrupt.signal.aborted) await stopped.promise;
  await server.close(`qtrain watch has ended. Start it again: ${PROGRAM} watch ${shellWord(path)}`);
  return 0;
}

/** @throws DataError when there is no folder */
async function expectFolder(path: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (error) {
    throw fileError(error, "read", path);
  }
  if (info.isDirectory) return;
  throw new DataError(`${path}: expected a run's folder, or one with runs, got a file`);
}
