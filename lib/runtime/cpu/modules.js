// The compiled SIMD kernels. TypeScript does not know `import source` yet, so this is JavaScript.
import source threads from "../../../kernels/simd.wasm";
import source oneThread from "../../../kernels/simd_one_thread.wasm";

export { oneThread, threads };
