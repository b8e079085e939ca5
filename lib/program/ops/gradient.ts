/**
 * How gradients come together. A tensor read by several layers gets one contribution from each; the
 * kernel that makes the last one adds the rest and applies the mask in its epilogue
 * (kernels/include/gradient.wgsl). Additions and activations pass their gradient on as it lies.
 *
 * @module
 */
import { addGradients } from "../../../kernels/add_gradients/kernel.ts";
import type { Builder } from "../builder.ts";
import { ACT, type QuantizedTensor, type Tensor } from "../tensor.ts";

/** What a kernel needs for the epilogue, and where it writes. */
export interface Epilogue {
  readonly to: QuantizedTensor;
  readonly constants: Readonly<Record<"ADDEND" | "ADDEND_ROW" | "MASK" | "MASK_ROW", number>>;
  readonly buffers: { readonly addend?: string; readonly mask?: string };
}

/** The epilogue of a kernel that contributes to the gradient of `tensor`. */
export function addGradient(b: Builder, tensor: Tensor, layer: string): Epilogue {
  tensor.contributions++;
  const last = tensor.contributions === tensor.consumers;
  const addend = tensor.partialGradient, mask = last ? tensor.mask : undefined;
  const to = b.storeGradient(tensor, layer);
  if (last) tensor.gradient = to;
  else tensor.partialGradient = to;
  return {
    to,
    constants: {
      ADDEND: addend ? 1 : 0,
      ADDEND_ROW: addend?.row ?? 0,
      MASK: mask ? ACT[mask.act] : 0,
      MASK_ROW: mask?.of.at.row ?? 0,
    },
    buffers: {
      ...(addend ? { addend: addend.buffer } : {}),
      ...(mask ? { mask: mask.of.at.buffer } : {}),
    },
  };
}

/** Contributes a gradient that already lies in memory. */
export function forwardGradient(
  b: Builder,
  tensor: Tensor,
  gradient: QuantizedTensor,
  layer: string,
): void {
  if (!tensor.needsGradient) return;
  const last = tensor.contributions + 1 === tensor.consumers;
  if (!tensor.partialGradient && !(last && tensor.mask)) {
    tensor.contributions++;
    if (last) tensor.gradient = gradient;
    else tensor.partialGradient = gradient;
    return;
  }
  const { to, constants, buffers } = addGradient(b, tensor, layer);
  const quads = b.options.batch * tensor.h * tensor.w * tensor.quads;
  b.step(
    "backward",
    layer,
    addGradients,
    {
      ...constants,
      QUADS: quads,
      CQ: tensor.quads,
      CHANNELS: tensor.c,
      DY_ROW: gradient.row,
      DX_ROW: to.row,
    },
    { ...buffers, dy: gradient.buffer, dx: to.buffer },
    { output: b.output("dx", to, tensor) },
  );
}
