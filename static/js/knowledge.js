// Dropping files on a collection does what its upload button does.

/** @param {EventTarget | null} target @returns {HTMLFormElement | null} */
function zoneOf(target) {
  return target instanceof Element ? target.closest("[data-drop-zone]") : null;
}

document.addEventListener("dragover", (event) => {
  const zone = zoneOf(event.target);
  if (!zone || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  zone.toggleAttribute("data-over", true);
});

document.addEventListener("dragleave", (event) => {
  const zone = zoneOf(event.target);
  if (zone && zoneOf(event.relatedTarget) !== zone) zone.removeAttribute("data-over");
});

document.addEventListener("drop", (event) => {
  const zone = zoneOf(event.target);
  if (!zone || !event.dataTransfer?.files.length) return;
  event.preventDefault();
  zone.removeAttribute("data-over");
  const input = zone.querySelector("input[type=file]");
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

// The same file can be chosen twice in a row only if the field is empty in between.
document.addEventListener("htmx:after:request", (event) => {
  const zone = zoneOf(event.target);
  if (zone) zone.reset();
});

// The short name follows the name until it is written by hand.
for (const form of document.querySelectorAll("[data-collection-form]")) {
  const { name, slug } = form.elements;
  let follows = slug.value === "";
  slug.addEventListener("input", () => {
    follows = false;
  });
  name.addEventListener("input", () => {
    if (!follows) return;
    const plain = name.value.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();
    slug.value = plain.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 64);
  });
}
