import { Sealer, take } from "./sealer/sealer.js";

// fields are the ids of those to take, by the key that each is for.
globalThis.submitted = async (job, fields, repinned) => {
  const began = performance.now();
  try {
    const asked = await (await fetch("fleet")).json();
    const sealer = await Sealer.open({ ...asked, repinned });
    const loaded = performance.now();
    const values = {};
    for (const [key, id] of Object.entries(fields)) values[key] = await take(document.getElementById(id));
    const { blocks, notes } = await sealer.seal(job, values);
    const sealed = performance.now();
    await fetch("send", { method: "POST", body: JSON.stringify(blocks) });
    document.getElementById("said").textContent = "sealed";
    return {
      fingerprint: sealer.fingerprint, notes, load: loaded - began, seal: sealed - loaded,
      kept: Object.values(values).reduce((sum, value) => sum + value.byteLength, 0),
    };
  } catch (error) {
    document.getElementById("said").textContent = error.message;
    return { error: error.message, hint: error.hint };
  }
};
