/* Tables whose headings sort their rows. */
function sortable(table) {
  "use strict";
  const body = table.tBodies[0], headings = [...table.tHead.rows[0].cells], rows = [...body.rows];
  const sorted = { column: -1, descending: false };
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim(), number = Number(text.replace(/[,% ]/g, ""));
    return /^(-( .*)?)?$/.test(text) ? -Infinity : Number.isNaN(number) ? text : number;
  };
  const order = (column) => {
    sorted.descending = sorted.column === column && !sorted.descending;
    sorted.column = column;
    const sign = sorted.descending ? -1 : 1, keyed = rows.map((row) => [value(row, column), row]);
    keyed.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0));
    body.append(...keyed.map(([, row]) => row));
    headings.forEach((cell, index) => {
      if (index === column) cell.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  };
  headings.forEach((cell, column) => cell.querySelector("button").addEventListener("click", () => order(column)));
}
