// Stores q_0 … q_(V−1), the V quads of a wide, at wide index `at` of `output`; no arithmetic, so no reference.
//@ if STORE == 2
//@ for v in 0..V
output[at * ${V}u + ${v}u] = q_${v};
//@ end
//@ else
//@ if V == 1
output[at] = q_0;
//@ end
//@ if V == 2
output[at] = Wide(q_0, q_1);
//@ end
//@ if V == 4
output[at] = Wide(q_0, q_1, q_2, q_3);
//@ end
//@ end
