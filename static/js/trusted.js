// The one place where text becomes HTML: the policy of the page (`trusted-types chatapp`) lets nothing else do it.
// What comes here was rendered and sanitised by the server; script in it would not run either way (script-src).

/** @type {{createHTML: (html: string) => any}} */
export const policy = window.trustedTypes?.createPolicy("chatapp", { createHTML: (html) => html }) ?? {
  createHTML: (html) => html,
};

/** @param {string} html rendered and sanitised by the server @returns {DocumentFragment} */
export function parseHtml(html) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(html);
  return template.content;
}
