/**
 * Binary layouts that the host and the shaders share: each is declared once, and gives accessors by
 * field for TypeScript and the text of a WGSL struct. All fields are words of four bytes.
 *
 * @module
 */

/** One memory as f32 and as u32 words. */
export interface Words {
  readonly f32: Float32Array;
  readonly u32: Uint32Array;
}

/** The memory of some bytes as words. */
export function wordsOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Words {
  return {
    f32: new Float32Array(buffer, byteOffset, byteLength / 4),
    u32: new Uint32Array(buffer, byteOffset, byteLength / 4),
  };
}

/** Fields in their order: the type, and a comment for the shader. */
type Fields = Readonly<Record<string, readonly [type: "f32" | "u32", comment: string]>>;

/** A row of named words, repeated in a buffer. */
export class Layout<F extends Fields> {
  /** Words of a row. */
  readonly words: number;
  /** Bytes of a row. */
  readonly bytes: number;
  /** The WGSL struct, with fields in snake case. */
  readonly wgsl: string;
  readonly #names: readonly (keyof F & string)[];
  /** The words of the fields. */
  readonly #places: ReadonlyMap<keyof F, number>;

  /** @param name of the struct */
  constructor(readonly name: string, readonly fields: F) {
    this.#names = Object.keys(fields);
    this.#places = new Map(this.#names.map((field, word) => [field, word]));
    this.words = this.#names.length;
    this.bytes = 4 * this.words;
    const lines = this.#names.map((field) => {
      const [type, comment] = fields[field]!;
      return `  ${snakeCase(field)}: ${type},${comment && ` // ${comment}`}\n`;
    });
    this.wgsl = `struct ${name} {\n${lines.join("")}}\n`;
  }

  /** The word of a field in a row. */
  word(field: keyof F): number {
    return this.#places.get(field)!;
  }

  /** One field of row `row`. */
  get(memory: Words, row: number, field: keyof F & string): number {
    return memory[this.fields[field]![0]][row * this.words + this.word(field)]!;
  }

  /** All fields of row `row`. */
  read(memory: Words, row: number): Record<keyof F, number> {
    const values: Partial<Record<keyof F, number>> = {};
    for (const field of this.#names) values[field] = this.get(memory, row, field);
    return values as Record<keyof F, number>;
  }

  /** Writes some fields of row `row`. */
  write(memory: Words, row: number, values: Readonly<Partial<Record<keyof F, number>>>): void {
    for (const field of this.#names) {
      const value = values[field];
      if (value === undefined) continue;
      memory[this.fields[field]![0]][row * this.words + this.word(field)] = value;
    }
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A row of the table of quantizers. */
export const QUANTIZER = new Layout("Quantizer", {
  scale: ["f32", "real = scale · (code − zero)"],
  inverse: ["f32", "1 / scale"],
  zero: ["f32", "zero point, a whole number"],
  qmin: ["f32", "smallest code"],
  qmax: ["f32", "largest code"],
  low: ["f32", "the range that the codes cover; low and high are 0 while there is none"],
  high: ["f32", ""],
  rateFactor: ["f32", "factor of the learning rate of what this gradient trains"],
});

/** The uniform block that describes a step. */
export const STEP = new Layout("Step", {
  seed: ["u32", "of the run"],
  step: ["u32", "counts from 0"],
  samples: ["u32", "images of this micro-batch that count; the rest is padding"],
  first: ["u32", "images of the batch before this micro-batch"],
  learningRate: ["f32", ""],
  normWeight: ["f32", "1: running statistics follow this batch; 0: they stay (calibration)"],
  total: ["u32", "images of the whole batch that count"],
  smoothing: ["f32", "share of a label that is spread over all classes"],
  firstCorrection: ["f32", "1/(1 − β₁ᵗ), the bias correction of AdamW's first average"],
  secondCorrection: ["f32", "1/√(1 − β₂ᵗ), that of its second"],
  origin: ["u32", "0, which no compiler knows: see shader() in lib/runtime/gpu/executor.ts"],
  weightFactor: ["f32", "factor of the weights of classes; 0: none are weighted"],
});

/** The rule that the device runs for a quantizer: see kernels/update_ranges/shader.wgsl. */
export const RULE = new Layout("Rule", {
  rule: ["f32", "its number; 0: none"],
  symmetric: ["f32", "1: zero point 0"],
  dynamic: ["f32", "1: runs between making and quantizing the tensor, not at the step's end"],
  elements: ["f32", "values of the tensor in a step"],
  setting0: ["f32", "settings of the rule"],
  setting1: ["f32", ""],
  setting2: ["f32", ""],
  setting3: ["f32", ""],
});

/**
 * A slot of a quantizer's row in the statistics. Zero is the identity of all four, so clearing the
 * buffer resets it. Extremes are keys that order as the numbers do (`orderedBits`).
 */
export const SLOT = new Layout("Slot", {
  negatedMin: ["u32", "largest key of −x: the complement of the key of the minimum"],
  max: ["u32", "largest key of x"],
  clipped: ["u32", "values outside the range"],
  nonfinite: ["u32", "NaN and infinite values"],
});

/** Slots of a quantizer's row in the statistics: tile i counts in slot i mod 16. */
export const SLOTS = 16;

/**
 * A slot after the rows of all quantizers: values of one parameter that were not finite. As long as
 * {@linkcode SLOT}, so that slots are counted through.
 */
export const NONFINITE_COUNTS = new Layout("NonfiniteCounts", {
  gradient: ["u32", "in its gradient"],
  update: ["u32", "after its update"],
  statistics: ["u32", "in batch norm's mean or variance"],
  padding: ["u32", "as long as a slot of a quantizer"],
});

/** The loss and the right answers of a micro-batch, and their sums since the buffer was cleared. */
export const METRICS = new Layout("Metrics", {
  loss: ["f32", "sum over the samples of the last micro-batch"],
  correct: ["f32", "right answers among them"],
  totalLoss: ["f32", "the same of all micro-batches since the buffer was cleared"],
  totalCorrect: ["f32", ""],
});

/** The state of a search in kernels/dsgc_search/shader.wgsl. */
export const SEARCH = new Layout("Search", {
  moves: ["f32", "moves done"],
  left: ["f32", "the interval that holds the best clip"],
  right: ["f32", ""],
  candidate: ["f32", "the clip that the table holds"],
  other: ["f32", "the other inner point of the interval"],
  otherDistance: ["f32", "its cosine distance"],
  best: ["f32", "the best clip so far"],
  bestDistance: ["f32", "its cosine distance"],
});

/** Values that an estimator may keep for a quantizer, beside its range. */
export const MAX_MEMORY = 32;

/** Constants that name the words of a layout, for shaders that see the buffer as an array of words. */
function wordConstants<F extends Fields>(prefix: string, layout: Layout<F>): string {
  return Object.entries(layout.fields).map(([field, [, comment]]) =>
    `const ${prefix}_${snakeCase(field).toUpperCase()} = ${layout.word(field)}u; // ${comment}\n`
  ).join("");
}

/** Text of the layouts that shaders include, by name. */
export const layoutIncludes: Readonly<Record<string, string>> = {
  quantizer_layout: QUANTIZER.wgsl,
  step_layout: STEP.wgsl,
  rule_layout: `${RULE.wgsl}const MAX_MEMORY = ${MAX_MEMORY}u; // values that an estimator keeps\n`,
  slot_layout: "// The statistics are [rows, SLOTS] slots, an array of u32 or of atomics.\n" +
    `const SLOTS = ${SLOTS}u;\nconst SLOT_WORDS = ${SLOT.words}u;\n${wordConstants("SLOT", SLOT)}` +
    "// The first word of a slot.\n" +
    "fn slot_at(row: u32, slot: u32) -> u32 { return row * (SLOTS * SLOT_WORDS) + slot * SLOT_WORDS; }\n",
  nonfinite_counts_layout: wordConstants("NONFINITE", NONFINITE_COUNTS),
  metrics_layout: METRICS.wgsl,
  search_layout: SEARCH.wgsl,
};
