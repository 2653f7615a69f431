/* Tables that sort, and the heat map that a reader chooses. Nothing is fetched. */
(() => {
"use strict";

document.querySelectorAll("table.sorts").forEach(sortable);

for (const chooser of document.querySelectorAll(".chooser")) {
  const choices = [...chooser.querySelectorAll("select")], maps = [...chooser.parentElement.querySelectorAll(".map")];
  const show = () => {
    for (const map of maps) map.classList.toggle("chosen", choices.every(({ name, value }) => map.dataset[name] === value));
  };
  for (const choice of choices) choice.addEventListener("change", show);
}

document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
