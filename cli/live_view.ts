/**
 * What `qtrain watch` and `qtrain recipe.yaml --watch` share.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { shellWord } from "../lib/core/text.ts";
import { LiveThread } from "../lib/view/watch/live_thread.ts";
import { expectFreePort } from "../lib/view/watch/port.ts";
import type { Option } from "./command.ts";
import { givenArguments, PROGRAM } from "./print.ts";
import type { Progress } from "./progress.ts";

/** The port to listen on. */
export const PORT = {
  type: "integer",
  usage: "--port N",
  help: "the port of the live view (default: 6174, or a free one)",
  max: 65535,
} as const satisfies Option;

/** Starts a browser. */
export const OPEN = {
  type: "boolean",
  usage: "--open",
  help: "open the live view in the browser",
} as const satisfies Option;

/**
 * Refuses to go on without the permission to listen, and names the command that has it.
 *
 * @throws UsageError without the permission
 */
export async function needsNetwork(port: number | undefined): Promise<void> {
  const host = port === undefined ? "127.0.0.1" : `127.0.0.1:${port}`;
  const { state } = await Deno.permissions.query({ name: "net", host });
  if (state === "granted") return;
  throw new UsageError(
    "the live view: Deno has no permission to listen on 127.0.0.1. Run " +
      `${withNetwork()} ${givenArguments()}`,
  );
}

/** The live view of a run that this process trains. */
export class TrainingView implements AsyncDisposable {
  #thread: LiveThread | undefined;
  #path = "";

  private constructor(
    readonly port: number | undefined,
    readonly open: boolean,
    readonly progress: Progress,
  ) {}

  /**
   * Checks that a live view can be shown, where one is asked for. Nothing is served yet.
   *
   * @throws UsageError when it may not listen, the port is taken, or an option lacks --watch
   */
  static async prepare(
    { watch, port, open }: {
      readonly watch: boolean | undefined;
      readonly port: number | undefined;
      readonly open: boolean | undefined;
    },
    progress: Progress,
  ): Promise<TrainingView | undefined> {
    if (!watch) {
      const alone = port !== undefined ? "--port" : open ? "--open" : undefined;
      if (alone) throw new UsageError(`${alone}: expected --watch too, got ${alone} alone`);
      return undefined;
    }
    await needsNetwork(port);
    if (port !== undefined) expectFreePort(port);
    return new TrainingView(port, open ?? false, progress);
  }

  /** Shows the run of a folder, and says where. Training goes on if that fails. */
  async show(path: string): Promise<void> {
    const { progress } = this;
    try {
      this.#thread = await LiveThread.start(path, this.port);
      this.#path = path;
    } catch (error) {
      const again = `${withNetwork()} watch ${shellWord(path)}`;
      return progress.error(
        `${(error as Error).message}. Training goes on without a live view; to see it: ${again}`,
      );
    }
    progress.error(`live view: ${this.#thread.url}`);
    if (this.open) void openBrowser(this.#thread.url, (text) => progress.error(text));
  }

  /** Gives pages that are open the last state of the run. */
  async [Symbol.asyncDispose](): Promise<void> {
    const again = `${withNetwork()} watch ${shellWord(this.#path)}`;
    await this.#thread?.close(
      `The training has ended, and its live view. To follow it again: ${again}`,
    );
  }
}

/** The command that starts qtrain with this permission. */
function withNetwork(): string {
  if (PROGRAM === "deno task qtrain") return "deno task live";
  return PROGRAM.replace("deno run -RWE", "deno run -RWE --allow-net=127.0.0.1");
}

/**
 * Opens an address in the browser.
 *
 * @param note is told why it cannot
 */
export async function openBrowser(url: string, note: (text: string) => void): Promise<void> {
  const program = { darwin: "open", windows: "explorer" }[Deno.build.os as string] ?? "xdg-open";
  const failed = (why: string) => note(`cannot start a browser: ${why}. Open ${url} in yours`);
  try {
    const child = new Deno.Command(program, {
      args: [url],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    child.unref(); // It may stay as long as its browser.
    const soon = new Promise<void>((resolve) => Deno.unrefTimer(setTimeout(resolve, 1000)));
    const status = await Promise.race([child.status, soon]);
    // Windows' explorer ends with 1 whatever it did.
    if (status && status.code !== 0 && program !== "explorer") {
      failed(`${program} ended with code ${status.code}`);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      return failed(`Deno has no permission to run ${program} (--allow-run=${program})`);
    }
    if (error instanceof Deno.errors.NotFound) return failed(`there is no ${program} here`);
    failed((error as Error).message);
  }
}
