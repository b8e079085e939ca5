// The compiled loops of peak_rates.simd.ts. TypeScript does not know `import source` yet, so this is
// JavaScript.
import source loops from "./peak_rates.wasm";

export { loops };
