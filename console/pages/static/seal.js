// The page on which values are typed. They are sealed by /sealer/sealer.js, and only what
// comes of that is sent. The fields have no name, so that no form can submit them.
import { Sealer, SealerError, take } from "/sealer/sealer.js";

const form = document.getElementById("seal");
const problem = document.getElementById("sealing-problem");
const button = form?.querySelector("button[type=submit]");
const most = 1 << 20; // bytes, as a Secret holds
let sealer;
// held are values that were taken from fields and not sealed yet: nobody types them twice.
const held = {};

/** show tells what failed, beside the field that it names, else above the form. */
function show(error) {
  const hint = error.hint ?? "load the page anew";
  const field = [...form.querySelectorAll("[data-wrong]")].find((f) => error.message.includes(`"${f.dataset.wrong}"`));
  if (field) {
    field.textContent = `${error.message}. What to do: ${hint}`;
    return;
  }
  problem.querySelector(".what").textContent = error.message;
  problem.querySelector(".do span").textContent = hint;
  problem.hidden = false;
  problem.scrollIntoView({ block: "center" });
}

function clear() {
  problem.hidden = true;
  for (const field of form.querySelectorAll("[data-wrong]")) field.textContent = "";
}

/** send posts JSON to the console. Nothing is in it but what the caller says. */
async function send(url, body) {
  let response;
  try {
    response = await fetch(url, {
      method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-CSRF-Token": form.dataset.csrf },
    });
  } catch {
    throw new SealerError("the console does not answer", "look whether you are online, then try again");
  }
  const answer = await response.json().catch(() => ({}));
  if (answer.error || !response.ok) {
    throw new SealerError(answer.error ?? `the console answers ${response.status}`, answer.hint);
  }
  return answer;
}

/** open loads the sealer and verifies the fleet. */
async function open(repinned) {
  try {
    const response = await fetch("/fleet.json");
    if (!response.ok) throw new SealerError(`the console answers ${response.status} for the fleet`, "tell an operator: do not type a secret here");
    sealer = await Sealer.open({ ...(await response.json()), repinned });
    document.getElementById("fingerprint").textContent = sealer.fingerprint;
    button.disabled = false;
    problem.hidden = true;
  } catch (error) {
    document.getElementById("fingerprint").textContent = "not verified";
    document.getElementById("repin").hidden = !/another than this browser knows/.test(error.message);
    show(error);
  }
}

/** gather takes each value out of its field, once. */
async function gather() {
  for (const field of form.querySelectorAll("[data-key]")) {
    const key = field.dataset.key;
    const file = form.querySelector(`[data-file="${CSS.escape(key)}"]`);
    const from = file?.files.length ? file : field;
    if (from.type === "file" && from.files[0]?.size > most) {
      throw new SealerError(`the file of "${key}" has ${from.files[0].size} bytes`, "a Secret holds at most 1 MiB; split it");
    }
    const typed = await take(from);
    if (typed.length > 0 || !held[key]) held[key] = typed;
  }
}

async function seal() {
  await gather();
  const text = form.dataset.shape === "env" ? held[".env"] : undefined;
  const { jobs, said } = await send(form.dataset.jobs, text ? { keys: await sealer.keys(text) } : {});
  const notes = document.getElementById("notes");
  notes.replaceChildren();
  const tell = (line) => notes.append(Object.assign(document.createElement("li"), { textContent: line }));
  for (const line of said ?? []) tell(line);
  const blocks = [];
  for (const job of jobs) {
    const keys = new Set(job.blocks.flat());
    const values = {};
    for (const [key, value] of Object.entries(held)) {
      // Shapes are put together in the sealer, of all that belongs to them.
      if (["env", "registry"].includes(job.shape) || keys.has(key)) values[key] = value.slice();
    }
    const sealed = await sealer.seal(job, values);
    blocks.push(...sealed.blocks);
    for (const note of sealed.notes ?? []) tell(`the value of ${note.key} ${note.text}`);
  }
  const { to } = await send(form.dataset.blocks, { blocks });
  for (const value of Object.values(held)) value.fill(0);
  location.assign(to);
}

/** wipe empties all that has a value. A page that is left is kept by the browser, to go back to. */
function wipe() {
  for (const field of form.querySelectorAll("[data-key], [data-file]")) field.value = "";
  for (const [key, value] of Object.entries(held)) {
    value.fill(0);
    delete held[key];
  }
}

if (form) addEventListener("pagehide", wipe);
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  clear();
  button.disabled = true;
  try {
    await seal();
  } catch (error) {
    show(error);
    button.disabled = false;
  }
});
document.querySelector("#repin button")?.addEventListener("click", () => open(true));
if (form) open(false);
