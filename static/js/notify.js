// A browser notice that an answer is ready, for who has asked for it in the sidebar. It never holds text of a chat.
import { toast } from "./toast.js";

const KEY = "notify";
const ASK_MS = 150;
const button = /** @type {HTMLElement | null} */ (document.querySelector("[data-notify-toggle]"));
const conversation = () => document.getElementById("thread").dataset.conversation;
const isOn = () => "Notification" in window && Notification.permission === "granted" && localStorage.getItem(KEY) === "on";

// Pages of one browser ask each other whether somebody looks at the conversation in another tab.
const others = new BroadcastChannel("looking-at");
others.addEventListener("message", ({ data }) => {
  if (data.ask === conversation() && !document.hidden) others.postMessage({ seen: data.ask });
});

/** @param {string} id @returns {Promise<boolean>} */
function isSeenElsewhere(id) {
  return new Promise((resolve) => {
    const listen = ({ data }) => data.seen === id && finish(true);
    const finish = (/** @type {boolean} */ seen) => {
      others.removeEventListener("message", listen);
      resolve(seen);
    };
    others.addEventListener("message", listen);
    others.postMessage({ ask: id });
    setTimeout(finish, ASK_MS, false);
  });
}

/** @param {string} ending */
export async function notifyReady(ending) {
  const id = conversation();
  if (!document.hidden || !isOn() || (await isSeenElsewhere(id))) return;
  try {
    const notice = new Notification("Chatapp", { body: ending, tag: id });
    notice.onclick = () => {
      window.focus();
      notice.close();
    };
  } catch {
    // Some phones allow notices to service workers only; the title tells it.
  }
}

function label() {
  const on = isOn();
  button.setAttribute("aria-pressed", String(on));
  button.title = on ? "Notices of ready answers: on" : "Notices of ready answers: off";
}

async function toggle() {
  const wanted = !isOn();
  if (wanted && (await Notification.requestPermission()) !== "granted") {
    toast("The browser does not allow notices from this site. Allow them in its settings first.");
  }
  if (wanted) localStorage.setItem(KEY, "on");
  else localStorage.removeItem(KEY);
  label();
}

if (button && "Notification" in window) {
  button.hidden = false;
  button.addEventListener("click", toggle);
  label();
}
