// What pages do beyond HTML: follow a run, say that a venue is being read, and a key for the search.
"use strict";

// --- a run that is followed: each event is one line; at the end the page is loaded again ---
const list = document.querySelector("[data-events]");
if (list) {
  const progress = document.getElementById("progress");
  const counted = new Set(["done", "refused", "skipped"]);
  const source = new EventSource(list.dataset.events);
  source.addEventListener("line", (message) => {
    const told = JSON.parse(message.data);
    const item = document.createElement("li");
    const time = document.createElement("time");
    const tag = document.createElement("span");
    const text = document.createElement("span");
    item.className = "new";
    time.textContent = told.at;
    tag.className = "tag " + told.tone;
    tag.textContent = told.word;
    text.textContent = told.text;
    item.append(time, " ", tag, " ", text);
    list.append(item);
    if (progress && counted.has(told.word)) progress.value += 1;
  });
  source.addEventListener("over", () => {
    source.close();
    location.reload();
  });
}

// --- a form is sent once, and one that waits for a venue says so ---
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    if (form.dataset.busy) {
      const busy = document.createElement("div");
      busy.className = "busy";
      busy.setAttribute("role", "status");
      busy.textContent = form.dataset.busy + " ...";
      document.body.append(busy);
    }
  });
}
// A page that the back button brings again can be used again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const busy of document.querySelectorAll(".busy")) busy.remove();
});

// --- keys: "/" goes to the search, Escape closes what is open ---
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector('[data-key="/"]');
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll("details.menu[open]")) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  }
});
