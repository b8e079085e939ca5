// The beginning of a kernel that sums over chunks of pixels (the end: store_sums). A workgroup owns COLUMNS
// neighbouring wides, each of one chunk; thread `own` of the LANES of a wide begins at pixel p, whose wide
// is at `at`, and goes on by LANES pixels. No arithmetic of tensors, so no reference.
let blocks = ${CW}u;
let own = lane / ${COLUMNS}u;
let column = lane - own * ${COLUMNS}u;
let item = group.x * ${COLUMNS}u + column;
let chunk = item / blocks;
let block = item - chunk * blocks;
let inside = chunk < ${CHUNKS}u;
let begin = chunk * ${CHUNK}u;
let last = select(0u, min(begin + ${CHUNK}u, ${PIXELS}u), inside);
let next = blocks * ${LANES}u;
var p = begin + own;
var at = p * blocks + block;
//@ for v in 0..V
var first_${v}: vec4<Sum>;
var second_${v}: vec4<Sum>;
//@ end
