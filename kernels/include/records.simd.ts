// Written by `deno task simd` from the descriptors of kernels.

export const SLOTS: i32 = 16;

@unmanaged
export class Quantizer {
  scale: f32;
  inverse: f32;
  zero: f32;
  qmin: f32;
  qmax: f32;
  low: f32;
  high: f32;
  rateFactor: f32;
}

@unmanaged
export class Slot {
  negatedMin: u32;
  max: u32;
  clipped: u32;
  nonfinite: u32;
}

@unmanaged
export class Step {
  seed: u32;
  step: u32;
  samples: u32;
  first: u32;
  learningRate: f32;
  normWeight: f32;
  total: u32;
  smoothing: f32;
  firstCorrection: f32;
  secondCorrection: f32;
  origin: u32;
  weightFactor: f32;
}

@unmanaged
export class Metrics {
  loss: f32;
  correct: f32;
  totalLoss: f32;
  totalCorrect: f32;
}

@unmanaged
export class NonfiniteCounts {
  gradient: u32;
  update: u32;
  statistics: u32;
  padding: u32;
}

@unmanaged
export class ActivationForward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  CQ: i32;
  QUADS: i32;
  CHANNELS: i32;
  ACT: i32;
  X_ROW: i32;
  Y_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  x: usize;
  y: usize;
  shared: usize;
}

@unmanaged
export class Adamw {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  SIZE: i32;
  CLIP: i32;
  SCALED: i32;
  WEIGHT_DECAY: f32;
  RATE_ROW: i32;
  W_ROW: i32;
  NONFINITE: i32;
  BETA_1: f32;
  REST_1: f32;
  BETA_2: f32;
  REST_2: f32;
  EPSILON: f32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  gradient: usize;
  weight: usize;
  velocity: usize;
  found_nonfinite: usize;
  second: usize;
  clip: usize;
  shared: usize;
}

@unmanaged
export class AddForward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  CHANNELS: i32;
  PIXELS: i32;
  ACT: i32;
  A_ROW: i32;
  B_ROW: i32;
  Y_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  a: usize;
  b: usize;
  output: usize;
  shared: usize;
}

@unmanaged
export class AddGradients {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  ADDEND: i32;
  ADDEND_ROW: i32;
  MASK: i32;
  MASK_ROW: i32;
  CQ: i32;
  QUADS: i32;
  CHANNELS: i32;
  DY_ROW: i32;
  DX_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  addend: usize;
  mask: usize;
  dy: usize;
  dx: usize;
  shared: usize;
}

@unmanaged
export class AvgPoolBackward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  ADDEND: i32;
  ADDEND_ROW: i32;
  MASK: i32;
  MASK_ROW: i32;
  N: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  CQ: i32;
  CHANNELS: i32;
  KH: i32;
  KW: i32;
  SH: i32;
  SW: i32;
  PH: i32;
  PW: i32;
  DY_ROW: i32;
  DX_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  addend: usize;
  mask: usize;
  dy: usize;
  dx: usize;
  shared: usize;
}

@unmanaged
export class AvgPoolForward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  N: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  CQ: i32;
  CHANNELS: i32;
  KH: i32;
  KW: i32;
  SH: i32;
  SW: i32;
  PH: i32;
  PW: i32;
  X_ROW: i32;
  Y_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  x: usize;
  y: usize;
  shared: usize;
}

@unmanaged
export class ChannelSums {
  INT8: i32;
  CQ: i32;
  PIXELS: i32;
  CHUNKS: i32;
  CHUNK: i32;
  Y_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  y: usize;
  sums: usize;
  shared: usize;
}

@unmanaged
export class ConvBackwardInput {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  ADDEND: i32;
  ADDEND_ROW: i32;
  MASK: i32;
  MASK_ROW: i32;
  N: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  IQ: i32;
  OQ: i32;
  GQ: i32;
  QUADS: i32;
  FIRST: i32;
  CHANNELS: i32;
  KH: i32;
  KW: i32;
  SH: i32;
  SW: i32;
  PH: i32;
  PW: i32;
  BEFORE: i32;
  DY_ROW: i32;
  DX_ROW: i32;
  W_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  addend: usize;
  mask: usize;
  dy: usize;
  weight: usize;
  row_sum: usize;
  before: usize;
  dx: usize;
  shared: usize;
}

@unmanaged
export class ConvBackwardWeight {
  INT8: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  IQ: i32;
  OQ: i32;
  DQ: i32;
  FIRST: i32;
  PIXELS: i32;
  KH: i32;
  KW: i32;
  SH: i32;
  SW: i32;
  PH: i32;
  PW: i32;
  CHUNK: i32;
  ROOM: i32;
  BIAS: i32;
  X_ROW: i32;
  DY_ROW: i32;
  NONFINITE: i32;
  BIAS_NONFINITE: i32;
  ACCUMULATE: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  x: usize;
  dy: usize;
  partial: usize;
  gradient: usize;
  bias_gradient: usize;
  shared: usize;
}

@unmanaged
export class ConvForward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  IQ: i32;
  OQ: i32;
  FIRST: i32;
  CHANNELS: i32;
  PIXELS: i32;
  KH: i32;
  KW: i32;
  SH: i32;
  SW: i32;
  PH: i32;
  PW: i32;
  TILES: i32;
  QUADS: i32;
  BIAS: i32;
  LOGITS: i32;
  SUMS: i32;
  X_ROW: i32;
  Y_ROW: i32;
  W_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  x: usize;
  weight: usize;
  row_sum: usize;
  bias: usize;
  y: usize;
  sums: usize;
  shared: usize;
}

@unmanaged
export class DepthwiseBackwardInput {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  ADDEND: i32;
  ADDEND_ROW: i32;
  MASK: i32;
  MASK_ROW: i32;
  N: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  CQ: i32;
  CHANNELS: i32;
  KH: i32;
  SH: i32;
  PH: i32;
  PW: i32;
  KW: i32;
  SW: i32;
  DY_ROW: i32;
  DX_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  addend: usize;
  mask: usize;
  dy: usize;
  weight: usize;
  scales: usize;
  dx: usize;
  shared: usize;
}

@unmanaged
export class DepthwiseBackwardWeight {
  INT8: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  LINES: i32;
  CQ: i32;
  KH: i32;
  SH: i32;
  PH: i32;
  PW: i32;
  ROWS: i32;
  CHUNKS: i32;
  KW: i32;
  SW: i32;
  BIAS: i32;
  X_ROW: i32;
  DY_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  x: usize;
  dy: usize;
  partial: usize;
  dy_total: usize;
  shared: usize;
}

@unmanaged
export class DepthwiseForward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  LINES: i32;
  CQ: i32;
  CHANNELS: i32;
  KH: i32;
  SH: i32;
  PH: i32;
  PW: i32;
  TILES: i32;
  KW: i32;
  SW: i32;
  BIAS: i32;
  SUMS: i32;
  X_ROW: i32;
  Y_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  x: usize;
  weight: usize;
  scales: usize;
  bias: usize;
  y: usize;
  sums: usize;
  shared: usize;
}

@unmanaged
export class DropoutBackward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  ADDEND: i32;
  ADDEND_ROW: i32;
  MASK: i32;
  MASK_ROW: i32;
  CQ: i32;
  QUADS: i32;
  CHANNELS: i32;
  PIXELS_OF_IMAGE: i32;
  LAYER: i32;
  FACTOR: f32;
  RATE: f32;
  DY_ROW: i32;
  DX_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  addend: usize;
  mask: usize;
  dy: usize;
  dx: usize;
  shared: usize;
}

@unmanaged
export class DropoutForward {
  INT8: i32;
  CQ: i32;
  QUADS: i32;
  CHANNELS: i32;
  PIXELS_OF_IMAGE: i32;
  LAYER: i32;
  TRAIN: i32;
  FACTOR: f32;
  RATE: f32;
  X_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  x: usize;
  y: usize;
  shared: usize;
}

@unmanaged
export class GradientNormPartials {
  FIRST: i32;
  SIZE: i32;
  TILES: i32;
  R: i32;
  gradient: usize;
  square_tiles: usize;
  shared: usize;
}

@unmanaged
export class MaxPoolBackward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  ADDEND: i32;
  ADDEND_ROW: i32;
  MASK: i32;
  MASK_ROW: i32;
  N: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  CQ: i32;
  CHANNELS: i32;
  KH: i32;
  KW: i32;
  SH: i32;
  SW: i32;
  PH: i32;
  PW: i32;
  DY_ROW: i32;
  DX_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  addend: usize;
  mask: usize;
  x: usize;
  dy: usize;
  dx: usize;
  shared: usize;
}

@unmanaged
export class MaxPoolForward {
  INT8: i32;
  N: i32;
  H: i32;
  W: i32;
  HO: i32;
  WO: i32;
  CQ: i32;
  CHANNELS: i32;
  KH: i32;
  KW: i32;
  SH: i32;
  SW: i32;
  PH: i32;
  PW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  x: usize;
  y: usize;
  shared: usize;
}

@unmanaged
export class NormBackward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  ADDEND: i32;
  ADDEND_ROW: i32;
  MASK: i32;
  MASK_ROW: i32;
  CHANNELS: i32;
  PIXELS: i32;
  ACT: i32;
  FROZEN: i32;
  DA_ROW: i32;
  Y_ROW: i32;
  DY_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  addend: usize;
  mask: usize;
  da: usize;
  y: usize;
  coefficients: usize;
  output: usize;
  shared: usize;
}

@unmanaged
export class NormBackwardCoefficients {
  INT8: i32;
  CHANNELS: i32;
  PIXELS: i32;
  CHUNKS: i32;
  DA_ROW: i32;
  Y_ROW: i32;
  NONFINITE: i32;
  ACCUMULATE: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  sums: usize;
  total: usize;
  coefficients: usize;
  gradient: usize;
  shared: usize;
}

@unmanaged
export class NormBackwardSums {
  INT8: i32;
  CQ: i32;
  PIXELS: i32;
  CHUNKS: i32;
  CHUNK: i32;
  ACT: i32;
  DA_ROW: i32;
  Y_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  da: usize;
  y: usize;
  coefficients: usize;
  sums: usize;
  shared: usize;
}

@unmanaged
export class NormCoefficients {
  INT8: i32;
  CHANNELS: i32;
  PIXELS: i32;
  TILES: i32;
  CHUNK: i32;
  EPSILON: f32;
  MOMENTUM: f32;
  KEPT: f32;
  Y_ROW: i32;
  NONFINITE: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  sums: usize;
  affine: usize;
  running: usize;
  coefficients: usize;
  total: usize;
  found_nonfinite: usize;
  shared: usize;
}

@unmanaged
export class NormForward {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  CHANNELS: i32;
  PIXELS: i32;
  ACT: i32;
  Y_ROW: i32;
  A_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  y: usize;
  output: usize;
  coefficients: usize;
  shared: usize;
}

@unmanaged
export class NormRunningCoefficients {
  CHANNELS: i32;
  EPSILON: f32;
  affine: usize;
  running: usize;
  coefficients: usize;
  shared: usize;
}

@unmanaged
export class NormalizeInput {
  INT8: i32;
  CHANNELS: i32;
  PIXELS: i32;
  STORE: i32;
  X_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  pixels: usize;
  affine: usize;
  x: usize;
  shared: usize;
}

@unmanaged
export class PackWeights {
  INT8: i32;
  IQ: i32;
  OQ: i32;
  FIRST: i32;
  TAPS: i32;
  ALL: i32;
  QUANTIZED: i32;
  BACKWARD: i32;
  PER_CHANNEL: i32;
  W_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  weight: usize;
  forward: usize;
  backward: usize;
  channels: usize;
  shared: usize;
}

@unmanaged
export class PerChannelWeightRange {
  INT8: i32;
  OQ: i32;
  SIZE: i32;
  W_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  weight: usize;
  channels: usize;
  shared: usize;
}

@unmanaged
export class QuantizationError {
  INT8: i32;
  CQ: i32;
  QUADS: i32;
  CHANNELS: i32;
  R: i32;
  SEARCH: i32;
  ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  real_values: usize;
  q: usize;
  errors: usize;
  shared: usize;
}

@unmanaged
export class QuantizeDepthwiseWeights {
  INT8: i32;
  CQ: i32;
  TAPS: i32;
  PER_CHANNEL: i32;
  W_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  weight: usize;
  forward: usize;
  scales: usize;
  shared: usize;
}

@unmanaged
export class QuantizeF32 {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  CQ: i32;
  QUADS: i32;
  CHANNELS: i32;
  ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  real_values: usize;
  q: usize;
  shared: usize;
}

@unmanaged
export class ReduceDepthwiseWeightGradient {
  INT8: i32;
  CQ: i32;
  TAPS: i32;
  CHUNKS: i32;
  BIAS: i32;
  X_ROW: i32;
  DY_ROW: i32;
  NONFINITE: i32;
  BIAS_NONFINITE: i32;
  ACCUMULATE: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  partial: usize;
  gradient: usize;
  dy_total: usize;
  bias_gradient: usize;
  shared: usize;
}

@unmanaged
export class Sgd {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  SIZE: i32;
  CLIP: i32;
  SCALED: i32;
  WEIGHT_DECAY: f32;
  RATE_ROW: i32;
  W_ROW: i32;
  NONFINITE: i32;
  NESTEROV: i32;
  MOMENTUM: f32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  gradient: usize;
  weight: usize;
  velocity: usize;
  found_nonfinite: usize;
  clip: usize;
  shared: usize;
}

@unmanaged
export class SwapEma {
  INT8: i32;
  STORE: i32;
  STOCHASTIC: i32;
  QUIET: i32;
  IMAGE: i32;
  SIZE: i32;
  W_ROW: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  weight: usize;
  average: usize;
  shared: usize;
}

@unmanaged
export class UpdateEma {
  SIZE: i32;
  KEPT: f32;
  TAKEN: f32;
  weight: usize;
  average: usize;
  found_nonfinite: usize;
  shared: usize;
}

@unmanaged
export class WeightSums {
  INT8: i32;
  IQ: i32;
  OQ: i32;
  KH: i32;
  KW: i32;
  SH: i32;
  SW: i32;
  PH: i32;
  PW: i32;
  BACKWARD: i32;
  quantizers: usize;
  statistics: usize;
  step: usize;
  forward: usize;
  forward_sum: usize;
  backward: usize;
  backward_sum: usize;
  shared: usize;
}
