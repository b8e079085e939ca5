/**
 * The thread that owns MPI. It starts each exchange at once, beside those under way, and looks after
 * them between short sleeps, so that it does not take a core from the threads that compute.
 *
 * @module
 */
import { type MessagePort as NodePort, receiveMessageOnPort } from "node:worker_threads";
import type { RankFailure } from "../ranks.ts";
import { Mpi } from "./bindings.ts";
import {
  allGather,
  allToAll,
  Barrier,
  type Exchange,
  Gather,
  NOTE_TAG,
  Transfer,
} from "./exchange.ts";
import { type Answer, bytesAt, type Job, type Refusal, type Start } from "./messages.ts";
import { MAX_NOTE, type Note, readNote, writeNote } from "./note.ts";

/** Sleep between two looks, in milliseconds: grows with the time that nothing happened. */
const MIN_SLEEP = 0.02, MAX_SLEEP = 0.5, SLEEP_SHARE = 1 / 8;

/** The same when nothing has happened for long, as while another rank evaluates. */
const MAX_LONG_SLEEP = 2, LONG_SLEEP_SHARE = 1 / 1000;

/** Sleep while nothing is under way, in milliseconds. A job wakes the thread. */
const IDLE_SLEEP = 20;

/** Maximum wait for the others to take note of a failure, in milliseconds. */
const MAX_NOTE_WAIT = 3000;

/** Maximum wait for the others to leave after a failure, in milliseconds. */
const MAX_LEAVE_WAIT = 10_000;

/** How long the other ranks let rank 0 end all, in milliseconds. */
const MAX_END_WAIT = 2000;

/** A job under way, or notes to the others with none. */
interface Running {
  readonly exchange: Exchange;
  readonly done: (() => void) | undefined;
  /** When to give up, by the clock of `performance`. */
  readonly deadline: number | undefined;
}

const thread = self as unknown as Worker;

class MpiThread {
  readonly #mpi: Mpi;
  readonly #rank: number;
  readonly #size: number;
  readonly #jobs: NodePort;
  readonly #bell: Int32Array<SharedArrayBuffer>;
  readonly #note = new Uint8Array(new ArrayBuffer(MAX_NOTE));
  readonly #gone = new Set<number>();
  /** Exchanges that a failure ended. MPI may still use their memory, so it stays. */
  readonly #abandoned: Running[] = [];
  #running: Running[] = [];
  #failure: Required<Note> | undefined;
  /** MPI fails after a failure. */
  #broken = false;
  /** Exchanges so far. */
  readonly #turns = { gather: 0, allToAll: 0, allGather: 0 };
  /** When something last happened. */
  #active = performance.now();
  #closing: "no" | "asked" | "waiting" = "no";
  #ended = false;

  constructor(mpi: Mpi, { jobs, bell }: Start) {
    this.#mpi = mpi;
    this.#rank = mpi.rank;
    this.#size = mpi.size;
    this.#jobs = jobs as unknown as NodePort;
    this.#bell = bell;
  }

  /** Works until the ranks leave. */
  run(): void {
    const { host, cores, version } = this.#mpi;
    say({ kind: "ready", rank: this.#rank, size: this.#size, host, cores, version });
    while (!this.#ended) {
      const rung = Atomics.load(this.#bell, 0);
      this.#guard(() => this.#look());
      if (!this.#ended) Atomics.wait(this.#bell, 0, rung, this.#sleep());
    }
  }

  #look(): void {
    for (let job = this.#receive(); job; job = this.#receive()) this.#start(job);
    if (this.#broken) return this.#endBroken();
    while (this.#mpi.take(this.#note, NOTE_TAG)) this.#hear(readNote(this.#note));
    for (const running of this.#running) this.#step(running);
    if (this.#closing === "asked" && this.#running.length === 0) this.#close();
  }

  #receive(): Job | undefined {
    return receiveMessageOnPort(this.#jobs)?.message;
  }

  #start(job: Job): void {
    this.#active = performance.now();
    if (job.kind === "close") this.#closing = "asked";
    else if (this.#broken) return;
    else if (job.kind === "fail") this.#fail(job.id, job.failure);
    else if (!this.#failure) this.#exchange(job);
  }

  #exchange(job: Extract<Job, { kind: "gather" | "allToAll" | "allGather" }>): void {
    const mpi = this.#mpi, place = { rank: this.#rank, size: this.#size };
    const { kind, id } = job, turn = this.#turns[kind]++;
    if (kind === "gather") {
      const exchange = new Gather(mpi, place, turn, bytesAt(job.bytes));
      this.#run(exchange, () => say({ kind: "done", id, given: exchange.given }));
      return;
    }
    const parts = job.parts.map(bytesAt);
    const exchange = kind === "allToAll"
      ? allToAll(mpi, place, turn, parts, job.into.map(bytesAt))
      : allGather(mpi, place, turn, parts);
    this.#run(exchange, () => say({ kind: "done", id }));
  }

  #run(exchange: Exchange, done?: () => void, wait?: number): void {
    const deadline = wait === undefined ? wait : performance.now() + wait;
    this.#running.push({ exchange, done, deadline });
  }

  #step(running: Running): void {
    const { exchange, done, deadline } = running;
    const isDone = exchange.step(), late = !isDone && performance.now() > deadline!;
    if (!isDone && !late) return;
    if (late) this.#abandoned.push(running);
    this.#running = this.#running.filter((other) => other !== running);
    this.#active = performance.now();
    done?.();
  }

  /** This rank cannot go on. */
  #fail(id: number, failure: RankFailure): void {
    const note = { rank: this.#rank, failure };
    this.#end(note);
    this.#tell(note, () => say({ kind: "done", id }), MAX_NOTE_WAIT);
  }

  #hear({ rank, failure }: Note): void {
    this.#active = performance.now();
    if (failure) this.#end({ rank, failure });
    else this.#gone.add(rank);
  }

  /** Gives up all exchanges, the first time that a rank fails. */
  #end(note: Required<Note>): void {
    if (this.#failure) return;
    this.#failure = note;
    this.#abandoned.push(...this.#running);
    this.#running = [];
    if (this.#closing === "waiting") this.#closing = "asked";
    say({ kind: "failed", note });
  }

  #tell(note: Note, done: () => void, wait: number): void {
    const bytes = writeNote(note);
    const send = [...Array(this.#size).keys()].filter((rank) => rank !== this.#rank)
      .map((rank) => ({ rank, bytes }));
    this.#run(new Transfer(this.#mpi, NOTE_TAG, [], send), done, wait);
  }

  #close(): void {
    this.#closing = "waiting";
    // One rank alone has nothing under way.
    if (!this.#failure || this.#size === 1) {
      this.#run(new Barrier(this.#mpi), () => {
        this.#mpi.finalize();
        this.#ended = true;
      });
      return;
    }
    const { code } = this.#failure.failure;
    const left = { step: () => this.#gone.size === this.#size - 1 };
    const abort = () => this.#mpi.abort(code);
    // Rank 0 ends all; the others do if it does not.
    const end = () => this.#rank === 0 ? abort() : this.#run(NEVER, abort, MAX_END_WAIT);
    this.#tell({ rank: this.#rank }, () => this.#run(left, end, MAX_LEAVE_WAIT), MAX_NOTE_WAIT);
  }

  #sleep(): number {
    if (this.#running.length === 0) return IDLE_SLEEP;
    const quiet = performance.now() - this.#active;
    const short = Math.min(MAX_SLEEP, quiet * SLEEP_SHARE);
    return Math.max(MIN_SLEEP, short, Math.min(MAX_LONG_SLEEP, quiet * LONG_SLEEP_SHARE));
  }

  /** What MPI cannot do is this rank's failure. If it cannot even tell it to the others, MPI rests. */
  #guard(work: () => void): void {
    try {
      work();
      return;
    } catch (error) {
      if (this.#failure) {
        this.#broken = true;
        return;
      }
      const message = `${this.#mpi.version}: ${(error as Error).message}`;
      this.#end({ rank: this.#rank, failure: { message, code: 1 } });
    }
    this.#guard(() => this.#tell(this.#failure!, () => {}, MAX_NOTE_WAIT));
  }

  /** Ends all when this rank has said what it has to. */
  #endBroken(): void {
    const wait = performance.now() - this.#active;
    if (this.#closing !== "no" || wait > MAX_LEAVE_WAIT) {
      this.#mpi.abort(this.#failure!.failure.code);
    }
  }
}

const NEVER: Exchange = { step: () => false };

/** Loads the first library that is there. @returns it, or why there is none */
function load(libraries: readonly string[]): Mpi | { reason: Refusal; messages: string[] } {
  const messages: string[] = [];
  for (const path of libraries) {
    try {
      return new Mpi(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) {
        return { reason: "no permission", messages: [error.message] };
      }
      messages.push((error as Error).message);
    }
  }
  return { reason: "no library", messages };
}

function say(answer: Answer): void {
  const given = answer.kind === "done" ? answer.given : undefined;
  thread.postMessage(answer, given?.map(({ buffer }) => buffer) ?? []);
}

thread.onmessage = ({ data }: MessageEvent<Start>) => {
  const mpi = load(data.libraries);
  if (!(mpi instanceof Mpi)) return say({ kind: "refused", ...mpi });
  try {
    mpi.init();
  } catch (error) {
    const messages = [(error as Error).message];
    return say({ kind: "refused", reason: "failed", messages });
  }
  new MpiThread(mpi, data).run();
  say({ kind: "closed" });
  close();
};
