// A worker of one job: what it has in memory ends with it. Its own policy lets it ask
// for nothing, so that what sees a value has no way out but the answer.
import "./wasm_exec.js";

const steps = {
  async open({ module, fleet, ask }) {
    const go = new Go();
    go.run(await WebAssembly.instantiate(module, go.importObject));
    return bulla.open(fleet, ask);
  },
  keys({ text }) {
    try {
      return bulla.keys(text);
    } finally {
      text.fill(0);
    }
  },
  seal({ ask, values }) {
    try {
      return bulla.seal(ask, values);
    } finally {
      for (const value of Object.values(values)) value.fill(0);
    }
  },
};

onmessage = async ({ data }) => {
  try {
    postMessage({ answer: await steps[data.step](data) });
  } catch (error) {
    // Its name alone: a text may quote what was worked on.
    postMessage({ failed: error.name });
  }
};
