/* The heat map that a reader chooses. Maps may come after the page: the whole document is listened to. */
function choose(chooser) {
  "use strict";
  const choices = [...chooser.querySelectorAll("select")];
  for (const map of chooser.parentElement.querySelectorAll(".map")) {
    map.classList.toggle("chosen", choices.every(({ name, value }) => map.dataset[name] === value));
  }
}

document.addEventListener("change", (event) => {
  "use strict";
  const chooser = event.target.closest(".chooser");
  if (chooser) choose(chooser);
});
