/**
 * How the gradient of a tensor adds up. Every layer that reads a tensor contributes to its gradient; the
 * kernel of the last contribution adds the others and applies the activation's mask in its epilogue
 * (kernels/include/gradient.wgsl). Additions and activations forward their gradient without a kernel.
 *
 * @module
 */
import { addGradients } from "../../../kernels/add_gradients/kernel.ts";
import type { Builder } from "../builder.ts";
import { ACT, type QuantizedTensor, type Tensor } from "../tensor.ts";

/** Constants and buffers of a kernel's epilogue, and the tensor that the kernel writes. */
interface Epilogue {
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

/** Contributes a gradient that is already in memory: where nothing is to be added or masked, no step. */
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
