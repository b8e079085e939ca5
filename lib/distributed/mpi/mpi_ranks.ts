/**
 * Ranks that MPI starts and connects. MPI runs in a thread of its own; it takes the bytes of exchanges
 * from shared memory, where they are.
 *
 * @module
 */
import { DeviceError, type QtrainError, UsageError } from "../../core/errors.ts";
import { RankError, type RankFailure, type Ranks, type SharedBytes } from "../ranks.ts";
import { type Launcher, launcherOf } from "./library.ts";
import { type Answer, type Job, rangeOf, type Start } from "./messages.ts";

/** How {@linkcode openMpi} starts. */
export interface MpiOptions {
  /** Maximum wait for all ranks to start, in seconds; 120 by default. */
  readonly timeoutSeconds?: number;
}

/** How long {@linkcode Ranks.fail} waits for the thread, in milliseconds. */
const MAX_FAIL_WAIT = 4000;

/**
 * Starts MPI in this process, which `mpirun`, `srun` or the like has started with others; alone, it is one
 * rank. Reads QTRAIN_MPI (the library's path) and the launcher's variables; needs `--allow-ffi`.
 *
 * @throws {UsageError} if a permission is missing, or the library is not the launcher's
 * @throws {DeviceError} if there is no MPI library or it does not start in time; then MPI's thread may
 *     never end, and only leaving the process ends it
 */
export async function openMpi({ timeoutSeconds = 120 }: MpiOptions = {}): Promise<Ranks> {
  const launcher = launcherOf((name) => Deno.env.get(name));
  const { port1, port2 } = new MessageChannel();
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL("./mpi_thread.ts", import.meta.url), { type: "module" });
  const thread = new Thread(worker, port1, bell);
  worker.postMessage(
    { libraries: launcher.libraries, jobs: port2, bell } satisfies Start,
    [port2],
  );
  const ready = await inTime(thread.ready, timeoutSeconds, launcher);
  if (ready.kind === "refused") {
    thread.end();
    throw refused(ready, launcher);
  }
  const { size, version } = ready, started = launcher.size ?? 1;
  if (size === 1 && started > 1) {
    await thread.close();
    throw new UsageError(
      `${version} sees one rank, but the launcher has started ${started}: the library belongs to ` +
        "another MPI than the launcher. Launch with its own mpirun, or name the launcher's library " +
        "with QTRAIN_MPI=path",
    );
  }
  const engine = launcher.size || size > 1 ? version : `${version} without a launcher`;
  try {
    return new MpiRanks(thread, ready, engine, await neighbours(thread, ready));
  } catch (error) { // Another rank has failed already.
    await thread.close();
    throw error;
  }
}

/** Counts the ranks that run where this one does. */
async function neighbours(thread: Thread, { host, cores }: Ready): Promise<Neighbours> {
  const all = await thread.gather(new TextEncoder().encode(JSON.stringify([host, cores])));
  const places: string[][] = all.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)));
  const onHost = places.filter(([name]) => name === host);
  return { onHost: onHost.length, onCores: onHost.filter(([, mask]) => mask === cores).length };
}

type Neighbours = Pick<Ranks, "onHost" | "onCores">;
type Ready = Extract<Answer, { kind: "ready" }>;
type Refused = Extract<Answer, { kind: "refused" }>;

class MpiRanks implements Ranks {
  readonly rank: number;
  readonly size: number;
  readonly onHost: number;
  readonly onCores: number;
  readonly #thread: Thread;

  constructor(
    thread: Thread,
    { rank, size }: Ready,
    readonly engine: string,
    { onHost, onCores }: Neighbours,
  ) {
    this.#thread = thread;
    this.rank = rank;
    this.size = size;
    this.onHost = onHost;
    this.onCores = onCores;
  }

  gather(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>[]> {
    return this.#thread.gather(bytes);
  }

  async allToAll(parts: readonly SharedBytes[], into: readonly SharedBytes[]): Promise<void> {
    const job = { kind: "allToAll", parts: parts.map(rangeOf), into: into.map(rangeOf) } as const;
    await this.#thread.run(job);
  }

  async allGather(parts: readonly SharedBytes[]): Promise<void> {
    await this.#thread.run({ kind: "allGather", parts: parts.map(rangeOf) });
  }

  fail(failure: RankFailure): Promise<void> {
    return this.#thread.fail(failure);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

/** A job that is under way. */
interface Waiting {
  readonly resolve: (given: Uint8Array<ArrayBuffer>[]) => void;
  readonly reject: (error: Error) => void;
  /** A failure of a rank does not end it. */
  readonly stays: boolean;
}

/** A job without its number. */
type Work = Job extends infer J ? J extends Job ? Omit<J, "id"> : never : never;

/** The main thread's side of the thread of MPI. */
class Thread {
  readonly ready: Promise<Ready | Refused>;
  readonly #worker: Worker;
  readonly #jobs: MessagePort;
  readonly #bell: Int32Array<SharedArrayBuffer>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed = Promise.withResolvers<void>();
  #started = (_answer: Ready | Refused) => {};
  #rank = 0;
  #failed: RankError | undefined;
  #next = 0;

  constructor(worker: Worker, jobs: MessagePort, bell: Int32Array<SharedArrayBuffer>) {
    this.#worker = worker;
    this.#jobs = jobs;
    this.#bell = bell;
    this.ready = new Promise((resolve) => this.#started = resolve);
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#crash(event.message.replace(/^Uncaught (\w+: )?/, ""));
    };
  }

  gather(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>[]> {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    return this.run({ kind: "gather", bytes: rangeOf(shared) });
  }

  run(work: Work, stays = false): Promise<Uint8Array<ArrayBuffer>[]> {
    if (this.#failed && !stays) return Promise.reject(this.#failed);
    const id = this.#next++;
    const done = new Promise<Uint8Array<ArrayBuffer>[]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, stays });
    });
    this.#jobs.postMessage({ ...work, id } satisfies Job);
    Atomics.add(this.#bell, 0, 1);
    Atomics.notify(this.#bell, 0);
    return done;
  }

  async fail(failure: RankFailure): Promise<void> {
    const told = this.run({ kind: "fail", failure }, true).catch(() => {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, MAX_FAIL_WAIT));
    await Promise.race([told, this.#closed.promise, late]);
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    void this.run({ kind: "close" }, true).catch(() => {});
    await this.#closed.promise;
  }

  /** Ends the thread, if it has not started MPI or MPI has ended. */
  end(): void {
    this.#jobs.close();
    this.#worker.terminate();
    this.#closed.resolve();
  }

  #hear(answer: Answer): void {
    if (answer.kind === "ready") this.#rank = answer.rank;
    if (answer.kind === "ready" || answer.kind === "refused") this.#started(answer);
    else if (answer.kind === "failed") {
      const { rank, failure } = answer.note;
      this.#fail(new RankError(rank, failure));
    } else if (answer.kind === "closed") this.end();
    else {
      this.#waiting.get(answer.id)?.resolve(answer.given ?? []);
      this.#waiting.delete(answer.id);
    }
  }

  #fail(error: RankError): void {
    this.#failed ??= error;
    for (const [id, { reject, stays }] of this.#waiting) {
      if (stays) continue;
      this.#waiting.delete(id);
      reject(this.#failed);
    }
  }

  /** The thread has an error that it did not expect: nothing more comes from it. */
  #crash(what: string): void {
    this.#started({ kind: "refused", reason: "failed", messages: [what] });
    this.#fail(
      new RankError(this.#rank, { message: `the thread of MPI failed: ${what}`, code: 1 }),
    );
    this.end();
  }
}

/** Waits for MPI to start. */
async function inTime<T>(ready: Promise<T>, seconds: number, { size }: Launcher): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const ranks = size === undefined ? "" : ` of the ${size} ranks`;
    timer = setTimeout(() =>
      reject(
        new DeviceError(
          `MPI has not started within ${seconds} s: some${ranks} may not have started, or cannot reach ` +
            "the others. Check the launcher's hosts and firewalls, and that all ranks start qtrain " +
            "with --mpi and with one MPI library",
        ),
      ), seconds * 1000);
  });
  try {
    return await Promise.race([ready, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The error for MPI that does not start. */
function refused({ reason, messages }: Refused, { libraries }: Launcher): QtrainError {
  if (reason === "no permission") {
    return new UsageError(
      "MPI's library needs a permission that Deno has not given: run with --allow-ffi",
    );
  }
  if (reason === "failed") return new DeviceError(`MPI does not start: ${messages.join("; ")}`);
  if (libraries.length === 1) {
    return new DeviceError(
      `QTRAIN_MPI: expected the path of an MPI library, got ${libraries[0]}: ${messages[0]}`,
    );
  }
  const broken = messages.filter((message) => !/no such file|not found/i.test(message));
  const why = broken.length > 0 ? ` (${broken.join("; ")})` : "";
  return new DeviceError(
    `no MPI library was found among ${
      libraries.join(", ")
    }${why}. Install one (Debian: apt install ` +
      "openmpi-bin libopenmpi3, or mpich; macOS: brew install open-mpi), or name it with QTRAIN_MPI=path",
  );
}
