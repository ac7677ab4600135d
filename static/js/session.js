// When the session has ended, a fragment's request is redirected to the sign-in page: go there with the whole page.

document.addEventListener("htmx:before:swap", (event) => {
  const { response } = event.detail.ctx;
  if (!response?.raw.redirected || !new URL(response.raw.url).pathname.startsWith("/accounts/login/")) return;
  event.preventDefault();
  location.assign(`/accounts/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
});
