/**
 * An executor that reads and writes parameters under their own name where their buffer is split by rows
 * into shards (`NAME.0`, `NAME.1`, …).
 *
 * @module
 */
import { joinBytes } from "../core/bytes.ts";
import type { Copies, Executor } from "./executor.ts";
import { MAX_BYTES } from "../program/shards.ts";
import { buffersOf, type Program, type Step } from "../program/program.ts";

/** Returns the executor itself if no parameter is split, else one that joins the shards. */
export function shardedExecutor(executor: Executor, program: Program): Executor {
  const split = program.parameters.filter((p) => p.parts !== undefined);
  return split.length === 0 ? executor : new ShardedExecutor(executor, program);
}

/** Returns the names of a program's buffers, of split ones both those of the shards and of the whole. */
export function bufferNames({ buffers, parameters }: Program): ReadonlySet<string> {
  const names = new Set(buffers.map((b) => b.name));
  for (const { name, parts } of parameters) {
    if (parts === undefined) continue;
    const first = `${name}.0`;
    for (const buffer of [...names]) {
      if (`${buffer}.`.startsWith(`${first}.`)) names.add(name + buffer.slice(first.length));
    }
  }
  return names;
}

class ShardedExecutor implements Executor {
  readonly device: Executor["device"];
  readonly adapter: string;
  readonly bytes: number;
  readonly idleWait: number;
  readonly memoryOf?: NonNullable<Executor["memoryOf"]>;
  /** Bytes of every buffer. */
  readonly #sizes: ReadonlyMap<string, number>;

  constructor(readonly inner: Executor, readonly program: Program) {
    ({ device: this.device, adapter: this.adapter } = inner);
    ({ bytes: this.bytes, idleWait: this.idleWait } = inner);
    // Of shards, each has its own name.
    if (inner.memoryOf) this.memoryOf = (buffer) => inner.memoryOf!(buffer);
    this.#sizes = new Map(program.buffers.map((b) => [b.name, b.bytes]));
  }

  /** Returns the names of the shards of a buffer: for `NAME.velocity`, `NAME.0.velocity` and so on. */
  #parts(name: string): string[] {
    if (this.#sizes.has(name)) return [name];
    const spec = this.program.parameters.find((p) =>
      p.parts && `${name}.`.startsWith(`${p.name}.`)
    );
    if (!spec) return [name];
    const rest = name.slice(spec.name.length);
    return buffersOf(spec).map((part) => part + rest);
  }

  write(buffer: string, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    const parts = this.#parts(buffer);
    if (parts.length === 1) return this.inner.write(buffer, data, offset);
    if (offset !== 0) throw new Error(`${buffer} is split: it must be written as a whole`);
    let at = data.byteOffset;
    for (const part of parts) {
      const bytes = this.#sizes.get(part)!;
      this.inner.write(part, new Uint8Array(data.buffer, at, bytes));
      at += bytes;
    }
  }

  ready(steps: readonly Step[]): Promise<void> {
    return this.inner.ready(steps);
  }

  /** Copied buffers are never parameters, so no shards are joined here. */
  run(...args: Parameters<Executor["run"]>): Copies {
    return this.inner.run(...args);
  }

  /** Reads in groups of at most {@linkcode MAX_BYTES}, or of one buffer. */
  async read(buffers: readonly string[]): Promise<Uint8Array<ArrayBuffer>[]> {
    const names = buffers.map((name) => this.#parts(name));
    const copies = new Map<string, Uint8Array<ArrayBuffer>>();
    let group: string[] = [], bytes = 0;
    const flush = async () => {
      const read = group.length > 0 ? await this.inner.read(group) : [];
      group.forEach((name, i) => copies.set(name, read[i]!));
      group = [];
      bytes = 0;
    };
    for (const name of names.flat()) {
      const size = this.#sizes.get(name) ?? 0;
      if (bytes + size > MAX_BYTES) await flush();
      group.push(name);
      bytes += size;
    }
    await flush();
    return names.map((parts) => {
      const all = parts.map((part) => copies.get(part)!);
      return all.length === 1 ? all[0]! : joinBytes(all);
    });
  }

  close(): void {
    this.inner.close();
  }
}
