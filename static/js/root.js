// The path that all of it is served below: "/", or "/chatapp/" on a shared host.

export const root = /** @type {HTMLMetaElement} */ (document.querySelector("meta[name=root]")).content;
