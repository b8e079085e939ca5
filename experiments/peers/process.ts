/**
 * Controls the process of a peer; `serve.ts` has the protocol.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import type { Peer } from "./peers.ts";

/** The first answer of a peer. */
export interface Ready {
  readonly version: string;
  /** What computes: the name of a GPU adapter, or how it uses the CPU. */
  readonly device: string;
  /** Threads that compute; `null` on a hardware GPU. */
  readonly threads: number | null;
  /** Losses of the warm-up. */
  readonly losses: readonly number[];
  /** Milliseconds of the last step of the warm-up. */
  readonly ms: number;
}

/** Milliseconds of all steps of a round, and the loss of the last one. */
interface RoundResult {
  readonly ms: number;
  readonly loss: number;
}

/** Maximum seconds until a peer is ready: a step of the slowest takes a minute or more. */
const MAX_START_S = 300;

/** A failure of one peer; the others continue. */
export class PeerError extends Error {}

/** A running peer. It is idle between rounds. */
export class PeerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #stderrRead: Promise<void>;
  #lastError = "";

  private constructor(command: Deno.Command) {
    this.#child = command.spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#lines = lines(this.#child.stdout).getReader();
    this.#stderrRead = this.#readStderr();
  }

  /**
   * Starts a peer and waits until it is ready.
   *
   * @param threads of the CPU, also of a software GPU
   * @param limit maximum seconds until it is ready; then it is killed
   * @throws PeerError if it cannot start: no interpreter, package or adapter, or it cannot train this
   */
  static async start(
    peer: Peer,
    file: string,
    threads: number,
    limit = MAX_START_S,
  ): Promise<[PeerProcess, Ready]> {
    const [program, args] = await commandOf(peer, file, threads);
    let process: PeerProcess;
    try {
      process = new PeerProcess(
        new Deno.Command(program, {
          args,
          // llvmpipe reads its number of threads there.
          env: { NO_COLOR: "1", LP_NUM_THREADS: `${threads}` },
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        }),
      );
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) throw new PeerError(`${program} not found`);
      throw error;
    }
    try {
      return [process, await process.#within(limit, "not ready") as Ready];
    } catch (error) {
      await process.stop();
      throw error;
    }
  }

  /**
   * Runs steps and waits for them.
   *
   * @param limit maximum seconds; then the process is killed. Default: none
   * @throws PeerError if the process has failed
   */
  async round(steps: number, limit = Infinity): Promise<RoundResult> {
    await this.#input.write(new TextEncoder().encode(`round ${steps}\n`)).catch(() => {});
    return await this.#within(limit, "no answer") as RoundResult;
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#lines.cancel().catch(() => {});
    await this.#child.status;
  }

  /** Reads an answer; kills the process after some seconds without one. */
  async #within(limit: number, problem: string): Promise<object> {
    let late = false;
    const kill = () => {
      late = true;
      this.#child.kill("SIGKILL");
    };
    const timer = limit < Infinity ? setTimeout(kill, 1000 * limit) : undefined;
    try {
      return await this.#answer();
    } catch (error) {
      throw late ? new PeerError(`${problem} after ${limit} s`) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #answer(): Promise<object> {
    const { value: line } = await this.#lines.read();
    if (line === undefined) {
      const { code } = await this.#child.status;
      await this.#stderrRead;
      throw new PeerError(`ended with code ${code}: ${this.#lastError || "no message"}`);
    }
    const found = JSON.parse(line);
    if ("problem" in found) throw new PeerError(found.problem.split("\n")[0]);
    return found;
  }

  /** Keeps the last line of stderr that begins like an error, else the last line. */
  async #readStderr(): Promise<void> {
    let named = false;
    for await (const line of lines(this.#child.stderr)) {
      const error = /^\w*error\b/i.test(line);
      if (line.trim() && (error || !named)) this.#lastError = line.trim();
      named ||= error;
    }
  }
}

function lines(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<string> {
  return bytes.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
}

/** Returns the program and the arguments to run a peer. @throws PeerError if there is no such program */
async function commandOf(
  { script, args }: Peer,
  file: string,
  threads: number,
): Promise<[string, string[]]> {
  const own = [`${import.meta.dirname}/${script}`, file, `${threads}`, ...args];
  if (script.endsWith(".py")) return [await pythonWithTorch(), own];
  // Without the lock, as the peers' packages are not dependencies of the project.
  const options = ["--no-prompt", "--no-lock", "--no-check", "--quiet"];
  const allowed = ["--allow-read", "--allow-env", "--allow-sys"];
  return [Deno.execPath(), ["run", ...options, ...allowed, ...own]];
}

/** Finds a Python with PyTorch: one of the PATH, or the system's, where Debian's package is. */
async function pythonWithTorch(): Promise<string> {
  for (const program of ["python3", "/usr/bin/python3", "python"]) {
    try {
      const command = new Deno.Command(program, {
        args: ["-c", "import torch"],
        stdout: "null",
        stderr: "null",
      });
      if ((await command.output()).success) return program;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new PeerError("no python3 can import torch. Run apt-get install python3-torch");
}
