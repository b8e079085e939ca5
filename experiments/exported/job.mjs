/**
 * Does a job in a runtime, in Node or in a page: answers images, and times networks. A network is a
 * function of images, uint8 [count, h, w, c], and their count; it gives its outputs by name.
 *
 * @module
 */

/**
 * @param job `{ images, shape, tasks }`: a file of uint8 [count, h, w, c], and what to do
 * @param runtime `open(model, task)` gives a network, `read(file)` bytes, `write(file, values)` keeps some
 * @returns a result for each task; `{ error }` where the runtime refuses
 */
export async function doJob({ images: file, shape, tasks }, runtime) {
  const images = await runtime.read(file), size = shape.reduce((a, b) => a * b), results = [];
  for (const task of tasks) {
    try {
      results.push(await doTask(task, images, size, runtime));
    } catch (error) {
      results.push({ error: String(error?.message ?? error) });
    }
  }
  return results;
}

async function doTask(task, images, size, runtime) {
  const networks = [];
  for (const model of task.models) networks.push(await runtime.open(model, task));
  if (task.kind === "open") return {};
  if (task.kind === "time") return { times: await times(networks, images, size, task) };
  const part = images.subarray(0, task.count * size);
  const outputs = await answer(networks[0], part, size, task.batch);
  for (const [name, values] of Object.entries(outputs)) {
    await runtime.write(`${task.out}.${name}`, values);
  }
  return {};
}

/** Answers images in batches. @param size bytes of an image */
async function answer(network, images, size, batch) {
  const count = images.length / size, outputs = {};
  for (let first = 0; first < count; first += batch) {
    const n = Math.min(batch, count - first);
    const part = await network(images.subarray(first * size, (first + n) * size), n);
    for (const [name, values] of Object.entries(part)) {
      outputs[name] ??= new Float32Array(count * values.length / n);
      outputs[name].set(values, first * values.length / n);
    }
  }
  return outputs;
}

/**
 * Times networks in turns, as machines slow down and speed up again.
 *
 * @param ms that a turn should take
 * @returns milliseconds an image of each turn, by network
 */
async function times(networks, images, size, { batch, rounds, ms }) {
  const part = images.subarray(0, batch * size), result = networks.map(() => []);
  const calls = networks.map(() => 1);
  for (let round = -1; round < rounds; round++) {
    for (const [i, network] of networks.entries()) {
      await network(part, batch); // The other network's turn has filled the caches.
      const began = performance.now();
      for (let call = 0; call < calls[i]; call++) await network(part, batch);
      const took = performance.now() - began;
      if (round >= 0) result[i].push(took / calls[i] / batch);
      calls[i] = Math.max(1, Math.round(calls[i] * ms / took));
    }
  }
  return result;
}
