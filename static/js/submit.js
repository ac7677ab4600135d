// Sends the form of a page that is only passed through; without this, its button does.

/** @type {HTMLFormElement | null} */ (document.querySelector("form[data-submit]"))?.requestSubmit();
