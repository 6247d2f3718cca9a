// What the page's requests carry, and where their answers leave the user.
"use strict";

// Hits are explained by the photo and box that they were found with, whatever is chosen
// by then: the browser keeps them, the server does not.
const asked = new WeakMap(); // Of a search's request: what it sent.
let searched = null; // Of the hits that are shown.

function nameOf(sent) {
  return sent.image.name + (sent.box ? `, box ${sent.box}` : "");
}

function shownFor(sent) {
  searched = sent;
  const list = by("found").querySelector(".cards");
  if (!list || !sent) return;
  const line = document.createElement("p");
  line.className = "note searched";
  line.textContent = `Searched with ${nameOf(sent)}`;
  by("found").prepend(line);
}

// A sentence for an answer that is no piece of the page: the guard's, a proxy's.
function sentence(xhr) {
  let detail = `The server answered ${xhr.status} ${xhr.statusText}`.trim();
  try {
    detail = JSON.parse(xhr.responseText).detail || detail;
  } catch { /* Whoever answered has no problem details; the status tells it. */ }
  if (xhr.status === 401) detail = "This service does not know you any more";
  detail = detail.replace(/\.$/, "");
  const seconds = xhr.getResponseHeader("Retry-After");
  const again = seconds && !detail.includes("ry again");
  return again ? `${detail}. Try again in ${seconds} s.` : `${detail}.`;
}

function tell(text, link) {
  const line = document.createElement("p");
  line.className = "fault";
  line.setAttribute("role", "alert");
  line.append(text);
  if (link) {
    const anchor = document.createElement("a");
    [anchor.href, anchor.textContent] = link;
    line.append(" ", anchor);
  }
  by("said").replaceChildren(line);
}

function isPiece(xhr) {
  return xhr.status < 400 || xhr.responseText.startsWith('<p class="fault"');
}

// The list of people is made anew after each change: the place in it is kept.
let focused = null;

function controls(card) {
  return [...card.querySelectorAll("input:not([type=hidden]), button")];
}

function cards() {
  return [...by("people").querySelectorAll(".card")];
}

function placeOf(element) {
  if (!by("people").contains(element)) return null;
  const card = element.closest(".card");
  if (!card) return { entry: null, number: cards().length, control: 0 }; // More.
  const control = controls(card).indexOf(element);
  return { entry: card.dataset.entry, number: cards().indexOf(card), control };
}

function goTo({ entry, number, control }) {
  const all = cards();
  const same = all.find((card) => card.dataset.entry === entry);
  const card = same || all[Math.min(number, all.length - 1)];
  if (!card) return by("people-title").focus();
  const there = controls(card);
  there[Math.min(control, there.length - 1)].focus();
}

function listen() {
  const on = (kind, heard) => document.body.addEventListener(`htmx:${kind}`, heard);
  on("configRequest", ({ detail }) => {
    if (detail.path === "/page/why") {
      detail.parameters.image = searched.image;
      detail.parameters.box = searched.box;
    }
    if (detail.elt === by("search")) {
      // A day's own offset from UTC: the one of today is another in half of the year.
      for (const name of ["since", "until"]) {
        const time = new Date(detail.parameters[name]);
        if (!Number.isNaN(time.getTime())) detail.parameters[name] = time.toISOString();
      }
    }
    const list = by("people").querySelector(".cards");
    if (detail.elt === by("people") && list) {
      detail.parameters.person_id = list.dataset.person;
      detail.parameters.count = cards().length;
    }
  });
  on("beforeRequest", ({ detail }) => {
    const sent = detail.requestConfig.formData;
    if (detail.elt === by("search")) {
      asked.set(detail.xhr, { image: sent.get("image"), box: sent.get("box") });
    }
    if (detail.elt !== by("people")) by("said").replaceChildren();
  });
  on("beforeSwap", ({ detail }) => {
    if (!isPiece(detail.xhr)) {
      detail.shouldSwap = false;
      const link = detail.xhr.status === 401 && ["/", "Give your token again"];
      tell(sentence(detail.xhr), link);
      return;
    }
    if (by("people").contains(detail.target)) focused = placeOf(document.activeElement);
  });
  on("afterSwap", ({ detail, target }) => {
    if (target === by("found")) {
      shownFor(asked.get(detail.xhr));
      by("found-title").focus();
    }
    if (focused) goTo(focused);
    focused = null;
  });
  for (const kind of ["sendError", "timeout"]) {
    on(kind, () => tell(
      "No answer came. The server may have ended or be out of reach, or the photo is "
      + "not where it was when it was chosen.",
    ));
  }
}

if (by("photo")) listen();
