document.querySelectorAll("table.sortable th").forEach(function (head) {
  head.tabIndex = 0;
  function sort() {
    var column = head.cellIndex, body = head.closest("table").tBodies[0], rows = Array.from(body.rows);
    var down = head.getAttribute("aria-sort") === "ascending";
    head.parentNode.querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.sort(function (one, two) {
      var a = one.cells[column].dataset.v, b = two.cells[column].dataset.v;
      if (a === undefined || b === undefined) {
        return one.cells[column].textContent.localeCompare(two.cells[column].textContent);
      }
      a = a === "" ? -Infinity : +a; b = b === "" ? -Infinity : +b;
      return a === b ? 0 : a < b ? -1 : 1;
    });
    if (down) { rows.reverse(); }
    rows.forEach(function (row) { body.appendChild(row); });
  }
  head.addEventListener("click", sort);
  head.addEventListener("keydown", function (event) { if (event.key === "Enter") { sort(); } });
});
