/**
 * The second way to quantize a tensor: its real values lie in memory (`real`, one buffer for all
 * tensors in turn), are seen there, and are then quantized by a kernel of their own. Dynamic
 * estimators always go this way, `dsgc` when it searches, all of them when telemetry compares.
 *
 * @module
 */
import { dsgcSearch } from "../../../kernels/dsgc_search/kernel.ts";
import { quantizationError } from "../../../kernels/quantization_error/kernel.ts";
import { quantizeF32 } from "../../../kernels/quantize_f32/kernel.ts";
import { reduceQuantizationError } from "../../../kernels/reduce_quantization_error/kernel.ts";
import { resetStatistics } from "../../../kernels/reset_statistics/kernel.ts";
import { updateRanges } from "../../../kernels/update_ranges/kernel.ts";
import type { QuantizerSpec } from "../../quant/quantizer.ts";
import type { Builder, BuildOptions, Output, Section } from "../builder.ts";

/** Moves of the search for a clip: the interval shrinks to 0.618¹³ = 0.2% of the largest value. */
export const SEARCH_STEPS = 16;
/** Tiles that a tensor's error is summed in, at most. */
const MAX_TILES = 256;

/** Whether a quantizer's tensor ever goes this way. */
export function waitsFor(quantizer: QuantizerSpec, options: BuildOptions): boolean {
  if (options.inference) return false;
  return quantizer.dynamic || quantizer.search !== undefined || options.telemetry;
}

/** Plans what follows the kernel that left real values: estimate or search, quantize, compare. */
export function makeMeasured(b: Builder, section: Section, layer: string, output: Output): void {
  const { tensor: to, quads: CQ, c: CHANNELS, pixels } = output, quads = pixels * CQ;
  const ROW = to.row, at = { quantizer: ROW }, quantizer = b.quantizers[ROW]!;
  const shape = { QUADS: quads, CQ, CHANNELS, ROW };
  const sums = Math.ceil(quads / (64 * MAX_TILES)), TILES = Math.ceil(quads / (64 * sums));
  const errors = (SEARCH: number, when: "search" | "telemetry") =>
    b.push(section, layer, quantizationError, { ...shape, R: sums, SEARCH }, { q: to.buffer }, {
      ...at,
      when,
    });
  if (quantizer.dynamic) {
    b.push(
      section,
      layer,
      updateRanges,
      { FIRST: ROW, COUNT: 1, STATIC: 0, CALIBRATE: 0 },
      {},
      { ...at, when: "estimate" },
    );
  }
  if (quantizer.search) {
    for (let move = 0; move <= SEARCH_STEPS; move++) {
      if (move > 0) errors(1, "search");
      b.push(
        section,
        layer,
        dsgcSearch,
        {
          ROW,
          TILES,
          MOVES: SEARCH_STEPS,
          SCALE_RATE: quantizer.search.scaleRate ? 1 : 0,
          SYMMETRIC: quantizer.symmetric ? 1 : 0,
        },
        {},
        { ...at, when: "search" },
      );
    }
  }
  b.push(
    section,
    layer,
    quantizeF32,
    {
      ...shape,
      STORE: 1,
      STOCHASTIC: to.stochastic ? 1 : 0,
      IMAGE: to.stochastic ? b.image(output) : 0,
    },
    { q: to.buffer },
    { ...at, when: "measured" },
  );
  if (b.options.telemetry) {
    errors(0, "telemetry");
    b.push(section, layer, reduceQuantizationError, { TILES, ROW }, {}, {
      ...at,
      when: "telemetry",
    });
  }
}

/**
 * Plans what precedes that kernel where a batch is cut: a range that follows from the tensor itself
 * follows from this micro-batch, not from those before it.
 */
export function clearBeforeMeasured(
  b: Builder,
  section: Section,
  layer: string,
  quantizer: number,
): void {
  const { dynamic, search } = b.quantizers[quantizer]!;
  if (!dynamic && !search) return;
  b.push(section, layer, resetStatistics, { ROW: quantizer }, {}, {
    quantizer,
    when: "measured",
  });
}

/**
 * The buffers of that way.
 *
 * @param quads of the largest tensor that goes it; 0: none does
 */
export function measuredBuffers(b: Builder, quads: number): void {
  if (b.options.telemetry) b.buffer("fidelity", 16 * b.quantizers.length, "table");
  if (quads === 0) return;
  b.buffer("real", 16 * quads, "scratch");
  b.buffer("errors", 16 * MAX_TILES, "scratch");
  // Begins at zero and ends each search there.
  b.buffer("search", 32, "table");
}
