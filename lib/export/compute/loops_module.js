// The compiled loops of convolve.simd.ts. TypeScript does not know `import source` yet, so this is
// JavaScript.
import source loops from "./convolve.wasm";

export { loops };
