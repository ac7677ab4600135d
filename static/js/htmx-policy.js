// htmx parses what it fetched by the page's policy too. It asks for whatever it would run as well, and gets nothing.
import { policy } from "./trusted.js";

function refuse() {
  throw new Error("Nothing on these pages is made into script.");
}

window.htmx.registerExtension("trusted-types", {
  init: (/** @type {any} */ api) =>
    api.initSecurity({ createHTML: policy.createHTML.bind(policy), createScript: refuse }, refuse, refuse),
});
