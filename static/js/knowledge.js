// The pages below /knowledge/: what is dropped or chosen is sent, and new collections get a short name.
import "./polling.js";
import { chosenFiles, droppedFiles } from "./folders.js";
import { toast } from "./toast.js";
import { upload } from "./uploads.js";

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

document.addEventListener("drop", async (event) => {
  const zone = zoneOf(event.target);
  if (!zone || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  zone.removeAttribute("data-over");
  try {
    upload(zone, await droppedFiles(event.dataTransfer));
  } catch {
    toast("What was dropped could not be read. Choose it with the button instead.");
  }
});

document.addEventListener("change", (event) => {
  const zone = zoneOf(event.target);
  if (!zone || event.target.type !== "file") return;
  upload(zone, chosenFiles(event.target.files));
  // The same file can be chosen twice in a row only if the field is empty in between.
  zone.reset();
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
