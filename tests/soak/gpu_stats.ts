/**
 * Writes every shader that the zoo needs on a hardware GPU, as files KERNEL-TILE-FLAGS.wgsl, for tools
 * that compile WGSL and count registers, spills and instructions.
 *
 *     deno run -A tests/soak/gpu_stats.ts FOLDER
 *
 * @module
 */
import { everyShader, zooPrograms } from "../support/shaders.ts";
import { HARDWARE } from "../support/tiles.ts";

const folder = Deno.args[0];
if (folder === undefined) throw new Error("usage: deno run -A tests/soak/gpu_stats.ts FOLDER");
await Deno.mkdir(folder, { recursive: true });
const times = new Map<string, number>();
for (const { name, code } of everyShader(zooPrograms(), [HARDWARE])) {
  const n = (times.get(name) ?? 0) + 1;
  times.set(name, n);
  await Deno.writeTextFile(`${folder}/${name}${n === 1 ? "" : `-${n}`}.wgsl`, code);
}
console.log(`${[...times.values()].reduce((a, b) => a + b, 0)} shaders in ${folder}`);
