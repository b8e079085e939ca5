/**
 * `deno task simd`: compiles the SIMD kernels, kernels/simd.wasm, the loops of `qtrain bench` and those
 * of exported files; and writes the AssemblyScript that follows from the descriptors of kernels: the records of constants and
 * buffers, and the call of a kernel by its number. docs/kernels.md tells why AssemblyScript.
 *
 * @module
 */
import { type Kernel, recordFields } from "../kernels/define_kernel.ts";
import { simdKernels } from "../kernels/mod.ts";
import { METRICS, NONFINITE_COUNTS, QUANTIZER, SLOT, SLOTS, STEP } from "../lib/quant/layouts.ts";

/**
 * The compiler. A plain string, imported without the lock file: otherwise every other task would
 * download it too.
 */
const COMPILER: string = "npm:assemblyscript@0.28.20/asc";

/** What is used of the compiler. */
interface Compiler {
  main(
    args: readonly string[],
    files: {
      readFile(name: string): string | null | Promise<string | null>;
      writeFile(name: string, contents: Uint8Array): void;
      listFiles(): null;
    },
  ): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>;
}

const ROOT = new URL("../", import.meta.url);

/** Generated files, from the root of the project. */
const RECORDS = "kernels/include/records.simd.ts", RUN_PART = "kernels/run_part.simd.ts";

/**
 * The modules where compilation starts: of the kernels, of the peak rates of `qtrain bench`, and of the
 * convolutions of exported files.
 */
const THREADS = "lib/runtime/cpu/threads.simd.ts",
  PEAK_RATES = "lib/bench/peak_rates.simd.ts",
  CONVOLVE = "lib/export/compute/convolve.simd.ts";

const NOTE = "// Written by `deno task simd` from the descriptors of kernels.\n\n";

const LAYOUTS = [QUANTIZER, SLOT, STEP, METRICS, NONFINITE_COUNTS];

/** Returns the files that the task writes, by their path from the root. */
async function buildSimd(): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const encoder = new TextEncoder();
  const sources = new Map([[RECORDS, records()], [RUN_PART, runPart()]]);
  const files = new Map([...sources].map(([path, text]) => [path, encoder.encode(text)]));
  // Threads that share memory; and one thread, where memory cannot be shared.
  files.set("kernels/simd.wasm", await compile(THREADS, sources, ["--sharedMemory"]));
  files.set("kernels/simd_one_thread.wasm", await compile(THREADS, sources));
  files.set("lib/bench/peak_rates.wasm", await compile(PEAK_RATES, new Map()));
  files.set("lib/export/compute/convolve.wasm", await compile(CONVOLVE, sources));
  return files;
}

/** Returns a compiled module. */
async function compile(
  entry: string,
  sources: ReadonlyMap<string, string>,
  options: readonly string[] = [],
): Promise<Uint8Array<ArrayBuffer>> {
  let output: Uint8Array | undefined;
  const flags = [
    "-O3",
    "--noAssert",
    "--enable=simd,threads,bulk-memory",
    "--importMemory",
    "--maximumMemory=65536",
    "--memoryBase=1024",
    "--runtime=stub",
    "--disableWarning",
    ...options,
  ];
  const { default: asc } = await import(COMPILER) as { readonly default: Compiler };
  const { error, stderr } = await asc.main([entry, "--outFile=simd.wasm", ...flags], {
    readFile: (name: string) =>
      sources.get(name) ?? Deno.readTextFile(new URL(name, ROOT)).catch(() => null),
    writeFile: (_: string, contents: Uint8Array) => void (output = contents),
    listFiles: () => null,
  });
  if (error || !output) throw new Error(`the SIMD kernels do not compile:\n${stderr.toString()}`);
  return new Uint8Array(output);
}

/** The records of binary layouts and of kernels. */
function records(): string {
  const layouts = LAYOUTS.map(({ name, fields }) => {
    const lines = Object.entries(fields).map(([field, [type]]) => `  ${field}: ${type};\n`);
    return `@unmanaged\nexport class ${name} {\n${lines.join("")}}\n`;
  });
  return `${NOTE}export const SLOTS: i32 = ${SLOTS};\n\n` +
    [...layouts, ...simdKernels.map(recordOf)].join("\n");
}

/** The record that a kernel gets. */
function recordOf(kernel: Kernel): string {
  const lines = recordFields(kernel).map(({ name, type }) =>
    `  ${name}: ${type === "address" ? "usize" : type};\n`
  );
  return `@unmanaged\nexport class ${classOf(kernel.name)} {\n${lines.join("")}}\n`;
}

/** The call of a kernel by its number. */
function runPart(): string {
  const imports = simdKernels.map(({ name }) => `import { ${name} } from "./${name}/simd";\n`);
  const names = simdKernels.map(({ name }) => classOf(name)).join(", ");
  const cases = simdKernels.map(({ name }, i) =>
    `    case ${i}:\n      ${name}(changetype<${
      classOf(name)
    }>(record), phase, part, parts, scratch);\n      break;\n`
  );
  return `${NOTE}import { ${names} } from "./include/records.simd";\n${imports.join("")}
export function runPart(
  kernel: i32,
  record: usize,
  phase: i32,
  part: i32,
  parts: i32,
  scratch: usize,
): void {
  switch (kernel) {
${cases.join("")}  }
}
`;
}

/** `conv_forward` → `ConvForward`. */
function classOf(name: string): string {
  return name.replace(/(^|_)([a-z])/g, (_, _line, letter: string) => letter.toUpperCase());
}

if (import.meta.main) {
  // A test compiles into another folder.
  const [folder] = Deno.args, to = folder === undefined ? ROOT : new URL(`file://${folder}/`);
  for (const [path, bytes] of await buildSimd()) {
    const file = new URL(path, to);
    await Deno.mkdir(new URL(".", file), { recursive: true });
    await Deno.writeFile(file, bytes);
  }
}
