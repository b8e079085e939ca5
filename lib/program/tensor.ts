/**
 * Tensors of a network while it is planned: shape, storage, and contributions to the gradient.
 *
 * @module
 */

/** An activation's number in the kernels' constants. */
export const ACT = { none: 0, relu: 1, relu6: 2 } as const;
/** The name of an activation. */
export type Act = keyof typeof ACT;

/** Where a tensor is stored: a buffer, and the row of its quantizer in the table. */
export interface QuantizedTensor {
  readonly buffer: string;
  readonly row: number;
  /** Whether it has a quantizer; else the buffer holds f32 values and `row` is unused. */
  readonly quantized: boolean;
  /** Whether rounding is stochastic. */
  readonly stochastic: boolean;
}

/** One image's worth of a tensor between layers, [h, w, c]. */
export class Tensor {
  /** Quads per pixel: channels padded to a multiple of 4. */
  readonly quads: number;
  /** Number of layers that read it. */
  consumers = 0;
  /** Whether a layer before it trains. */
  needsGradient = true;
  /** Set when its producer is planned. */
  stored: QuantizedTensor | undefined;
  /** The finished gradient; set when the last contribution is planned. */
  gradient: QuantizedTensor | undefined;
  /** The sum of the contributions so far. */
  partialGradient: QuantizedTensor | undefined;
  /** Contributions planned so far. */
  contributions = 0;
  /**
   * The activation that made this tensor when its mask belongs to the gradient's epilogue: the
   * gradient is then that of the value before the activation.
   */
  mask: { readonly act: "relu" | "relu6"; readonly of: Tensor } | undefined;

  constructor(
    readonly name: string,
    readonly h: number,
    readonly w: number,
    readonly c: number,
  ) {
    this.quads = Math.ceil(c / 4);
  }

  /** Its shape for messages, `[h, w, c]`. */
  get shape(): string {
    return `[${this.h}, ${this.w}, ${this.c}]`;
  }

  /** Where it is stored. @throws Error before its producer is planned */
  get at(): QuantizedTensor {
    if (!this.stored) throw new Error(`tensor ${this.name} is read before it is planned`);
    return this.stored;
  }

  /** Where its gradient is stored. @throws Error before the gradient is planned */
  get gradientAt(): QuantizedTensor {
    if (!this.gradient) throw new Error(`gradient of ${this.name} is read before it is planned`);
    return this.gradient;
  }
}
