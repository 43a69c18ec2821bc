
"use strict";
(() => {
  const form = document.getElementById("filter");
  const count = document.getElementById("count");
  const fields = [...form.querySelectorAll("[data-column]")];
  const between = "\u0001"; // in no cell
  let parts = null;
  let waiting = 0;

  // Reading the rows takes a moment when there are many, so it is done when somebody filters.
  const read = () => [...document.querySelectorAll(".part")].map((part) => ({
    part,
    rows: [...part.querySelectorAll("tbody tr")].map((row) => ({ row, text: textOf(row) })),
  }));
  const textOf = (row) => {
    const cells = [];
    for (let cell = row.firstElementChild; cell !== null; cell = cell.nextElementSibling) {
      cells.push(cell.firstChild === null ? "" : cell.firstChild.data);
    }
    return cells.join(between).toLowerCase();
  };

  const apply = () => {
    parts ??= read();
    const words = document.getElementById("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const asked = fields.filter((field) => field.value.trim() !== "")
      .map((field) => ({ column: Number(field.dataset.column), text: field.value.trim().toLowerCase() }));
    const stays = (text) => {
      if (!words.every((word) => text.includes(word))) {
        return false;
      }
      if (asked.length === 0) {
        return true;
      }
      const cells = text.split(between);
      return asked.every((a) => cells[a.column].includes(a.text));
    };
    let all = 0;
    let shown = 0;
    for (const { part, rows } of parts) {
      let here = 0;
      for (const { row, text } of rows) {
        const hide = !stays(text);
        if (row.hidden !== hide) {
          row.hidden = hide;
        }
        here += hide ? 0 : 1;
      }
      part.hidden = here === 0;
      all += rows.length;
      shown += here;
    }
    count.textContent = shown === all ? `${all} flows` : `${shown} of ${all} flows`;
  };

  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 150);
  };
  form.addEventListener("input", soon);
  form.addEventListener("reset", soon); // the fields are empty by then
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
})();
