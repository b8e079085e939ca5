/**
 * How long decoders take for one JPEG or PNG image, and which of them agree: ours against those that
 * could take its place. In turns, so that a machine that slows down slows all of them; the shortest
 * time of each counts, as other work on the machine only adds.
 *
 *     QTRAIN_DATA=… deno run -A bench/decode.ts [--rounds 60] [JPEG…]
 *
 * Without files: 640×480 from `jpeg-edge-cases` and 64×64 from `tiny-imagenet-20`. The PNGs are made
 * from them.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { table } from "../cli/format.ts";
import { decodeImage } from "../lib/image/decode.ts";
import { type Decoder, encodePng, JPEG_DECODERS, PNG_DECODERS } from "./decoders.ts";

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "60" } },
  allowPositionals: true,
});
const data = Deno.env.get("QTRAIN_DATA") ?? "";
const files = positionals.length > 0 ? positionals : [
  `${data}/jpeg-edge-cases/pillow/iptc.jpg`,
  `${data}/tiny-imagenet-20/train/n01641577/images/n01641577_0.JPEG`,
];

for (const file of files) {
  const jpeg = await Deno.readFile(file);
  const { width, height, pixels } = await decodeImage(jpeg, file);
  for (
    const [kind, bytes, others] of [
      ["JPEG", jpeg, JPEG_DECODERS],
      ["PNG", encodePng(width, height, pixels), PNG_DECODERS],
    ] as const
  ) {
    console.log(`${kind}, ${width}×${height}, ${bytes.length} bytes`);
    console.log(await compared(bytes, pixels, others, Number(values.rounds)));
  }
}

async function compared(
  bytes: Uint8Array<ArrayBuffer>,
  wanted: Uint8Array,
  others: Readonly<Record<string, Decoder>>,
  rounds: number,
): Promise<string> {
  const ours: Decoder = async (bytes) => (await decodeImage(bytes, "image")).pixels;
  const decoders = Object.entries({ "lib/image": ours, ...others });
  const times = decoders.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, [, decode]] of decoders.entries()) {
      const start = performance.now();
      await decode(bytes);
      times[at]!.push(performance.now() - start);
    }
  }
  const rows = [];
  for (const [at, [name, decode]] of decoders.entries()) {
    const sorted = times[at]!.sort((a, b) => a - b);
    const apart = difference(await decode(bytes), wanted);
    rows.push([
      name,
      sorted[0]!.toFixed(2),
      sorted[sorted.length >> 1]!.toFixed(2),
      `${apart.most}`,
      `${(apart.over * 100).toFixed(2)}%`,
    ]);
  }
  return table(
    ["decoder", "ms, least", "median", "levels apart", "over 2 levels"],
    rows,
    ["left", "right", "right", "right", "right"],
  );
}

/** How far pixels of 3 or 4 bytes are from ours. */
function difference(found: ArrayLike<number>, wanted: Uint8Array): { most: number; over: number } {
  const bytes = found.length / (wanted.length / 3);
  let most = 0, over = 0;
  for (let i = 0; i < wanted.length; i++) {
    const apart = Math.abs(found[Math.floor(i / 3) * bytes + i % 3]! - wanted[i]!);
    most = Math.max(most, apart);
    if (apart > 2) over++;
  }
  return { most, over: over / wanted.length };
}
