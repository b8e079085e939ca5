/**
 * The block of `qtrain doctor --report`: what others need to know of a machine to understand a defect
 * on it, as text that a person pastes into an issue. It names no person, host or place: paths are left
 * out, and a home folder in a message becomes `~`.
 *
 * @module
 */
import { digits } from "../lib/bench/tables.ts";
import type { KernelCheck } from "../lib/runtime/self_test/self_test.ts";
import { anonymous, type Details, type Examination, UNKNOWN } from "./examination.ts";
import { bytes } from "./format.ts";

/** A name, and texts that each begin a line. */
type Row = readonly [name: string, ...texts: string[]];

/** Columns of the names in the block, and of the texts beside them. */
const INDENT = 14, WIDTH = 82;
/** Features that decide what qtrain can do, and others that it might use one day. */
const USED = ["timestamp-query"], UNUSED = ["shader-f16", "subgroups"];

/** Names of vendors by their PCI numbers, which Deno gives. */
const VENDORS: Readonly<Record<string, string>> = {
  0x1002: "AMD",
  0x106b: "Apple",
  0x10de: "NVIDIA",
  0x13b5: "Arm",
  0x14e4: "Broadcom",
  0x1414: "Microsoft",
  0x5143: "Qualcomm",
  0x8086: "Intel",
  0x10005: "Mesa",
};

/** Formats what was found as a block of Markdown. */
export function reportBlock(found: Examination, details: Details): string {
  const { versions: v, adapters, tileFile, checks, cpu, cpuChecks, problems } = found;
  const set = Object.entries(details.variables).map(([name, value]) =>
    value === UNKNOWN ? `${name} unknown` : `${name}=${value}`
  );
  const rows: Row[] = [
    ["qtrain", v.qtrain!],
    ["runtime", `Deno ${v.deno}, V8 ${v.v8}`],
    ["system", `${v.os} ${v.arch}, release ${details.osRelease}`],
  ];
  if (adapters.length === 0) {
    rows.push(["adapter", "none: no Vulkan, Metal or Direct3D 12 driver was found"]);
  }
  for (const [i, adapter] of adapters.entries()) {
    rows.push(...adapterRows(adapter));
    if (i > 0) continue; // What follows was measured on the first.
    rows.push(
      ["backend", details.backend],
      ["dot products", ...dotProducts(found.dots, details)],
      ["self-test", ...selfTest(checks)],
      [
        "tiles",
        tileFile === undefined ? "not remembered: no cache folder" : `${adapter.tiles} tuned`,
      ],
    );
  }
  rows.push(
    [
      "CPU",
      `${details.processor}, ${cpu.threads} threads on ${cpu.cores} cores`,
      `SIMD ${yes(cpu.simd)}, shared memory ${yes(cpu.sharedMemory)}`,
    ],
    ["self-test", ...selfTest(cpuChecks)],
    ["variables", set.join(", ") || "none"],
    ["problems", ...(problems.length === 0 ? ["none"] : problems)],
  );
  return ["```text", ...rows.flatMap(lines), "```"].map(anonymous).join("\n");
}

function adapterRows(adapter: Examination["adapters"][number]): Row[] {
  const { name, software, vendor, architecture, device, features, limits, packedDot } = adapter;
  const number = Number(vendor), known = VENDORS[vendor];
  const hex = Number.isInteger(number) ? `0x${number.toString(16)}` : vendor;
  const has = (feature: string) => `${feature} ${yes(features.includes(feature))}`;
  return [
    [
      "adapter",
      `${name}, ${software ? "software" : "hardware"}`,
      `vendor ${hex || UNKNOWN}${known ? ` (${known})` : ""}, architecture ${
        architecture || UNKNOWN
      }, device ${device || UNKNOWN}`,
    ],
    ["driver", "WebGPU does not tell; please add its version"],
    [
      "features",
      `used: ${USED.map(has).join(", ")}, packed_4x8_integer_dot_product ${yes(packedDot)}`,
      `not used: ${UNUSED.map(has).join(", ")}`,
    ],
    [
      "limits",
      ...Object.entries(limits).map(([limit, { value, base, unit }]) => {
        const text = (n: number) => unit === "bytes" ? bytes(n) : String(n);
        return `${limit} ${text(value)} (needed: ${text(base)})`;
      }),
    ],
  ];
}

/** Whether each way of dot products is right, the default first, and its rate beside that of float32. */
function dotProducts(
  dots: Examination["dots"],
  { peakRates, notMeasured }: Details,
): string[] {
  const first = dotWords(dots) || UNKNOWN;
  if (!peakRates) return [first, `not measured: ${notMeasured}`];
  const { float32, copy } = peakRates;
  const rates = Object.entries(peakRates.dots ?? {}).map(([dot, { max }]) =>
    `${dot} ${digits(max)} GOP/s, ${(max / float32.max).toFixed(1)} × float32`
  );
  const others = `float32 ${digits(float32.max)} GOP/s, copy ${digits(copy.max)} GB/s`;
  return [first, ...rates, others];
}

/** The checks of kernels in short: their number, and those that are not equal. */
function selfTest(checks: readonly KernelCheck[]): string[] {
  if (checks.length === 0) return ["not run"];
  const named = (result: KernelCheck["result"]) =>
    checks.filter((check) => check.result === result)
      .map((check) => `${check.kernel} ${check.arithmetic} (${difference(check)})`);
  const [wrong, close] = [named("wrong"), named("close")];
  const equal = checks.length - wrong.length - close.length;
  return [
    equal === checks.length ? `all ${equal} equal` : `${equal} of ${checks.length} equal`,
    ...(wrong.length > 0 ? [`WRONG: ${wrong.join(", ")}`] : []),
    ...(close.length > 0 ? [`close: ${close.join(", ")}`] : []),
  ];
}

/** The ways of dot products with what their test says, e.g. `native WRONG, unsigned by default, emulated`. */
export function dotWords(dots: Examination["dots"]): string {
  const used = Object.keys(dots).find((dot) => dots[dot]);
  return Object.entries(dots).map(([dot, isRight]) =>
    dot === used ? `${dot} by default` : isRight ? dot : `${dot} WRONG`
  ).join(", ");
}

/** How far a kernel is off its reference, in words. */
export function difference({ type, largest }: KernelCheck): string {
  switch (type) {
    case "codes":
      return `off by ${largest === 1 ? "one code" : `${largest} codes`}`;
    case "integers":
      return `off by ${largest} (of an extreme: its last place)`;
    case "floats":
      return `off by ${largest.toExponential(1)} of the largest value`;
  }
}

const yes = (value: boolean) => value ? "yes" : "NO";

/** Breaks the texts of a row between words, and indents all lines but the first. */
function lines([name, ...texts]: Row): string[] {
  const broken = texts.flatMap((text) => {
    const all = [""];
    for (const word of text.split(/\s+/)) {
      const longer = `${all.at(-1)} ${word}`.trimStart();
      if (longer.length <= WIDTH) all[all.length - 1] = longer;
      else all.push(word);
    }
    return all;
  });
  return broken.map((line, i) => (i === 0 ? name : "").padEnd(INDENT) + line);
}
