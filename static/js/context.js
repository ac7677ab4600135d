// How full the model's context is, as the last answer of the branch on the page tells.

const gauge = /** @type {HTMLElement} */ (document.getElementById("context"));

export function showContext() {
  const percent = [...document.querySelectorAll(".answer[data-filled]")].at(-1)?.dataset.filled;
  gauge.hidden = percent === undefined;
  if (percent === undefined) return;
  gauge.setAttribute("aria-valuenow", percent);
  gauge.setAttribute("aria-valuetext", `${percent} percent`);
  gauge.querySelector(".context-filled").setAttribute("stroke-dasharray", `${percent} 100`);
  gauge.querySelector("[data-text]").textContent = `Context ${percent} %`;
}

document.addEventListener("htmx:after:swap", showContext);
showContext();
