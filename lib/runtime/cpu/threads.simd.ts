// How threads share the parts of a phase. One thread leads: it publishes a phase, takes parts of it like
// the others, and returns when all parts are done. A follower that is late costs nothing: nobody waits
// for a thread that has taken no part.
import { runPart } from "../../../kernels/run_part.simd";

// Words that threads share, each on a cache line of its own.
/** i64: the number of the phase in the upper half, the next part in the lower. */
const TICKET: usize = 64;
/** The phase: its number, then what to run. Written before the ticket. */
const PHASE: usize = 128;
/** Parts that are done. */
const DONE: usize = 192;
/** Followers that sleep. */
const ASLEEP: usize = 256;
/** 1 after a follower has failed. */
const FAILED: usize = 320;
/** 1 after the executor is closed. */
const STOPPED: usize = 384;

@unmanaged
class Phase {
  number: i32;
  parts: i32;
  kernel: i32;
  record: usize;
  phase: i32;
}

/**
 * Loads of a word before a thread sleeps, about 50 µs: between two steps that threads share there may be
 * some that the leader runs alone. A barrier costs 39 µs if threads sleep, 0.4 µs while they look; with
 * 2,000 loads a step of cnn took 4% longer.
 */
const SPINS: i32 = 20_000;

/** Nanoseconds after which a sleeping leader looks whether a follower has failed. */
const CHECK_NS: i64 = 50_000_000;

/** Nanoseconds after which a sleeping follower looks whether the executor is closed, if nothing wakes it. */
const STOP_NS: i64 = 1_000_000_000;

/** Runs the parts of a phase, with the followers. Returns whether all went well. */
export function lead(
  kernel: i32,
  record: usize,
  phase: i32,
  parts: i32,
  scratch: usize,
  threads: i32,
): bool {
  if (parts == 1 || threads == 1) {
    for (let part: i32 = 0; part < parts; part++) {
      runPart(kernel, record, phase, part, parts, scratch);
    }
    return true;
  }
  const shared = changetype<Phase>(PHASE), number = shared.number + 1;
  // First: whoever reads a new field below then also reads a new number.
  atomic.store<i32>(PHASE, number);
  atomic.store<i32>(PHASE, parts, offsetof<Phase>("parts"));
  atomic.store<i32>(PHASE, kernel, offsetof<Phase>("kernel"));
  atomic.store<usize>(PHASE, record, offsetof<Phase>("record"));
  atomic.store<i32>(PHASE, phase, offsetof<Phase>("phase"));
  atomic.store<i32>(DONE, 0);
  atomic.store<i64>(TICKET, (<i64>number) << 32);
  if (atomic.load<i32>(ASLEEP) > 0) atomic.notify(PHASE, parts - 1);
  while (takePart(scratch)) {}
  let spins = SPINS;
  while (true) {
    const done = atomic.load<i32>(DONE);
    if (done == parts) return true;
    if (atomic.load<i32>(FAILED)) return false;
    if (spins > 0) spins--;
    else atomic.wait<i32>(DONE, done, CHECK_NS);
  }
}

/** Takes parts until the executor is closed. */
export function follow(scratch: usize): void {
  let seen: i32 = 0;
  while (true) {
    let spins = SPINS;
    while (current() == seen && spins > 0) spins--;
    if (current() == seen) {
      if (atomic.load<i32>(STOPPED)) return;
      atomic.add<i32>(ASLEEP, 1);
      atomic.wait<i32>(PHASE, seen, STOP_NS);
      atomic.sub<i32>(ASLEEP, 1);
      continue;
    }
    seen = current();
    while (takePart(scratch)) {}
  }
}

/** Ends the followers. A worker that sleeps here does not see that it is terminated. */
export function stop(): void {
  atomic.store<i32>(STOPPED, 1);
  atomic.notify(PHASE, -1);
}

/** Tells the leader that this thread has failed. */
export function fail(): void {
  atomic.store<i32>(FAILED, 1);
  atomic.notify(DONE, 1);
}

/** The number of the phase whose parts can be taken. */
@inline
function current(): i32 {
  return <i32>(atomic.load<i64>(TICKET) >> 32);
}

/** Takes a part and runs it. Returns whether there was one. */
function takePart(scratch: usize): bool {
  const ticket = atomic.add<i64>(TICKET, 1), part = <i32>ticket;
  const parts = atomic.load<i32>(PHASE, offsetof<Phase>("parts"));
  const kernel = atomic.load<i32>(PHASE, offsetof<Phase>("kernel"));
  const record = atomic.load<usize>(PHASE, offsetof<Phase>("record"));
  const phase = atomic.load<i32>(PHASE, offsetof<Phase>("phase"));
  // The fields are of the ticket's phase, or the part is none: the leader waits for each part taken.
  if (part >= parts || atomic.load<i32>(PHASE) != <i32>(ticket >> 32)) return false;
  runPart(kernel, record, phase, part, parts, scratch);
  if (atomic.add<i32>(DONE, 1) + 1 == parts) atomic.notify(DONE, 1);
  return true;
}
