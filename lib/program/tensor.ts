/**
 * Tensors of a network while it is planned: shape, storage, and who contributes to the gradient.
 *
 * @module
 */

/** An activation's number in the kernels' constants. */
export const ACT = { none: 0, relu: 1, relu6: 2 } as const;
/** The name of an activation. */
export type Act = keyof typeof ACT;

/** Where quantized values lie: a buffer and its quantizer's row. */
export interface QuantizedTensor {
  readonly buffer: string;
  readonly row: number;
  /** Whether the row is a quantizer's; else the tensor holds real values and the row says nothing. */
  readonly quantized: boolean;
  /** Whether codes are rounded at random. */
  readonly stochastic: boolean;
}

/** One image's worth of a tensor between layers, [h, w, c]. */
export class Tensor {
  /** Quads a pixel: channels padded to a multiple of 4. */
  readonly quads: number;
  /** How many layers read it. */
  consumers = 0;
  /** Whether anything before it trains. */
  needsGradient = true;
  /** Set when its producer is planned. */
  stored: QuantizedTensor | undefined;
  /** The finished gradient; set when the last contribution is planned. */
  gradient: QuantizedTensor | undefined;
  /** What contributions so far have added up to. */
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

  /** Its shape in words. */
  get shape(): string {
    return `[${this.h}, ${this.w}, ${this.c}]`;
  }

  /** Where it lies. */
  get at(): QuantizedTensor {
    if (!this.stored) throw new Error(`tensor ${this.name} is read before it is planned`);
    return this.stored;
  }

  /** Where its gradient lies. */
  get gradientAt(): QuantizedTensor {
    if (!this.gradient) throw new Error(`gradient of ${this.name} is read before it is planned`);
    return this.gradient;
  }
}
