/**
 * The kernel `gradient_clip_scale`; shader.wgsl has the formula and the layout of its buffers.
 *
 * @module
 */
import { defineKernel, read, shared, write } from "../define_kernel.ts";
import { gradientClipScale as reference } from "./reference.ts";
import source from "./shader.wgsl" with { type: "text" };

/** The norm of all gradients together, and the factor that an update scales them by. */
export const gradientClipScale = defineKernel({
  name: "gradient_clip_scale",
  constants: {
    TILES: "integer",
    CLIP_NORM: "real",
  },
  buffers: {
    square_tiles: shared(read(3, "f32"), "square_tiles"),
    clip: shared(write(4, "f32"), "clip"),
  },
  reference,
  gpu: {
    source,
    workgroups: () => [1, 1, 1],
  },
});
