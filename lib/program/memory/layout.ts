/**
 * Memory layout of a program's tensors: tensors that are never in use at the same time share memory.
 *
 * @module
 */
import type { Layout, Program, TensorPlacement } from "../program.ts";
import { type Lifetime, lifetimesOf } from "./lifetimes.ts";

/** Alignment of a binding's offset that suits every device. */
const ALIGNMENT = 256;
/** Maximum bytes of a region: the limit of a binding on every device. A larger tensor has its own region. */
const MAX_REGION = 128 * 2 ** 20;

interface Resident extends TensorPlacement {
  readonly name: string;
  readonly bytes: number;
  readonly lifetime: Lifetime;
}

interface Region {
  bytes: number;
  readonly residents: Resident[];
}

/** Returns whether two tensors are in use at the same time; input and output of one step are. */
export function overlap(a: Lifetime, b: Lifetime): boolean {
  return a[0] <= b[1] && b[0] <= a[1];
}

/**
 * Lays out the tensors that are only used within a step; all others have their own buffer.
 *
 * A region is a buffer. Tensors are placed largest first, each where the regions grow least, in the
 * smallest gap that is large enough. A tensor that a step reads never shares a region with one that it
 * writes. (One tensor at a time in a region is simpler and takes 8–15% more memory; this takes up to 6%
 * more than the tensors in use at the fullest step.)
 */
export function layOut(program: Program): Layout {
  const { lifetimes, cannotShare } = lifetimesOf(program);
  const regions: Region[] = [], places = new Map<string, TensorPlacement>();
  const tensors = program.buffers.filter(({ name }) => lifetimes.has(name))
    .toSorted((a, b) => b.bytes - a.bytes);
  for (const { name, bytes } of tensors) {
    const lifetime = lifetimes.get(name)!, away = cannotShare.get(name);
    let region = regions.length, offset = 0, growth = bytes;
    for (const [i, { residents, bytes: size }] of regions.entries()) {
      if (residents.some((r) => away?.has(r.name))) continue;
      const at = gap(residents.filter((r) => overlap(r.lifetime, lifetime)), bytes);
      const grows = Math.max(0, at + bytes - size);
      if (grows >= growth || (grows > 0 && at + bytes > MAX_REGION)) continue;
      [region, offset, growth] = [i, at, grows];
    }
    const found = regions[region] ??= { bytes: 0, residents: [] };
    found.bytes = Math.max(found.bytes, offset + bytes);
    found.residents.push({ name, bytes, lifetime, region, offset });
    places.set(name, { region, offset });
  }
  return { regions: regions.map(({ bytes }) => bytes), places };
}

/** Returns the offset of the smallest gap of at least `bytes` between residents, or of their end. */
function gap(residents: readonly Resident[], bytes: number): number {
  let end = 0, smallest = Infinity, found: number | undefined;
  for (const { offset, bytes: size } of residents.toSorted((a, b) => a.offset - b.offset)) {
    const free = offset - end;
    if (free >= bytes && free < smallest) [smallest, found] = [free, end];
    end = Math.max(end, Math.ceil((offset + size) / ALIGNMENT) * ALIGNMENT);
  }
  return found ?? end;
}

/**
 * Checks a layout step by step: tensors in use do not overlap, are inside their region, and are not
 * overwritten while a later step still needs them.
 *
 * @returns a line per problem; empty if the layout is correct
 */
export function verifyLayout(program: Program): string[] {
  const { lifetimes, cannotShare } = lifetimesOf(program);
  const { regions, places } = program.layout ??
    { regions: [], places: new Map<string, TensorPlacement>() };
  const problems: string[] = [];
  const tensors = program.buffers.flatMap(({ name, bytes }) => {
    const place = places.get(name);
    return place ? [{ name, bytes, ...place }] : [];
  });
  for (const [i, a] of tensors.entries()) {
    if (a.offset % ALIGNMENT !== 0) problems.push(`${a.name}: not aligned`);
    if (a.offset + a.bytes > regions[a.region]!) problems.push(`${a.name}: beyond its region`);
    const lifetime = lifetimes.get(a.name);
    if (!lifetime) problems.push(`${a.name}: lives on after a step`);
    for (const b of tensors.slice(i + 1)) {
      if (a.region !== b.region) continue;
      if (cannotShare.get(a.name)?.has(b.name)) {
        problems.push(`${a.name}, ${b.name}: read and written`);
      }
      const other = lifetimes.get(b.name);
      if (!lifetime || !other || !overlap(lifetime, other)) continue;
      if (a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes) {
        problems.push(`${a.name}, ${b.name}: in use at the same time`);
      }
    }
  }
  return problems;
}
