// The end of a kernel that sums over chunks of pixels: joins the sums first_v and second_v of the LANES
// threads of a wide in `joined`, and stores them in `sums`; no f32 arithmetic, so no reference.
//@ if LANES > 1
//@ for v in 0..V
//@ for j in 0..4
atomicAdd(&joined[(${v}u * 8u + ${j}u * 2u) * ${COLUMNS}u + column], first_${v}[${j}]);
atomicAdd(&joined[(${v}u * 8u + ${j}u * 2u + 1u) * ${COLUMNS}u + column], second_${v}[${j}]);
//@ end
//@ end
workgroupBarrier();
if (own > 0u || !inside) { return; }
//@ for v in 0..V
//@ for j in 0..4
first_${v}[${j}] = atomicLoad(&joined[(${v}u * 8u + ${j}u * 2u) * ${COLUMNS}u + column]);
second_${v}[${j}] = atomicLoad(&joined[(${v}u * 8u + ${j}u * 2u + 1u) * ${COLUMNS}u + column]);
//@ end
//@ end
//@ else
if (!inside) { return; }
//@ end
let to = item * (4u * ${V}u);
//@ for v in 0..V
//@ for j in 0..4
sums[to + ${v}u * 4u + ${j}u] = vec2<Sum>(first_${v}[${j}], second_${v}[${j}]);
//@ end
//@ end
