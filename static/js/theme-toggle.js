// Steps through system, light and dark; theme.js applies the choice on the next page.

const NEXT = { system: "light", light: "dark", dark: "system" };
const LABELS = { system: "as the system", light: "light", dark: "dark" };

const current = () => document.documentElement.dataset.theme ?? "system";

/** @param {keyof typeof NEXT} theme */
function apply(theme) {
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("theme");
  } else {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  }
}

function label() {
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.setAttribute("aria-label", `Theme: ${LABELS[current()]}`);
    button.setAttribute("title", `Theme: ${LABELS[current()]}`);
  }
}

document.addEventListener("click", (event) => {
  if (!(/** @type {Element} */ (event.target).closest("[data-theme-toggle]"))) return;
  apply(NEXT[current()]);
  label();
});
label();
