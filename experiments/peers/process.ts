/**
 * A peer of the comparison as a process of its own, from outside; `serve.ts` has the protocol.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import { commandOf, type Peer } from "./peers.ts";

/** What a peer says when it is ready. */
export interface Ready {
  readonly version: string;
  readonly adapter: string;
  /** Of the first steps. */
  readonly losses: readonly number[];
}

/** What a round gave: milliseconds of all its steps together, and the loss of the last one. */
export interface RoundResult {
  readonly ms: number;
  readonly loss: number;
}

/** Why a peer cannot go on; the others can. */
export class PeerError extends Error {}

/** A peer that runs. Idle but while it is asked. */
export class PeerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #heard: Promise<void>;
  #complaint = "";

  private constructor(command: Deno.Command) {
    this.#child = command.spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#lines = lines(this.#child.stdout).getReader();
    this.#heard = this.#listen();
  }

  /**
   * Starts a peer and waits until it is ready.
   *
   * @throws PeerError when it cannot: no interpreter, no package, no adapter
   */
  static async start(peer: Peer, file: string): Promise<[PeerProcess, Ready]> {
    const [program, args] = commandOf(peer, file);
    let process: PeerProcess;
    try {
      process = new PeerProcess(
        new Deno.Command(program, {
          args,
          env: { NO_COLOR: "1" },
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
      return [process, await process.#answer() as Ready];
    } catch (error) {
      await process.stop();
      throw error;
    }
  }

  /**
   * Runs steps and waits for them.
   *
   * @throws PeerError when the process has failed
   */
  async round(steps: number): Promise<RoundResult> {
    await this.#input.write(new TextEncoder().encode(`round ${steps}\n`)).catch(() => {});
    return await this.#answer() as RoundResult;
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#lines.cancel().catch(() => {});
    await this.#child.status;
  }

  async #answer(): Promise<object> {
    const { value: line } = await this.#lines.read();
    if (line === undefined) {
      const { code } = await this.#child.status;
      await this.#heard;
      throw new PeerError(`ended with code ${code}: ${this.#complaint || "without a word"}`);
    }
    const found = JSON.parse(line);
    if ("problem" in found) throw new PeerError(found.problem.split("\n")[0]);
    return found;
  }

  /** Keeps the last complaint that calls itself an error, else the last line. */
  async #listen(): Promise<void> {
    let named = false;
    for await (const line of lines(this.#child.stderr)) {
      const error = /^\w*error\b/i.test(line);
      if (line.trim() && (error || !named)) this.#complaint = line.trim();
      named ||= error;
    }
  }
}

function lines(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<string> {
  return bytes.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
}
