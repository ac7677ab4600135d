// When the session has ended, a fragment's request is redirected to the sign-in page: load the whole page, which leads
// there or comes back from single sign-on by itself. The composer keeps its text meanwhile.
import { loadAgain } from "./leave.js";

document.addEventListener("htmx:before:swap", (event) => {
  const { response } = event.detail.ctx;
  if (!response?.raw.redirected || !/\/accounts\/login\/$/.test(new URL(response.raw.url).pathname)) return;
  event.preventDefault();
  loadAgain();
});
