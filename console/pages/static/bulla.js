// What pages do with a script: htmx under Trusted Types, the theme, and whether the console
// answers. Pages work without it.
"use strict";

// htmx gets HTML of this console alone (its mode is same-origin), and only what has no script:
// templates of parts have none, so one in an answer was put there by somebody else.
const policy = globalThis.trustedTypes?.createPolicy("bulla-page", {
  createHTML(text) {
    if (/<script|<iframe|srcdoc=/i.test(text)) throw new TypeError("a part of a page has no script");
    return text;
  },
});
function refuse() {
  throw new TypeError("pages evaluate no text");
}

htmx.registerExtension("bulla", {
  init: (api) =>
    api.initSecurity(
      { createHTML: (text) => policy?.createHTML(text) ?? text, createScript: refuse },
      refuse,
      refuse,
    ),
});

// What changes something shows that a page of this console asks for it.
document.addEventListener("htmx:config:request", ({ detail }) => {
  const { request } = detail.ctx;
  const token = document.querySelector('meta[name="csrf"]')?.content;
  if (token && request.method !== "GET") request.headers["X-CSRF-Token"] = token;
});

// A poll that gets no answer must not leave an old page looking new.
const told = document.getElementById("offline");
const tell = (text) => {
  if (told.textContent !== text) told.textContent = text;
  document.documentElement.classList.toggle("offline", text !== "");
};
const unreachable = "The console does not answer. What you see may be old; it goes on as soon as the console is back.";
addEventListener("offline", () => tell("This browser is offline. What you see may be old."));
addEventListener("online", () => tell(""));
const odd = "An answer of the console cannot be shown. What you see may be old: load the page anew.";
document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.ctx) tell(detail.ctx.response ? odd : unreachable);
});
document.addEventListener("htmx:after:request", ({ detail }) => {
  const { status } = detail.ctx.response;
  tell(status < 500 ? "" : status === 500 ? odd : unreachable);
});

// On a narrow screen the sections are a row that scrolls: the one that is shown is in sight.
const row = document.querySelector("nav.main");
const here = row?.querySelector("[aria-current]");
if (here) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;

const theme = document.getElementById("theme");
theme.value = document.documentElement.dataset.theme ?? "";
theme.addEventListener("change", () => {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
  try {
    localStorage.setItem("bulla.theme", theme.value);
  } catch {
    // It holds for this page.
  }
});

// A form that asks for the same page again when it changes needs no button then.
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.matches("form[data-follow]")) form.requestSubmit();
});
