/**
 * Files that shader templates can include, by name.
 *
 * @module
 */
import { layoutIncludes } from "../../lib/quant/layouts.ts";
import depthwise from "./depthwise.wgsl" with { type: "text" };
import dot from "./dot.wgsl" with { type: "text" };
import dropout from "./dropout.wgsl" with { type: "text" };
import finite from "./finite.wgsl" with { type: "text" };
import fourRow from "./four_row.wgsl" with { type: "text" };
import gradient from "./gradient.wgsl" with { type: "text" };
import groupMultiply from "./group_multiply.wgsl" with { type: "text" };
import groupTile from "./group_tile.wgsl" with { type: "text" };
import int64 from "./int64.wgsl" with { type: "text" };
import norm from "./norm.wgsl" with { type: "text" };
import openSums from "./open_sums.wgsl" with { type: "text" };
import pixelCoords from "./pixel_coords.wgsl" with { type: "text" };
import quad from "./quad.wgsl" with { type: "text" };
import quantize from "./quantize.wgsl" with { type: "text" };
import range from "./range.wgsl" with { type: "text" };
import storeSums from "./store_sums.wgsl" with { type: "text" };
import registerMultiply from "./register_multiply.wgsl" with { type: "text" };
import storeWide from "./store_wide.wgsl" with { type: "text" };
import walk from "./walk.wgsl" with { type: "text" };
import weightGradientGroup from "./weight_gradient_group.wgsl" with { type: "text" };

/** Text of `//@ include NAME`. */
export const includes: Readonly<Record<string, string>> = {
  ...layoutIncludes,
  depthwise,
  dot,
  dropout,
  finite,
  four_row: fourRow,
  gradient,
  group_multiply: groupMultiply,
  group_tile: groupTile,
  int64,
  norm,
  open_sums: openSums,
  pixel_coords: pixelCoords,
  quad,
  quantize,
  range,
  store_sums: storeSums,
  register_multiply: registerMultiply,
  store_wide: storeWide,
  walk,
  weight_gradient_group: weightGradientGroup,
};
