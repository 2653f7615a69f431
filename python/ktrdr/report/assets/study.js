/* Tables that sort. Nothing is fetched. */
(() => {
"use strict";

document.querySelectorAll("table.sorts").forEach(sortable);

document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
